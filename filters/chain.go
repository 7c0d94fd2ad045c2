package filters

import (
	"fmt"
	"runtime/debug"
	"time"

	"blaze/telemetry"
)

// Stage is a named filter with the settings that every filter shares. The filters do not see them.
type Stage struct {
	Name   string
	Filter Filter
	Shared
}

// Shared are the keys that every section under filters has.
type Shared struct {
	Rollout `yaml:",inline"`
	OnError OnError `yaml:"on_error" doc:"what follows when the filter cannot decide: closed refuses with 503, open lets the request pass" default:"closed"`
}

// OnError says what follows when a filter could not decide. The zero OnError is closed.
type OnError uint8

// The two answers to a filter that cannot decide.
const (
	Closed OnError = iota
	Open
)

// UnmarshalText reads closed or open.
func (e *OnError) UnmarshalText(text []byte) error {
	switch string(text) {
	case "closed":
		*e = Closed
	case "open":
		*e = Open
	default:
		return fmt.Errorf("not closed or open")
	}
	return nil
}

// Want says what UnmarshalText reads.
func (*OnError) Want() string { return "closed or open" }

func (e OnError) String() string {
	if e == Open {
		return "open"
	}
	return "closed"
}

// Chain asks the stages in order. Immutable, safe for concurrent use.
type Chain struct {
	stages  []Stage
	bodies  []BodyFilter     // by stage; nil where the filter does not look at the body
	settle  []Settler        // by stage; nil where the filter takes nothing
	who     []IdentityFilter // by stage; nil where the filter does not ask who is calling
	ended   []Observer       // by stage; nil where the filter learns nothing
	log     telemetry.Logger
	metrics []stageMetrics
	panics  *telemetry.Counter // of all stages, and of whatever else panics
}

type stageMetrics struct {
	denied, shadow, failedOpen, failedClosed, panicked *telemetry.Counter
	head, body                                         *telemetry.Histogram
}

// maxStages is bounded by the bits of Exchange.taken.
const maxStages = 32

// NewChain makes a chain of stages in request order.
func NewChain(stages []Stage, metrics *telemetry.Metrics, log telemetry.Logger) *Chain {
	if len(stages) > maxStages {
		panic("BUG: more stages than an exchange can account for")
	}
	c := &Chain{stages: stages, log: log, panics: metrics.Counter("blaze_panics_total")}
	for _, s := range stages {
		body, _ := s.Filter.(BodyFilter)
		settler, _ := s.Filter.(Settler)
		who, _ := s.Filter.(IdentityFilter)
		observer, _ := s.Filter.(Observer)
		c.who = append(c.who, who)
		c.ended = append(c.ended, observer)
		c.bodies = append(c.bodies, body)
		c.settle = append(c.settle, settler)
		verdict := func(v string) *telemetry.Counter { return metrics.Counter("blaze_filter_verdicts_total", s.Name, v) }
		c.metrics = append(c.metrics, stageMetrics{
			denied: verdict("deny"), shadow: verdict("shadow"),
			failedOpen: verdict("error_open"), failedClosed: verdict("error_closed"), panicked: verdict("panic"),
			head: metrics.Histogram("blaze_filter_seconds", s.Name, "head"), body: metrics.Histogram("blaze_filter_seconds", s.Name, "body"),
		})
	}
	return c
}

// Stages lists the stages in request order.
func (c *Chain) Stages() []Stage { return c.stages }

// Head asks every stage about the head, until one refuses. A filter that panics refuses.
func (c *Chain) Head(x *Exchange) (v Verdict) {
	defer c.recovered(x, &v)
	for i := range c.stages {
		x.stage, x.Shadowed = i, !c.stages[i].Enforced(x, c.stages[i].Name)
		began := x.clock()
		v := c.weigh(x, i, c.stages[i].Filter.Request(x))
		if x.Timed {
			c.timed(x, i, c.metrics[i].head, began)
		}
		if !v.Passed() {
			return v
		}
		x.taken |= 1 << i
		if x.Identity != Anonymous && !x.known {
			if v := c.identified(x); !v.Passed() {
				return v
			}
		}
	}
	return Pass()
}

