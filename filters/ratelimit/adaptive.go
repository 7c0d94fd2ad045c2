package ratelimit

import (
	"math"
	"sync"
	"sync/atomic"
)

// Adaptive: a token bucket whose limit follows the upstream. Once an interval the controller compares the 90th percentile
// of the time to the first byte, and the share of failures, with their targets. Over target it lowers the limit by the
// root of the excess; under 80 % of the target, and only where the limit is what holds requests back, it raises it by a
// twentieth; in between it holds still. An answer to a request that began before the last change says nothing about that
// change and is not counted: it is what would make the limit swing.

const (
	adaptInterval = 1_000_000 // µs between two steps
	adaptSamples  = 10        // answers that a step needs
	restBelow     = 0.8       // share of the target under which there is room
	raiseBy       = 0.05
	lowerAtMost   = 0.7
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
	changed int64               // guarded by mu; µs, the last change
}

func newController(start, lowest, highest int64, latency, errors float64) *controller {
	c := &controller{min: lowest, max: highest, latency: latency, errors: errors}
	c.current.Store(min(max(start, lowest), highest))
	return c
}

// limit is what holds now.
func (c *controller) limit() int64 { return c.current.Load() }

// observe counts one answer of the upstream; latency 0 means that there was none to be timed.
func (c *controller) observe(latency int64, failed bool, began, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if began < c.changed {
		return
	}
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
	old, next := c.current.Load(), 0.0
	switch p := c.pressure(); {
	case p > 1:
		next = float64(old) * max(1/math.Sqrt(p), lowerAtMost)
		next = math.Floor(next)
	case p < restBelow && c.pressed.Load():
		next = float64(old) + max(1, math.Floor(float64(old)*raiseBy))
	default:
		next = float64(old)
	}
	now64 := min(max(int64(next), c.min), c.max)
	if now64 != old {
		c.current.Store(now64)
		c.changed = now
	}
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
