package upstream

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// Hedge asks a second target when the first takes longer than usual, and takes the answer that comes first (Dean and
// Barroso 2013, The Tail at Scale). Only for requests that may run twice: GET, embeddings, ranks; never a generation.
type Hedge struct {
	After  After           `yaml:"after" default:"p95" doc:"how long the first target may take before a second is asked too: a duration, or p95 for what 95 of 100 such requests take" example:"200ms"`
	Budget setting.Percent `yaml:"budget" default:"5%" doc:"second requests as a share of those that could have one, beyond a reserve of 10"`
}

func checkHedge(cfg *Config) error {
	if cfg.Hedge != nil && len(cfg.Targets) < 2 && cfg.Resolve == nil {
		return setting.Wrong("hedge", "a second target, or resolve, so that there can be one", "one target")
	}
	return nil
}

// After is a duration; 0 is what 95 of 100 requests take.
type After time.Duration

// UnmarshalText reads a duration or p95.
func (a *After) UnmarshalText(text []byte) error {
	if string(text) == "p95" {
		*a = 0
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < time.Millisecond || d > time.Hour {
		return errors.New("not a delay")
	}
	*a = After(d)
	return nil
}

// Want says what UnmarshalText reads.
func (*After) Want() string { return "a duration from 1ms to 1h, or p95" }

func (a After) String() string {
	if a == 0 {
		return "p95"
	}
	return time.Duration(a).String()
}

// hedging is Hedge at work in one pool.
type hedging struct {
	after     time.Duration
	budget    *budget
	usual     *quantile
	sent, won *telemetry.Counter
}

func newHedging(h *Hedge, pool string, prev *Pool, m *telemetry.Metrics) *hedging {
	if h == nil {
		return nil
	}
	g := &hedging{after: time.Duration(h.After), budget: newBudget(h.Budget), usual: new(quantile)}
	if prev != nil && prev.hedging != nil {
		g.usual = prev.hedging.usual
		if prev.hedging.budget.share == g.budget.share {
			g.budget = prev.hedging.budget
		}
	}
	g.sent, g.won = m.Counter("blaze_hedges_total", pool, "sent"), m.Counter("blaze_hedges_total", pool, "won")
	return g
}

// delay is how long to wait for the first target; false while nobody knows what is usual.
func (g *hedging) delay() (time.Duration, bool) {
	if g.after > 0 {
		return g.after, true
	}
	return g.usual.value()
}

// race is one request at two targets. The first runs on the exchange's goroutine; the second is begun by a timer, if at all.
type race struct {
	l      *Lease
	r      *Request
	parent *Cancel // the exchange's
	own    *Cancel // of the first attempt: the exchange's end, or the second's victory
	done   chan struct{}

	composing sync.Mutex // reading the request's head is not safe for two at once

	mu     sync.Mutex
	over   bool   // guarded by mu; no second attempt begins any more
	twin   *Lease // guarded by mu; the second attempt
	cancel *Cancel
	won    bool // guarded by mu; the second has a good answer, and the first is interrupted
}

// attemptHedged is attempt with a second target in reserve, where the request may have one.
func (l *Lease) attemptHedged(r *Request) (progress, error) {
	g := l.pool.hedging
	if g == nil || !r.Hedge || r.Stream != nil || r.Upgrade || l.want.Force {
		return l.attempt(r)
	}
	g.budget.add()
	delay, known := g.delay()
	if !known || len(l.pool.targets()) < 2 {
		p, err := l.attempt(r)
		l.usual(err)
		return p, err
	}
	c := &race{l: l, r: r, parent: l.cancel, own: l.cancel.branch(), done: make(chan struct{})}
	l.cancel, l.race = c.own, c
	timer := time.AfterFunc(delay, c.second)
	p, err := l.attempt(r)
	timer.Stop()
	return c.decide(p, err)
}

// usual takes note of how long a target took; one that never answered tells nothing.
func (l *Lease) usual(err error) {
	if err == nil && l.resp.framing.status < 400 {
		l.pool.hedging.usual.add(l.now.Sub(l.began))
	}
}

// good reports whether an attempt's answer is one to end the race with.
func (l *Lease) good(err error) bool {
	return err == nil && l.resp.framing.status < 500 && l.resp.framing.status != 429
}

// second asks another target, on the timer's goroutine.
func (c *race) second() {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	l := c.l
	t, permit, _, ok := l.choose()
	if ok && !l.pool.hedging.budget.take() {
		t.breaker.record(permit, Neutral, "")
		ok = false
	}
	if !ok {
		c.over = true
		c.mu.Unlock()
		return
	}
	twin := &Lease{pool: l.pool, want: l.want}
	c.twin, c.cancel = twin, c.parent.branch()
	twin.take(t, permit)
	twin.held.Store(true)
	twin.limits, twin.race = limits{timeout: l.timeout, cancel: c.cancel, deadline: l.deadline, now: time.Now()}, c
	twin.resp.reset(twin)
	c.mu.Unlock()
	defer close(c.done)
	l.pool.hedging.sent.Inc()
	_, err := twin.attempt(c.r)
	twin.judge(err)
	if !twin.good(err) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.won = true
		c.own.Cancel()
	}
}

