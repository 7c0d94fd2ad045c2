package telemetry

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"blaze/telemetry/alert"
	"blaze/telemetry/history"
	"blaze/telemetry/setting"
)

// AlertRule is one entry of alerts.
type AlertRule struct {
	Name     string        `yaml:"name" doc:"the alert's name" example:"upstream-errors"`
	When     string        `yaml:"when" doc:"condition over metrics and history" example:"error_rate > 5%"`
	For      time.Duration `yaml:"for" doc:"how long the condition must hold before the alert fires" default:"0s" example:"1m"`
	Severity string        `yaml:"severity" doc:"a word for the receiver of the alert" default:"warning" example:"page"`
}

// resendEvery is how often a receiver that forgets is told that an alert still fires; Alertmanager forgets after five
// minutes.
const resendEvery = time.Minute

// presets are the alerts that are there without being asked for.
func presets() []AlertRule {
	return []AlertRule{
		{"blaze-errors", "error_rate > 5% and request_rate > 0.1", time.Minute, "page"},
		{"blaze-overhead", "overhead > 10ms and request_rate > 0.1", 5 * time.Minute, "warning"},
		{"blaze-queue", "queue_depth > 100", time.Minute, "warning"},
		{"blaze-cpu", "system.cpu.percent > 90", 5 * time.Minute, "warning"},
		{"blaze-memory", "system.memory.percent > 90", time.Minute, "page"},
		{"blaze-disk", "system.disk.percent > 90", 5 * time.Minute, "warning"},
		{"blaze-panic", "increase(blaze_panics_total[5m]) > 0", 0, "page"},
		{"blaze-log-lost", "increase(blaze_log_dropped_total[1m]) > 0", 0, "page"},
		{"blaze-policy-refused", `increase(blaze_policy_reloads_total{result="failed"}[5m]) > 0`, 0, "warning"},
		{"blaze-bans", `increase(blaze_bans_total{by="auto"}[10m]) > 20`, 0, "warning"},
	}
}

// shorthands are the words of alerts that stand for something asked of metrics.
func shorthand(name string) (f func(v valuer, window time.Duration) float64, ok bool) {
	share := func(part, whole history.Query) func(valuer, time.Duration) float64 {
		return func(v valuer, w time.Duration) float64 {
			n := v.past.Over(part, v.now(), w)
			if n != n {
				n = 0 // no such series yet
			}
			return n / v.past.Over(whole, v.now(), w)
		}
	}
	just := func(q history.Query) func(valuer, time.Duration) float64 {
		return func(v valuer, w time.Duration) float64 { return v.past.Over(q, v.now(), w) }
	}
	requests := history.Query{Name: "blaze_requests_total", Func: "increase"}
	failed := history.Query{Name: "blaze_requests_total", Func: "increase", Match: map[string]string{"status_class": "5xx"}}
	switch name {
	case "error_rate":
		return share(failed, requests), true
	case "denial_rate":
		return share(history.Query{Name: "blaze_denials_total", Func: "increase"}, requests), true
	case "request_rate":
		return just(history.Query{Name: "blaze_requests_total", Func: "rate"}), true
	case "overhead":
		return just(history.Query{Name: "blaze_overhead_seconds", Func: "p99"}), true
	case "first_token":
		return just(history.Query{Name: "blaze_time_to_first_token_seconds", Func: "p95"}), true
	}
	return nil, false
}

func shorthands() []string {
	return []string{"error_rate", "denial_rate", "request_rate", "overhead", "first_token", "queue_depth"}
}

// valuer is where alerts get their values; without a past it only checks names.
type valuer struct {
	metrics map[string]Metric // what may be named
	live    *Metrics
	past    *history.Store
	now     func() time.Time
}

// Share reports whether s is a share of all requests.
func (v valuer) Share(s *alert.Selector) bool {
	return s.Name == "error_rate" || s.Name == "denial_rate"
}

