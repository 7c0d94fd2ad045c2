package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"blaze/telemetry/alert"
)

// table is a Source of fixed values.
type table map[string]float64

func (t table) Value(s alert.Selector) float64 {
	name := s.Name
	if s.Func != "" {
		name = s.Func + "(" + s.Name + fmt.Sprint(s.Match["l"]) + s.Window.String() + ")"
	}
	if v, ok := t[name]; ok {
		return v
	}
	return math.NaN()
}

func (t table) Check(s *alert.Selector) error {
	if strings.HasPrefix(s.Name, "bad") {
		return errors.New("unknown metric")
	}
	return nil
}

func (t table) Share(s *alert.Selector) bool { return s.Name == "share" }

func TestConditions(t *testing.T) {
	src := table{"a": 5, "b": 2, "share": .06, "zero": 0, "system.memory.percent": 90, "rate(m1m0s)": 3, "p99(mx5m0s)": 7}
	f := func(text string, want bool, wantValue float64) {
		t.Helper()
		e, err := alert.Parse(text, src)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if holds, v := e.Holds(src); holds != want || v != wantValue && !(v != v && wantValue != wantValue) {
			t.Errorf("%s: got %v with %v, want %v with %v", text, holds, v, want, wantValue)
		}
	}
	f("a > 4", true, 5)
	f("a > 5", false, 5)
	f("a >= 5", true, 5)
	f("a < 5", false, 5)
	f("a <= 5", true, 5)
	f("a == 5", true, 5)
	f("a != 5", false, 5)
	f("share > 5%", true, .06)
	f("share > 0.07", false, .06)
	f("a > 250ms", true, 5)
	f("a < 1m", true, 5)
	f("a < 1KiB", true, 5)
	f("system.memory.percent > 85", true, 90)
	f("a + b * 2 == 9", true, 9)
	f("(a + b) * 2 == 14", true, 14)
	f("a - b - 1 == 2", true, 2)
	f("-a < 0", true, -5)
	f("a / zero > 1", false, math.NaN())
	f("a > 4 and b > 4", false, 5)
	f("a > 4 or b > 4", true, 5)
	f("a > 9 or b > 1", true, 2)
	f("a > 9 and b > 1 or a == 5", true, 5)
	f("rate(m) > 2", true, 3)
	f(`p99(m{l="x"}[5m]) > 6`, true, 7)
	f("nothing > 0", false, math.NaN())
	f("nothing != 0", false, math.NaN())
}

