package ratelimit

import (
	"math/rand/v2"
	"testing"
	"time"

	"blaze/filters"
	"blaze/upstream"
)

// backend answers as one with a capacity does: fast below it, slower the longer the load is beyond it.
type backend struct {
	capacity float64 // requests a second
	backlog  float64
	random   *rand.Rand
}

func newBackend(capacity float64) *backend {
	return &backend{capacity: capacity, random: rand.New(rand.NewPCG(1, 2))}
}

// latency takes one request.
func (b *backend) latency() time.Duration {
	b.backlog++
	return time.Duration((0.3 + b.backlog/b.capacity + 0.1*b.random.Float64()) * float64(time.Second))
}

const ticks = 20 // in a second

// drive offers so many requests a second for so many seconds, evenly, and returns the limit of each second.
func drive(w *tester, f *Filter, b *backend, load, seconds int) (limits []int64) {
	type answer struct {
		x  *filters.Exchange
		at time.Time
	}
	var running []answer
	var free []*filters.Exchange
	for tick := range seconds * ticks {
		for range load / ticks {
			if len(free) == 0 {
				free = append(free, w.exchange(caller{}))
			}
			x := free[len(free)-1]
			if !f.Request(x).Passed() {
				continue
			}
			free = free[:len(free)-1]
			x.FirstByte, x.Status = b.latency(), 200
			running = append(running, answer{x, w.now.Add(x.FirstByte)})
		}
		b.backlog = max(b.backlog-b.capacity/ticks, 0)
		w.now = w.now.Add(time.Second / ticks)
		later := running[:0]
		for _, a := range running {
			if a.at.After(w.now) {
				later = append(later, a)
				continue
			}
			f.Settle(a.x)
			free = append(free, a.x)
		}
		running = later
		if tick%ticks == ticks-1 {
			limits = append(limits, f.limits[0].ledger.rule.control.limit())
		}
	}
	return limits
}

// TestAdaptiveConvergesAndDoesNotSwing: from above, from below and after the backend changed, the limit comes near to the
// capacity and stays there.
func TestAdaptiveConvergesAndDoesNotSwing(t *testing.T) {
	f := func(start int64, capacities ...float64) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("global"), Algorithm: Adaptive, Limit: start, Min: 5, Max: 400, Per: time.Second, Target: &Target{Latency: time.Second}})
		b := newBackend(1)
		for _, c := range capacities {
			b.capacity = c
			got := drive(w, filter, b, 500, 300)[200:]
			lo, hi := got[0], got[0]
			for _, n := range got {
				lo, hi = min(lo, n), max(hi, n)
			}
			if float64(lo) < 0.7*c || float64(hi) > 1.3*c {
				t.Errorf("from %d at a capacity of %v the limit goes between %d and %d", start, c, lo, hi)
			}
		}
	}
	f(400, 100)
	f(10, 100)
	f(100, 100, 40, 160)
}

func TestAdaptiveStaysInItsBounds(t *testing.T) {
	w := newTester(t)
	l := Limit{Name: "x", By: by("global"), Algorithm: Adaptive, Limit: 100, Min: 50, Max: 120, Per: time.Second, Target: &Target{Latency: time.Second, Errors: percent(0.05)}}
	filter := w.filter(nil, l)
	if got := drive(w, filter, newBackend(5), 200, 60); got[59] != 50 {
		t.Errorf("limit %d on a backend that is far too slow; want 50", got[59])
	}
	renewed := w.filter(filter, l)
	if got := renewed.limits[0].ledger.rule.control.limit(); got != 50 {
		t.Errorf("limit %d after a reload; want 50", got)
	}
	if got := drive(w, filter, newBackend(1e6), 300, 60); got[59] != 120 {
		t.Errorf("limit %d on an idle backend; want 120", got[59])
	}
}

func TestAdaptiveFollowsErrors(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("global"), Algorithm: Adaptive, Limit: 100, Min: 10, Max: 100, Per: time.Second, Target: &Target{Errors: percent(0.05)}})
	for range 20 {
		for i := range 50 {
			x := w.exchange(caller{})
			if !filter.Request(x).Passed() {
				continue
			}
			if x.Status = 200; i%5 == 0 {
				x.Status = 503
			}
			filter.Settle(x)
		}
		w.now = w.now.Add(time.Second)
	}
	if got := filter.limits[0].ledger.rule.control.limit(); got != 10 {
		t.Errorf("limit %d with a fifth of errors; want 10", got)
	}
}

// TestAdaptiveOverlooksMemory: answers out of memory say nothing about the upstream, however many there are.
func TestAdaptiveOverlooksMemory(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("global"), Algorithm: Adaptive, Limit: 100, Min: 10, Max: 100, Per: time.Second, Target: &Target{Errors: percent(0.05)}})
	for range 80 {
		for i := range 100 {
			x := w.exchange(caller{})
			if !filter.Request(x).Passed() {
				continue
			}
			if x.Status = 503; i%20 != 0 { // one in twenty is the upstream's: an error
				x.Status, x.Cache = 200, upstream.Hit
			}
			filter.Settle(x)
		}
		w.now = w.now.Add(time.Second)
	}
	if got := filter.limits[0].ledger.rule.control.limit(); got != 10 {
		t.Errorf("limit %d though every answer of the upstream is an error; want 10", got)
	}
}

// TestAdaptiveIsNotRaisedByIdleness: fast answers alone say nothing about a load that was never tried.
func TestAdaptiveIsNotRaisedByIdleness(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("global"), Algorithm: Adaptive, Limit: 100, Min: 10, Max: 400, Per: time.Second, Target: &Target{Latency: time.Second}})
	if got := drive(w, filter, newBackend(1e6), 40, 60); got[59] != 100 {
		t.Errorf("limit %d; want 100", got[59])
	}
}