// identified asks the stages that want to know who is calling.
func (c *Chain) identified(x *Exchange) Verdict {
	x.known = true
	for i, f := range c.who {
		if f == nil {
			continue
		}
		x.stage, x.Shadowed = i, !c.stages[i].Enforced(x, c.stages[i].Name)
		if v := c.weigh(x, i, f.Identified(x)); !v.Passed() {
			return v
		}
	}
	return Pass()
}

// Body asks every stage that looks at the body, in the same order.
func (c *Chain) Body(x *Exchange) (v Verdict) {
	defer c.recovered(x, &v)
	for i, f := range c.bodies {
		if f == nil {
			continue
		}
		x.stage, x.Shadowed = i, !c.stages[i].Enforced(x, c.stages[i].Name)
		began := x.clock()
		v := c.weigh(x, i, f.Body(x))
		if x.Timed {
			c.timed(x, i, c.metrics[i].body, began)
		}
		if !v.Passed() {
			return v
		}
	}
	return Pass()
}

// clock is the time since the exchange began, where times are taken.
func (x *Exchange) clock() time.Duration {
	if !x.Timed {
		return 0
	}
	return time.Since(x.Began)
}

// timed notes what one stage took.
func (c *Chain) timed(x *Exchange, i int, h *telemetry.Histogram, began time.Duration) {
	end := time.Since(x.Began)
	h.Observe((end - began).Seconds())
	x.Times = append(x.Times, telemetry.Span{Name: c.stages[i].Name, Start: began, End: end})
}

// Settle gives back what the stages took, last first, each once, and then tells the observers. More calls do nothing.
func (c *Chain) Settle(x *Exchange) {
	for i := len(c.settle) - 1; i >= 0; i-- {
		if x.taken&(1<<i) == 0 {
			continue
		}
		x.taken &^= 1 << i
		if c.settle[i] != nil {
			c.alone(x, i, c.settle[i].Settle)
		}
	}
	if x.ended {
		return
	}
	x.ended = true
	for i, o := range c.ended {
		if o != nil {
			c.alone(x, i, o.Ended)
		}
	}
}

// alone keeps one filter's panic from keeping the others from giving back.
func (c *Chain) alone(x *Exchange, i int, f func(*Exchange)) {
	defer func() {
		if p := recover(); p != nil {
			c.panicked(x, i, p)
		}
	}()
	f(x)
}

// weigh applies what all stages share to one filter's answer. What it returns passes, or ends the exchange.
func (c *Chain) weigh(x *Exchange, i int, v Verdict) Verdict {
	if v.Passed() {
		return v
	}
	s, m := &c.stages[i], &c.metrics[i]
	if v.Failed() {
		if s.OnError == Open {
			m.failedOpen.Inc()
			c.log.Warn().Str("request_id", x.ID).Str("filter", s.Name).Err(v.Err).Msg("filter could not decide; let pass (on_error: open)")
			return Pass()
		}
		m.failedClosed.Inc()
		c.log.Error().Str("request_id", x.ID).Str("filter", s.Name).Err(v.Err).Msg("filter could not decide; refused (on_error: closed)")
		err := v.Err
		v = Deny(FilterUnavailable, "on_error")
		v.Err = err
	}
	if !s.Enforced(x, s.Name) {
		if x.noted&(1<<i) == 0 { // enforced, the first refusal would have been the last
			x.noted |= 1 << i
			m.shadow.Inc()
			x.NoteShadow(s.Name, v)
		}
		return Pass()
	}
	m.denied.Inc()
	x.DeniedBy, x.Verdict = s.Name, v
	return v
}

func (c *Chain) recovered(x *Exchange, v *Verdict) {
	p := recover()
	if p == nil {
		return
	}
	c.panicked(x, x.stage, p)
	*v = Deny(InternalError, "panic")
	x.DeniedBy, x.Verdict = c.stages[x.stage].Name, *v
	x.Abort = "panic"
}

func (c *Chain) panicked(x *Exchange, i int, p any) {
	c.metrics[i].panicked.Inc()
	c.panics.Inc()
	c.log.Error().Str("request_id", x.ID).Str("filter", c.stages[i].Name).Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("filter panicked; request refused")
}