func TestWrongConditions(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := alert.Parse(text, table{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	f("", "ends where a value is wanted")
	f("a", "not a condition")
	f("a + 1", "not a condition")
	f("a >", "ends where a value is wanted")
	f("a > 5 b", `unexpected "b"`)
	f("(a > 5", `want ")"; got the end`)
	f("a > 5x", `"5x" is not a number`)
	f("a > 5 > 4", "want a number on both sides of >")
	f("a and b", "want a condition on both sides of and")
	f("bad > 1", "unknown metric")
	f("share > 5", "share is a share and never over 1: want one such as 5%; got 5")
	f("share >= 1.5 and a > 1", "never over 1")
	f("rate(a > 1", `want ")"`)
	f("rate() > 1", "want a metric's name")
	f("a{l=x} > 1", "want a label's value in quotes")
	f(`a{l "x"} > 1`, `want "="`)
	f(`a{l="x" > 1`, "want , or }")
	f("a[5y] > 1", "want a time from 10s to 24h")
	f("a[1s] > 1", "want a time from 10s to 24h")
	f("a[5m > 1", `want "]"`)
	f("a ? 1", `unexpected "?"`)
	f(strings.Repeat("(", 100)+"a", "nested deeper")
	f(strings.Repeat("a", 2000)+" > 1", "longer than")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a > 5", `p99(m{l="x"}[5m]) > 6 and -a < 3%`, "((a", `a{"`, "a >= 1KiB or"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := alert.Parse(text, table{"a": 1}); err == nil {
			e.Holds(table{"a": 1})
		}
	})
}

func rule(t *testing.T, name, when string, hold time.Duration) alert.Rule {
	t.Helper()
	e, err := alert.Parse(when, table{})
	if err != nil {
		t.Fatal(err)
	}
	return alert.Rule{Name: name, When: e, For: hold, Severity: "page"}
}

func TestAlertFiresAfterItsTimeAndResolves(t *testing.T) {
	src := table{"x": 1}
	e := alert.NewEngine(src)
	now := time.Unix(1000, 0)
	e.SetRules([]alert.Rule{rule(t, "r", "x > 5", time.Minute)}, now)
	f := func(x float64, seconds int, wantState, wantChange string) {
		t.Helper()
		now = now.Add(time.Duration(seconds) * time.Second)
		src["x"] = x
		change := ""
		for _, c := range e.Eval(now) {
			change += c.State
		}
		firing, pending, resolved := e.Alerts()
		state := fmt.Sprint(len(firing), len(pending), len(resolved))
		if state != wantState || change != wantChange {
			t.Errorf("x=%v: got %s %q, want %s %q", x, state, change, wantState, wantChange)
		}
	}
	f(1, 10, "0 0 0", "")
	f(6, 10, "0 1 0", "")
	f(6, 50, "0 1 0", "")
	f(1, 5, "0 0 0", "") // did not hold long enough: no word of it
	f(6, 10, "0 1 0", "")
	f(7, 60, "1 0 0", "firing")
	f(8, 60, "1 0 0", "")
	f(1, 10, "0 0 1", "resolved")
	f(math.NaN(), 10, "0 0 1", "")
	f(6, 10, "0 1 1", "")
	f(6, 60, "1 0 1", "firing")
	// The rule is gone, and with it the alert.
	if c := e.SetRules(nil, now); len(c) != 1 || c[0].State != "resolved" {
		t.Errorf("got %+v", c)
	}
}

// A reload that does not change the rule does not end the alert.
func TestReloadKeepsAlerts(t *testing.T) {
	src := table{"x": 9}
	e := alert.NewEngine(src)
	now := time.Unix(1000, 0)
	rules := func(more ...alert.Rule) []alert.Rule { return append(more, rule(t, "r", "x > 5", 0)) }
	e.SetRules(rules(), now)
	e.Eval(now)
	if c := e.SetRules(rules(rule(t, "s", "x > 6", 0)), now); len(c) != 0 {
		t.Errorf("got %+v", c)
	}
	if firing, _, _ := e.Alerts(); len(firing) != 1 || firing[0].Name != "r" {
		t.Errorf("got %+v", firing)
	}
}

func TestResolvedAlertsAreBounded(t *testing.T) {
	src := table{}
	e := alert.NewEngine(src)
	e.SetRules([]alert.Rule{rule(t, "r", "x > 5", 0)}, time.Time{})
	for i := range 200 {
		src["x"] = 9
		e.Eval(time.Unix(int64(2*i), 0))
		src["x"] = 1
		e.Eval(time.Unix(int64(2*i+1), 0))
	}
	if _, _, resolved := e.Alerts(); len(resolved) != 50 || resolved[0].Since.Unix() != 398 {
		t.Errorf("got %d, the newest of %v", len(resolved), resolved[0].Since)
	}
}

// postableAlerts is Alertmanager's API v2 schema of POST /alerts, as far as it requires anything.
type postableAlerts []struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

func example(state string) []alert.Alert {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	a := alert.Alert{Name: "errors", Severity: "page", When: "error_rate > 5%", State: state, Value: .08, Since: now, Fired: &now}
	if state == "resolved" {
		a.Resolved = &now
	}
	return []alert.Alert{a}
}

func TestAlertmanagerForm(t *testing.T) {
	var got postableAlerts
	results := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s %s", r.Method, r.Header.Get("Content-Type"))
		}
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	w := alert.NewWebhook(srv.URL+"/api/v2/alerts", "pod-1", func(result string) { results <- result })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go w.Run(ctx)
	w.Tell(example("resolved"))
	if r := <-results; r != "sent" {
		t.Fatal(r)
	}
	a := got[0]
	if a.Labels["alertname"] != "errors" || a.Labels["severity"] != "page" || a.Labels["instance"] != "pod-1" || a.StartsAt.IsZero() || a.EndsAt.IsZero() || !strings.Contains(a.Annotations["summary"], "0.08") {
		t.Errorf("got %+v", a)
	}
	if !w.Resends() {
		t.Error("Alertmanager has to be reminded")
	}
}

// slackTo sends what would go to Slack to a test server.
type slackTo struct{ body chan string }

func (s slackTo) RoundTrip(r *http.Request) (*http.Response, error) {
	b, _ := io.ReadAll(r.Body)
	s.body <- string(b)
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}}, nil
}

func TestSlackForm(t *testing.T) {
	w := alert.NewWebhook("https://hooks.slack.com/services/T/B/X", "<pod>", func(string) {})
	body := make(chan string, 1)
	w.SetTransport(slackTo{body})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go w.Run(ctx)
	a := example("firing")
	a[0].Name = "a<!channel>&"
	w.Tell(a)
	var got struct{ Text string }
	if err := json.Unmarshal([]byte(<-body), &got); err != nil {
		t.Fatal(err)
	}
	if want := "Blaze &lt;pod&gt;\n:rotating_light: *[page] a&lt;!channel&gt;&amp; is firing: error_rate &gt; 5% (now 0.08)*"; got.Text != want || w.Resends() {
		t.Errorf("got %q, want %q", got.Text, want)
	}
}

// flaky answers with each status once, then with 200.
type flaky struct {
	mu       sync.Mutex
	statuses []int
	asked    int
}

func (f *flaky) RoundTrip(*http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	status := 200
	if len(f.statuses) > 0 {
		status, f.statuses = f.statuses[0], f.statuses[1:]
	}
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}}, nil
}

func TestWebhookRetries(t *testing.T) {
	f := func(statuses []int, wantResult string, wantAsked int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			results := make(chan string, 1)
			w := alert.NewWebhook("http://127.0.0.1:1/", "x", func(r string) { results <- r })
			to := &flaky{statuses: statuses}
			w.SetTransport(to)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go w.Run(ctx)
			w.Tell(example("firing"))
			if got := <-results; got != wantResult || to.asked != wantAsked {
				t.Errorf("%v: got %s after %d, want %s after %d", statuses, got, to.asked, wantResult, wantAsked)
			}
		})
	}
	f(nil, "sent", 1)
	f([]int{503, 0, 429}, "sent", 4)
	f([]int{400}, "failed", 1)
	f([]int{302}, "failed", 1)
	f([]int{0, 0, 0, 0, 0, 0, 0}, "failed", 6)
}

func TestWebhookThatStandsStillIsNotWaitedFor(t *testing.T) {
	results := make(chan string, 200)
	w := alert.NewWebhook("http://127.0.0.1:1/", "x", func(r string) { results <- r })
	for range 100 { // nobody runs it
		w.Tell(example("firing"))
	}
	if len(results) != 36 {
		t.Errorf("dropped %d, want 36: 64 wait", len(results))
	}
	w.Tell(nil)
}
