package telemetry

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"blaze/telemetry/setting"
)

// CustomMetric is one entry of custom_metrics: a counter of the policy's own.
type CustomMetric struct {
	Name      string            `yaml:"name" doc:"shown as blaze_custom_NAME_total" example:"tokens_by_tenant"`
	Count     string            `yaml:"count" doc:"what is added up: requests, usage.input_tokens, usage.output_tokens, usage.total_tokens, bytes_in, bytes_out, frames or retries" default:"requests" example:"usage.total_tokens"`
	Labels    map[string]string `yaml:"labels" doc:"up to four labels, each from: identity.subject, .tenant, .tier, .key, route, endpoint, upstream, target, engine, model, method, status_class, code, filter, rule" example:"{tenant: identity.tenant}"`
	MaxSeries int               `yaml:"max_series" doc:"most sets of label values; past it they count as other" default:"1000" example:"1000"`
}

// maxCustomLabels bounds the labels of one metric, so that a key of them is an array.
const maxCustomLabels = 4

// amounts is what can be counted of an exchange.
func amount(word string) (f func(*Record) int64, ok bool) {
	f, ok = map[string]func(*Record) int64{
		"requests":            func(*Record) int64 { return 1 },
		"usage.input_tokens":  func(r *Record) int64 { return r.TokensIn },
		"usage.output_tokens": func(r *Record) int64 { return r.TokensOut },
		"usage.total_tokens":  func(r *Record) int64 { return r.TokensIn + r.TokensOut },
		"bytes_in":            func(r *Record) int64 { return r.BytesIn },
		"bytes_out":           func(r *Record) int64 { return r.BytesOut },
		"frames":              func(r *Record) int64 { return r.Frames },
		"retries":             func(r *Record) int64 { return int64(r.Retries) },
	}[word]
	return f, ok
}

// sources are what a label can be. A client chooses some of these values, so series are bounded and values clipped.
func sources() map[string]func(*Record) string {
	return map[string]func(*Record) string{
		"identity.subject": func(r *Record) string { return r.Subject },
		"identity.tenant":  func(r *Record) string { return r.Tenant },
		"identity.tier":    func(r *Record) string { return r.Tier },
		"identity.key":     func(r *Record) string { return r.KeyID },
		"route":            func(r *Record) string { return r.Route },
		"endpoint":         func(r *Record) string { return r.Endpoint },
		"upstream":         func(r *Record) string { return r.Upstream },
		"target":           func(r *Record) string { return r.Target },
		"engine":           func(r *Record) string { return r.Engine },
		"model":            func(r *Record) string { return r.Model },
		"method":           func(r *Record) string { return r.Method },
		"status_class":     func(r *Record) string { return className(classOf(r.Status)) },
		"code":             func(r *Record) string { return r.Code },
		"filter":           func(r *Record) string { return r.Filter },
		"rule":             func(r *Record) string { return r.Rule },
	}
}

// custom is a compiled CustomMetric.
type custom struct {
	family *family
	amount func(*Record) int64
	labels []func(*Record) string
	series cache[[maxCustomLabels]string, *Counter]
	rest   *Counter
}

func (c *custom) add(r *Record) {
	n := c.amount(r)
	if n == 0 {
		return
	}
	var k [maxCustomLabels]string
	for i, f := range c.labels {
		v := f(r)
		k[i] = v[:min(len(v), maxLabel)]
	}
	if s, ok := c.series.get(k); ok {
		s.Add(n)
		return
	}
	c.first(k).Add(n)
}

// first makes the series of new label values, or returns that of all others.
func (c *custom) first(k [maxCustomLabels]string) *Counter {
	if c.series.full() {
		return c.rest
	}
	own := k
	for i := range own {
		own[i] = strings.Clone(own[i])
	}
	return c.series.ensure(own, func() *Counter { return c.family.get(own[:len(c.labels)]).counter })
}

// metric is its line of the catalogue. One series more than asked for is that of others.
func (c *CustomMetric) metric() Metric {
	limit := c.MaxSeries
	if limit <= 0 {
		limit = defaultMaxSeries
	}
	return Metric{
		Name: "blaze_custom_" + c.Name + "_total", Kind: KindCounter, Unit: c.Count, Labels: slices.Sorted(maps.Keys(c.Labels)),
		Why: "Custom metric of the policy: " + c.Count + ".", MaxSeries: limit + 1,
	}
}

func validateCustom(list []CustomMetric) error {
	word := regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	var errs []error
	seen := map[string]bool{}
	for i, c := range list {
		path := fmt.Sprintf("custom_metrics[%d].", i)
		bad := func(key, want string, got any) { errs = append(errs, setting.Wrong(path+key, want, got)) }
		if !word.MatchString(c.Name) || seen[c.Name] {
			bad("name", "a name of a-z, 0-9 and _ that no other metric has", c.Name)
		}
		seen[c.Name] = true
		if _, ok := amount(c.Count); !ok {
			bad("count", "requests, usage.input_tokens, usage.output_tokens, usage.total_tokens, bytes_in, bytes_out, frames or retries", c.Count)
		}
		if len(c.Labels) > maxCustomLabels {
			bad("labels", fmt.Sprintf("at most %d labels", maxCustomLabels), len(c.Labels))
		}
		if c.MaxSeries < 0 || c.MaxSeries > 100000 {
			bad("max_series", "a number from 1 to 100000", c.MaxSeries)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
			if !word.MatchString(name) {
				bad("labels."+name, "a label of a-z, 0-9 and _", name)
			}
			if sources()[c.Labels[name]] == nil {
				errs = append(errs, &setting.Problem{Path: path + "labels." + name, Want: "a source such as identity.tenant", Got: c.Labels[name],
					Hint: setting.DidYouMean(c.Labels[name], slices.Sorted(maps.Keys(sources())))})
			}
		}
	}
	return errors.Join(errs...)
}

// configureCustom defines the policy's metrics; those that did not change keep their counts. Caller holds mu.
func (t *Telemetry) configureCustom(list []CustomMetric) {
	var next []*custom
	keep := map[string]bool{}
	for i := range list {
		c := &list[i]
		count, ok := amount(c.Count)
		if !ok {
			continue // Validate has said so
		}
		m := c.metric()
		keep[m.Name] = true
		one := &custom{family: t.Metrics.define(m), amount: count}
		one.series.max = m.MaxSeries - 1
		others := make([]string, len(m.Labels))
		for j, name := range m.Labels {
			others[j] = other
			one.labels = append(one.labels, sources()[c.Labels[name]])
		}
		one.rest = one.family.get(others).counter
		next = append(next, one)
	}
	if old := t.custom.Load(); old != nil {
		for _, c := range *old {
			if !keep[c.family.Name] {
				t.Metrics.undefine(c.family.Name)
			}
		}
	}
	t.custom.Store(&next)
}

// countCustom adds r to the policy's own metrics. Allocates nothing once the label values were seen.
func (t *Telemetry) countCustom(r *Record) {
	list := t.custom.Load()
	if list == nil {
		return
	}
	for _, c := range *list {
		c.add(r)
	}
}