// Check makes the name the catalogue's and the function one that its kind has.
func (v valuer) Check(s *alert.Selector) error {
	if _, ok := shorthand(s.Name); ok {
		if s.Func != "" || len(s.Match) > 0 {
			return fmt.Errorf("%s stands alone, without a function or labels", s.Name)
		}
		return nil
	}
	m, ok := v.metrics[canonical(s.Name)]
	if !ok {
		return unknownMetric(s.Name, v.metrics)
	}
	s.Name = m.Name
	for label := range s.Match {
		if !slices.Contains(m.Labels, label) {
			return fmt.Errorf("%s has no label %q; it has %q", m.Name, label, m.Labels)
		}
	}
	return checkFunc(s, m.Kind)
}

func checkFunc(s *alert.Selector, k Kind) error {
	_, quantile := history.ParseQuantile(s.Func)
	switch {
	case k == KindGauge && s.Func == "":
		s.Func = "value"
	case k == KindGauge && s.Func == "avg", k == KindCounter && (s.Func == "rate" || s.Func == "increase"),
		k == KindHistogram && (s.Func == "rate" || s.Func == "increase" || s.Func == "avg" || quantile):
	case k == KindGauge:
		return fmt.Errorf("%s is a gauge: want it alone, or avg(%s)", s.Name, s.Name)
	case k == KindCounter:
		return fmt.Errorf("%s is a counter: want rate(%s) or increase(%s)", s.Name, s.Name, s.Name)
	default:
		return fmt.Errorf("%s is a histogram: want a quantile such as p99(%s), or avg, rate or increase", s.Name, s.Name)
	}
	return nil
}

// canonical turns system.memory.percent into blaze_system_memory_percent.
func canonical(name string) string {
	name = strings.ReplaceAll(name, ".", "_")
	if !strings.HasPrefix(name, "blaze_") {
		name = "blaze_" + name
	}
	return name
}

