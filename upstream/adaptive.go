package upstream

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"blaze/telemetry/setting"
)

// Adaptive moves the limit with what the engine can take, so that requests wait here, by priority, and not in the
// engine's own queue. Additive increase, multiplicative decrease (Chiu and Jain 1989) on the best sign there is: the
// engine's own metrics where it has them, else the time to the first token and the engine's 429 and 503.
type Adaptive struct {
	Min     int           `yaml:"min" doc:"places at least" example:"4"`
	Max     int           `yaml:"max" doc:"places at most" example:"256"`
	Waiting int           `yaml:"waiting" default:"2" doc:"requests that may wait inside one target's engine before the limit is lowered"`
	Cache   float64       `yaml:"cache" default:"0.97" doc:"share of the engine's KV cache in use from which the limit is lowered, 0 to 1"`
	Every   time.Duration `yaml:"every" default:"1s" doc:"how often the engine's metrics are read and the limit is moved"`
	// MetricsPort of 0 is the engine's usual place.
	MetricsPort int `yaml:"metrics_port" doc:"port of the targets' hosts where the engine shows its metrics, when it is not the usual one: the target's own, for triton 8002" example:"8002"`
}

func checkAdaptive(a *Adaptive) []error {
	var problems []error
	wrong := func(path, want string, got any) {
		problems = append(problems, setting.Wrong("concurrency.adaptive."+path, want, got))
	}
	if a.Min < 1 || a.Min > 1_000_000 {
		wrong("min", "a number from 1 to 1000000", a.Min)
	}
	if a.Max < a.Min || a.Max > 1_000_000 {
		wrong("max", "a number from min to 1000000", a.Max)
	}
	if a.Waiting < 0 {
		wrong("waiting", "0 or more", a.Waiting)
	}
	if !(a.Cache >= 0 && a.Cache <= 1) {
		wrong("cache", "a share from 0 to 1", a.Cache)
	}
	if a.MetricsPort < 0 || a.MetricsPort > 65535 {
		wrong("metrics_port", "a port", a.MetricsPort)
	}
	if a.Every < 100*time.Millisecond || a.Every > time.Minute {
		wrong("every", "a duration from 100ms to 1m", a.Every)
	}
	return problems
}

// startPlaces is the limit before anything is known.
const startPlaces = 20

// places is how many requests may be in flight; 0 is no bound.
func (p *Pool) places() int64 {
	a := p.adaptive
	if a == nil {
		return p.limit
	}
	n := p.gate.limit.Load()
	if n == 0 {
		n = startPlaces
	}
	return min(max(n, int64(a.Min)), int64(a.Max))
}

// signs are what one look at a pool shows.
type signs struct {
	known    bool  // some engine told how it does
	waiting  int64 // in the engines' queues
	room     int64 // how many may wait there
	full     bool  // a KV cache is as good as full
	refused  bool  // an engine has refused since the last look
	slower   bool  // the first token takes twice as long as it used to
	inflight int64
}

// next is the limit that follows.
func (a *Adaptive) next(limit int64, s signs) int64 {
	pressed := s.full || s.refused || s.known && s.waiting > s.room || !s.known && s.slower
	switch {
	case pressed:
		limit -= max(limit/8, 1)
	case s.inflight*5 >= limit*4 && (!s.known || s.waiting*2 <= s.room):
		limit += max(limit/16, 1) // the limit is in use, and the engine has room
	}
	return min(max(limit, int64(a.Min)), int64(a.Max))
}

// adapt reads the engines' metrics and moves the limit, until ctx ends.
func (p *Pool) adapt(ctx context.Context) {
	if p.adaptive == nil {
		return
	}
	tick := time.NewTicker(p.adaptive.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.adaptOnce(ctx)
		}
	}
}

func (p *Pool) adaptOnce(ctx context.Context) {
	s := signs{refused: p.refused.Swap(0) > 0, slower: p.latency.doubled(), inflight: p.gate.inflight.Load()}
	for _, t := range p.targets() {
		if t.health.down.Load() {
			continue
		}
		load, ok := p.readLoad(ctx, t)
		if !ok {
			t.queued.Store(0)
			continue
		}
		s.known = true
		s.waiting += load.waiting
		s.room += int64(p.adaptive.Waiting)
		s.full = s.full || p.adaptive.Cache > 0 && load.cache >= p.adaptive.Cache
		t.queued.Store(load.waiting)
	}
	p.gate.limit.Store(p.adaptive.next(p.places(), s))
	if p.gate.waiting.Load() > 0 {
		p.gate.grant(p.places())
	}
}

// trend compares the present with the past: a fast and a slow mean of the time to the first token. Two writers at once
// may lose a sample; that is as good.
type trend struct{ fast, slow atomic.Uint64 } // bits of float64 seconds

func (t *trend) add(d time.Duration) {
	fast, slow := math.Float64frombits(t.fast.Load()), math.Float64frombits(t.slow.Load())
	v := d.Seconds()
	if slow == 0 {
		fast, slow = v, v
	}
	fast += (v - fast) / 8
	if v < slow { // the past is what the engine can do: quickly down, slowly up
		slow += (v - slow) / 16
	} else {
		slow += (v - slow) / 512
	}
	t.fast.Store(math.Float64bits(fast))
	t.slow.Store(math.Float64bits(slow))
}

func (t *trend) doubled() bool {
	const noise = 0.05 // seconds; below it nobody waits
	fast, slow := math.Float64frombits(t.fast.Load()), math.Float64frombits(t.slow.Load())
	return fast > 2*slow+noise
}
