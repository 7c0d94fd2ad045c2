package telemetry

import (
	"strings"
	"sync/atomic"

	"blaze/telemetry/setting"
)

// counts are the metrics of finished exchanges, found by small keys. Nothing here allocates once a key was seen.
type counts struct {
	m       *Metrics
	models  atomic.Pointer[[]string] // name patterns of the policy
	traffic cache[trafficKey, *traffic]
	tokens  cache[tokensKey, *tokens]
	aborts  cache[string, *Counter]
	denials cache[denialKey, *Counter]
	shadows cache[denialKey, *Counter]
	retries cache[string, *Counter]
	events  cache[string, *Counter]
	bytes   [2]*Counter
}

type trafficKey struct {
	endpoint, route, upstream string
	class                     uint8
}

type traffic struct {
	requests                                           *Counter
	duration, overhead, firstToken, interToken, waited *Histogram
}

type tokensKey struct {
	upstream, model string
	class           uint8
}

type tokens struct{ in, out, requests *Counter }

type denialKey struct{ filter, rule, code string }

func newCounts(m *Metrics) *counts {
	c := &counts{m: m}
	c.traffic.max, c.tokens.max, c.denials.max, c.shadows.max = defaultMaxSeries, defaultMaxSeries, defaultMaxSeries, defaultMaxSeries
	c.aborts.max, c.events.max, c.retries.max = 64, 64, defaultMaxSeries
	c.bytes = [2]*Counter{m.Counter("blaze_body_bytes_total", "in"), m.Counter("blaze_body_bytes_total", "out")}
	return c
}

// add counts r.
func (c *counts) add(r *Record) {
	class := classOf(r.Status)
	t := c.trafficOf(trafficKey{r.Endpoint, r.Route, r.Upstream, class})
	t.requests.Inc()
	t.duration.Observe(r.Total.Seconds())
	t.overhead.Observe(r.Overhead.Seconds())
	if r.FirstByte > 0 && class == 2 {
		t.firstToken.Observe(r.FirstByte.Seconds())
	}
	if r.Stream && r.Frames > 1 && r.Total > r.FirstByte {
		t.interToken.Observe((r.Total - r.FirstByte).Seconds() / float64(r.Frames-1))
	}
	if r.Waited > 0 {
		t.waited.Observe(r.Waited.Seconds())
	}
	c.addModel(r, class)
	c.bytes[0].Add(r.BytesIn)
	c.bytes[1].Add(r.BytesOut)
	if r.Retries > 0 {
		one(&c.retries, c.m, "blaze_retries_total", r.Upstream).Add(int64(r.Retries))
	}
	if r.Abort != "" {
		one(&c.aborts, c.m, "blaze_aborts_total", r.Abort).Inc()
	}
	if r.Filter != "" {
		c.denialOf(denialKey{r.Filter, r.Rule, r.Code}).Inc()
	}
	for _, s := range r.Shadow {
		c.shadowOf(denialKey{filter: s.Filter, rule: s.Rule}).Inc()
	}
}

func (c *counts) addModel(r *Record, class uint8) {
	if r.Model == "" && r.TokensIn == 0 && r.TokensOut == 0 {
		return
	}
	t := c.tokensOf(tokensKey{r.Upstream, c.modelLabel(r.Model), class})
	t.requests.Inc()
	t.in.Add(r.TokensIn)
	t.out.Add(r.TokensOut)
}

// modelLabel is the policy's own word for a model: its name or the pattern it falls under. A client's word is never a
// label.
func (c *counts) modelLabel(model string) string {
	names := c.models.Load()
	if names == nil || model == "" {
		return other
	}
	for _, n := range *names {
		if setting.Match(n, model) {
			return n
		}
	}
	return other
}

func (c *counts) trafficOf(k trafficKey) *traffic {
	if t, ok := c.traffic.get(k); ok {
		return t
	}
	if c.traffic.full() {
		k.endpoint, k.route, k.upstream = other, other, other
	}
	own := trafficKey{strings.Clone(k.endpoint), strings.Clone(k.route), strings.Clone(k.upstream), k.class}
	return c.traffic.ensure(own, func() *traffic { return c.newTraffic(own) })
}

func (c *counts) newTraffic(k trafficKey) *traffic {
	return &traffic{
		requests:   c.m.Counter("blaze_requests_total", k.endpoint, k.route, k.upstream, className(k.class)),
		duration:   c.m.Histogram("blaze_request_duration_seconds", k.endpoint, k.upstream),
		overhead:   c.m.Histogram("blaze_overhead_seconds", k.endpoint),
		firstToken: c.m.Histogram("blaze_time_to_first_token_seconds", k.endpoint, k.upstream),
		interToken: c.m.Histogram("blaze_inter_token_seconds", k.endpoint, k.upstream),
		waited:     c.m.Histogram("blaze_wait_seconds", k.endpoint),
	}
}

func (c *counts) tokensOf(k tokensKey) *tokens {
	if t, ok := c.tokens.get(k); ok {
		return t
	}
	own := tokensKey{strings.Clone(k.upstream), strings.Clone(k.model), k.class}
	return c.tokens.ensure(own, func() *tokens {
		return &tokens{
			in:       c.m.Counter("blaze_tokens_total", "in", own.upstream, own.model),
			out:      c.m.Counter("blaze_tokens_total", "out", own.upstream, own.model),
			requests: c.m.Counter("blaze_model_requests_total", own.model, className(own.class)),
		}
	})
}

func (c *counts) denialOf(k denialKey) *Counter {
	if n, ok := c.denials.get(k); ok {
		return n
	}
	own := denialKey{strings.Clone(k.filter), strings.Clone(k.rule), strings.Clone(k.code)}
	return c.denials.ensure(own, func() *Counter { return c.m.Counter("blaze_denials_total", own.filter, own.rule, own.code) })
}

func (c *counts) shadowOf(k denialKey) *Counter {
	if n, ok := c.shadows.get(k); ok {
		return n
	}
	own := denialKey{filter: strings.Clone(k.filter), rule: strings.Clone(k.rule)}
	return c.shadows.ensure(own, func() *Counter { return c.m.Counter("blaze_shadow_decisions_total", own.filter, own.rule) })
}

// one finds the counter of a metric with a single label.
func one(c *cache[string, *Counter], m *Metrics, name, label string) *Counter {
	if n, ok := c.get(label); ok {
		return n
	}
	own := strings.Clone(label)
	return c.ensure(own, func() *Counter { return m.Counter(name, own) })
}

// classOf is a status's first digit; 0 when no answer was sent.
func classOf(status int) uint8 {
	if status < 100 || status > 599 {
		return 0
	}
	return uint8(status / 100)
}

func className(class uint8) string {
	return [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}[class]
}