func unknownMetric(name string, metrics map[string]Metric) error {
	names := shorthands()
	for n := range metrics {
		names = append(names, n, strings.TrimPrefix(n, "blaze_"))
	}
	slices.Sort(names)
	if near := setting.Nearest(name, names); near != "" {
		return fmt.Errorf("unknown metric %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("unknown metric %q", name)
}

// Value is a selector's value now. A gauge with several series is its highest: the fullest disk is the one that counts.
func (v valuer) Value(s alert.Selector) float64 {
	if f, ok := shorthand(s.Name); ok {
		return f(v, s.Window)
	}
	if s.Func == "value" {
		return v.highest(s)
	}
	if s.Func == "avg" && v.metrics[s.Name].Kind == KindGauge {
		s.Func = "value"
	}
	return v.past.Over(history.Query{Name: s.Name, Func: s.Func, Match: s.Match}, v.now(), s.Window)
}

func (v valuer) highest(s alert.Selector) float64 {
	out := math.NaN()
	f := v.live.find(s.Name)
	if f == nil {
		return out
	}
	for _, one := range f.all() {
		if n := one.current(); f.matches(one, s.Match) && !(n <= out) {
			out = n
		}
	}
	return out
}

// knownMetrics are the names that alerts and suggestions may use.
func (c *Config) knownMetrics() map[string]Metric {
	out := map[string]Metric{}
	for _, m := range Catalogue() {
		out[m.Name] = m
	}
	for i := range c.CustomMetrics {
		m := c.CustomMetrics[i].metric()
		out[m.Name] = m
	}
	return out
}

// alertRules compiles the section's alerts, presets first; one with a preset's name takes its place.
func (c *Config) alertRules() (rules []alert.Rule, err error) {
	var errs []error
	v := valuer{metrics: c.knownMetrics()}
	seen := map[string]bool{}
	for i, a := range c.Alerts {
		path := fmt.Sprintf("alerts[%d]", i)
		if a.Name == "" || seen[a.Name] {
			errs = append(errs, setting.Wrong(path+".name", "a name that no other alert has", a.Name))
		}
		seen[a.Name] = true
		if a.For < 0 {
			errs = append(errs, setting.Wrong(path+".for", "a duration of 0s or more", a.For))
		}
		when, err := alert.Parse(a.When, v)
		if err != nil {
			errs = append(errs, setting.Wrong(path+".when", "a condition such as error_rate > 5%", a.When+" ("+err.Error()+")"))
			continue
		}
		rules = append(rules, alert.Rule{Name: a.Name, When: when, For: a.For, Severity: severityOr(a.Severity)})
	}
	if c.AlertPresets {
		for _, a := range presets() {
			when, err := alert.Parse(a.When, v)
			if err != nil {
				panic("BUG: preset alert " + a.Name + ": " + err.Error())
			}
			if !seen[a.Name] {
				rules = append(rules, alert.Rule{Name: a.Name, When: when, For: a.For, Severity: a.Severity})
			}
		}
	}
	return rules, errors.Join(errs...)
}

func severityOr(s string) string {
	if s == "" {
		return "warning"
	}
	return s
}

// validateWebhooks: a webhook's address may hold a secret, so no message repeats it.
func (c *Config) validateWebhooks() error {
	var errs []error
	for i, w := range c.AlertWebhooks {
		if !httpURL(w) {
			errs = append(errs, &setting.Problem{Path: fmt.Sprintf("alert_webhooks[%d]", i), Want: "an http or https URL", Got: "something else"})
		}
	}
	return errors.Join(errs...)
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// configureAlerts takes the rules and the webhooks in. Caller holds mu.
func (t *Telemetry) configureAlerts(c *Config) {
	rules, err := c.alertRules()
	if err != nil {
		t.Log.Error().Err(err).Msg("some alerts are not watched")
	}
	t.tell(t.alerts.SetRules(rules, t.now()))
	if slices.Equal(c.AlertWebhooks, t.webhookURLs) {
		return
	}
	for _, stop := range t.webhookStops {
		stop()
	}
	t.webhookURLs, t.webhookStops = slices.Clone(c.AlertWebhooks), nil
	hooks := []*alert.Webhook{}
	for _, u := range c.AlertWebhooks {
		w := alert.NewWebhook(u, t.instance, func(result string) { t.Metrics.Counter("blaze_alert_notifications_total", result).Inc() })
		hooks = append(hooks, w)
		t.webhookStops = append(t.webhookStops, t.parts.add(w.Run))
	}
	t.webhooks.Store(&hooks)
}

// evaluate looks at the alerts, after the history has taken the newest values in.
func (t *Telemetry) evaluate(now time.Time) {
	changes := t.alerts.Eval(now)
	t.tell(changes)
	if now.Sub(t.resent) < resendEvery {
		return
	}
	t.resent = now
	firing, _, _ := t.alerts.Alerts()
	for _, w := range t.hooks() {
		if w.Resends() {
			w.Tell(firing)
		}
	}
}

func (t *Telemetry) hooks() []*alert.Webhook {
	if h := t.webhooks.Load(); h != nil {
		return *h
	}
	return nil
}

// tell logs changes and passes them on.
func (t *Telemetry) tell(changes []alert.Alert) {
	for _, a := range changes {
		t.Log.Warn().Str("alert", a.Name).Str("state", a.State).Str("severity", a.Severity).Str("when", a.When).Float64("value", a.Value).Msg("alert")
	}
	for _, w := range t.hooks() {
		w.Tell(changes)
	}
}

// Alerts is what /alerts answers.
type Alerts struct {
	Time     time.Time     `json:"time"`
	Firing   []alert.Alert `json:"firing"`
	Pending  []alert.Alert `json:"pending"`
	Resolved []alert.Alert `json:"resolved"` // newest first
}

func (a *Admin) alertList(w http.ResponseWriter, _ *http.Request) {
	out := Alerts{Time: a.t.now().UTC()}
	out.Firing, out.Pending, out.Resolved = a.t.alerts.Alerts()
	writeJSON(w, http.StatusOK, out)
}
