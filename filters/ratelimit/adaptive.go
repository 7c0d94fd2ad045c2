package ratelimit

import (
	"math"
	"sync"
	"sync/atomic"
)

// Adaptive: a token bucket whose limit follows the upstream. Once an interval the controller takes the pressure, the worse
// of the 90th percentile of the time to the first byte and the share of failures, each as a multiple of its target, and
// moves the limit by the logarithm of the pressure and by how that has changed since the step before: a
// proportional-integral controller. The part that goes by the change is what keeps it from swinging: a backlog that is
// already melting does not lower the limit further, and one that is growing is answered before the target is missed.
// Gains go by the target's latency, since that is how late the controller sees what it did.

const (
	adaptInterval = 1_000_000 // µs between two steps
	adaptSamples  = 10        // answers that a step needs
	aim           = 0.9       // share of the target that is steered for
	gainLower     = 0.08      // a step's change for each e-fold of pressure over the aim
	gainRaise     = 0.04      // and under it
	gainChange    = 0.30      // and for each e-fold that the pressure changed
	lowerAtMost   = 0.30
	raiseAtMost   = 0.05
	minPressure   = 0.05
	maxPressure   = 50
	latencyBins   = 128 // four for each doubling, from 1 µs
)

// controller steers one adaptive limit.
type controller struct {
	min, max int64
	latency  float64 // target, µs; 0 is none
	errors   float64 // target share; 0 is none

	current atomic.Int64
	pressed atomic.Bool // the limit held somebody back in this interval

	mu      sync.Mutex
	bins    [latencyBins]uint32 // guarded by mu; answers of this interval by latency
	samples int64               // guarded by mu
	timed   int64               // guarded by mu; samples with a latency
	failed  int64               // guarded by mu
	since   int64               // guarded by mu; µs, the last step
	exact   float64             // guarded by mu; current before rounding
	before  float64             // guarded by mu; log pressure at the last step; NaN before the first
}

func newController(start, lowest, highest int64, latency, errors float64) *controller {
	c := &controller{min: lowest, max: highest, latency: latency, errors: errors}
	start = min(max(start, lowest), highest)
	c.current.Store(start)
	c.exact, c.before = float64(start), math.NaN()
	return c
}

// limit is what holds now.
func (c *controller) limit() int64 { return c.current.Load() }

// observe counts one answer of the upstream; latency 0 means that there was none to be timed.
func (c *controller) observe(latency int64, failed bool, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples++
	if failed {
		c.failed++
	}
	if latency > 0 {
		c.timed++
		c.bins[min(int(4*math.Log2(float64(latency)+1)), latencyBins-1)]++
	}
	if c.since == 0 {
		c.since = now
	}
	if now-c.since >= adaptInterval && c.samples >= adaptSamples {
		c.step(now)
	}
}

// step moves the limit once. The caller holds mu.
func (c *controller) step(now int64) {
	p := math.Log(min(max(c.pressure(), minPressure), maxPressure))
	over := p - math.Log(aim)
	move := -gainRaise * over
	if over > 0 {
		move = -gainLower * over
	}
	if !math.IsNaN(c.before) {
		move -= gainChange * (p - c.before)
	}
	if c.latency > 0 {
		move *= min(c.latency/1e6, 1)
	}
	move = min(max(move, -lowerAtMost), raiseAtMost)
	if move < 0 || c.pressed.Load() { // a limit that holds nobody back has not been tried
		c.exact = min(max(c.exact*(1+move), float64(c.min)), float64(c.max))
		c.current.Store(int64(c.exact))
	}
	c.before = p
	c.pressed.Store(false)
	c.bins, c.samples, c.timed, c.failed, c.since = [latencyBins]uint32{}, 0, 0, 0, now
}

// pressure is the worse of latency and failures, as a multiple of its target. The caller holds mu.
func (c *controller) pressure() float64 {
	p := 0.0
	if c.latency > 0 && c.timed > 0 {
		p = c.percentile(0.9) / c.latency
	}
	if c.errors > 0 {
		p = max(p, float64(c.failed)/float64(c.samples)/c.errors)
	}
	return p
}

// percentile is the middle of the bin that holds the share q of the latencies. The caller holds mu.
func (c *controller) percentile(q float64) float64 {
	want, seen := int64(math.Ceil(q*float64(c.timed))), int64(0)
	for i, n := range c.bins {
		if seen += int64(n); seen >= want {
			return math.Exp2((float64(i)+0.5)/4) - 1
		}
	}
	return math.Exp2(float64(latencyBins) / 4)
}

// atPresent is the bucket with the limit that holds now: a unit is per quanta, and limit quanta drain each µs.
func (r *rule) atPresent() rule {
	n := r.control.limit()
	return rule{kind: TokenBucket, limit: n, per: r.per, cap: n, p: n, q: r.per}
}