// decide ends the race after the first attempt has: nothing of the second is left running when it returns.
func (c *race) decide(p progress, err error) (progress, error) {
	l := c.l
	c.mu.Lock()
	if c.twin == nil || l.good(err) {
		c.over = true
	}
	twin, over := c.twin, c.over
	c.mu.Unlock()
	if twin != nil {
		if over {
			c.cancel.Cancel()
		}
		<-c.done
	}
	c.parent.prune()
	switch {
	case twin != nil && c.won && !over:
		l.yield(twin, err)
		p, err = accepted, nil
	case twin != nil:
		twin.resp.dismiss()
		twin.leave(Neutral)
		l.usual(err)
	default:
		l.usual(err)
	}
	if c.won && over {
		l.resp.conn.rested() // the interruption came too late to hurt the answer; it must not hurt the next one
	}
	l.cancel, l.race = c.parent, nil
	if err == nil && l.resp.conn != nil && !l.cancel.attach(l.resp.conn.Conn) {
		l.resp.conn.discard()
		l.resp.conn = nil
		return accepted, ErrCancelled
	}
	if errors.Is(err, ErrCancelled) && !l.cancel.Cancelled() {
		panic("BUG: a race that nobody won")
	}
	return p, err
}

// yield gives l's own target back and makes the twin's attempt l's. err is how the own one ended.
func (l *Lease) yield(twin *Lease, err error) {
	if errors.Is(err, ErrCancelled) {
		l.verdict, l.cause = Neutral, cancelled
	} else {
		l.judge(err)
	}
	l.resp.dismiss()
	l.leave(Neutral)
	l.pool.hedging.won.Inc()
	l.target, l.ticket, l.verdict, l.cause, l.began, l.now = twin.target, twin.ticket, twin.verdict, twin.cause, twin.began, twin.now
	l.tried = append(l.tried, twin.target)
	r, o := &l.resp, &twin.resp
	o.Header.CopyTo(&r.Header)
	r.Size, r.framing, r.conn, r.body, r.err, r.whole, r.begun = o.Size, o.framing, o.conn, o.body, o.err, o.whole, o.begun
}

// quantile follows the 95th percentile of durations: each one above it moves it up by 19 times what one below moves it
// down (stochastic approximation, Robbins and Monro 1951), in shares of itself. Two writers at once may lose a step.
type quantile struct {
	seen atomic.Int64
	bits atomic.Uint64 // of float64 seconds
}

const (
	enough = 20 // durations before anything is said
	step   = 0.05
)

func (q *quantile) add(d time.Duration) {
	v := max(d.Seconds(), 1e-6)
	at := math.Float64frombits(q.bits.Load())
	switch n := q.seen.Add(1); {
	case n <= enough:
		at = max(at, v)
	case v > at:
		at *= 1 + step*0.95
	default:
		at *= 1 - step*0.05
	}
	q.bits.Store(math.Float64bits(at))
}

func (q *quantile) value() (time.Duration, bool) {
	if q.seen.Load() < enough {
		return 0, false
	}
	return max(time.Duration(math.Float64frombits(q.bits.Load())*float64(time.Second)), time.Millisecond), true
}
