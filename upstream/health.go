package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry/setting"
)

// Health says how a target is found to be out of order, and in order again.
type Health struct {
	Path           string        `yaml:"path" doc:"what to GET; any 2xx is well. The engine's own health path when absent" example:"/health"`
	Every          time.Duration `yaml:"every" default:"5s" doc:"between two checks of a target; also how long one may take, within timeout.connect and timeout.first_byte"`
	UnhealthyAfter int           `yaml:"unhealthy_after" default:"3" doc:"failures in a row, of checks or of connects by requests, after which the target gets no more requests"`
	HealthyAfter   int           `yaml:"healthy_after" default:"2" doc:"checks in a row that must succeed before it gets requests again"`
	SlowStart      time.Duration `yaml:"slow_start" default:"10s" doc:"how long its share then takes to grow to the whole; 0s is at once"`
}

// health is a target's state, which a reload passes on with the endpoint.
type health struct {
	down     atomic.Bool
	since    atomic.Int64 // when it came back, unix nanoseconds; 0 when it was never away
	failed   atomic.Int64 // checks in a row
	refused  atomic.Int64 // connects by requests in a row
	passed   atomic.Int64 // checks in a row
	lastFail atomic.Pointer[string]
}

func checkHealth(h *Health, enginePath string) error {
	if h == nil {
		return nil
	}
	var problems []error
	wrong := func(path, want string, got any) {
		problems = append(problems, setting.Wrong("health."+path, want, got))
	}
	switch {
	case h.Path == "" && enginePath == "":
		wrong("path", "a path, since this engine has none of its own", "none")
	case h.Path != "" && (h.Path[0] != '/' || !writable([]byte("x"), []byte(h.Path)) || !plainTarget(h.Path)):
		wrong("path", "an absolute path of visible ASCII", h.Path)
	}
	if h.Every < 100*time.Millisecond || h.Every > time.Hour {
		wrong("every", "a duration from 100ms to 1h", h.Every)
	}
	if h.UnhealthyAfter < 1 || h.UnhealthyAfter > 1000 {
		wrong("unhealthy_after", "a number from 1 to 1000", h.UnhealthyAfter)
	}
	if h.HealthyAfter < 1 || h.HealthyAfter > 1000 {
		wrong("healthy_after", "a number from 1 to 1000", h.HealthyAfter)
	}
	if h.SlowStart < 0 || h.SlowStart > time.Hour {
		wrong("slow_start", "a duration from 0s to 1h", h.SlowStart)
	}
	return errors.Join(problems...)
}

func plainTarget(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// usable reports whether the target may get requests. While it starts slowly it says no to a share of them, unless it is
// the last resort.
func (t *target) usable(h *Health, lastResort bool) bool {
	if h == nil {
		return true
	}
	if t.health.down.Load() {
		return false
	}
	since := t.health.since.Load()
	if since == 0 || h.SlowStart <= 0 || lastResort {
		return true
	}
	age := time.Duration(time.Now().UnixNano() - since)
	if age >= h.SlowStart {
		t.health.since.CompareAndSwap(since, 0)
		return true
	}
	const least = 0.1 // of its share, so that it is seen to work at all
	return rand.Float64() < max(float64(age)/float64(h.SlowStart), least)
}

// fail counts a failure. The target is taken out after enough of them in a row, but by requests' failures (passive)
// never the last one that is left: a target that may work is better than none.
func (p *Pool) fail(t *target, why string, passive bool) {
	h := p.health
	if h == nil {
		return
	}
	t.health.lastFail.Store(&why)
	count := &t.health.refused
	if !passive {
		count = &t.health.failed
		t.health.passed.Store(0)
	}
	if count.Add(1) < int64(h.UnhealthyAfter) {
		return
	}
	if passive && p.healthy() <= 1 {
		return
	}
	if t.health.down.CompareAndSwap(false, true) {
		p.log.Warn().Str("upstream", p.name).Str("target", t.url).Str("cause", why).Int("left", p.healthy()).Msg("target is unhealthy; it gets no requests")
	}
}

// pass counts a check that went well.
func (p *Pool) pass(t *target) {
	t.health.failed.Store(0)
	if !t.health.down.Load() || t.health.passed.Add(1) < int64(p.health.HealthyAfter) {
		return
	}
	t.health.refused.Store(0)
	if t.health.down.CompareAndSwap(true, false) {
		t.health.since.Store(time.Now().UnixNano())
		t.health.passed.Store(0)
		p.log.Info().Str("upstream", p.name).Str("target", t.url).Msg("target is healthy again")
	}
}

// healthy counts the targets that get requests.
func (p *Pool) healthy() (n int) {
	for _, t := range p.targets() {
		if !t.health.down.Load() {
			n++
		}
	}
	return n
}

// checkTargets checks every target's health until ctx ends, each at its own time, those that come later too.
func (p *Pool) checkTargets(ctx context.Context) {
	if p.health == nil {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	running := map[*target]context.CancelFunc{}
	for {
		m := p.members.Load()
		for t, stop := range running {
			if !slices.Contains(m.targets, t) {
				stop()
				delete(running, t)
			}
		}
		for _, t := range m.targets {
			if running[t] == nil {
				each, stop := context.WithCancel(ctx)
				running[t] = stop
				wg.Go(func() { p.checkEvery(each, t) })
			}
		}
		select {
		case <-m.replaced:
		case <-ctx.Done():
			for _, stop := range running {
				stop()
			}
			return
		}
	}
}

// checkEvery checks t until ctx ends.
func (p *Pool) checkEvery(ctx context.Context, t *target) {
	for wait := time.Duration(0); ctx.Err() == nil; wait = p.health.Every {
		jitter := time.Duration(rand.Int64N(int64(p.health.Every/10 + 1)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait + jitter):
		}
		p.checkOne(ctx, t)
	}
}

// checkOne asks t once how it is.
func (p *Pool) checkOne(ctx context.Context, t *target) {
	status, err := p.fetch(ctx, t, p.healthPath, nil)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.fail(t, err.Error(), false)
	case status < 200 || status > 299:
		p.fail(t, fmt.Sprintf("health check answered %d", status), false)
	default:
		p.pass(t)
	}
}

func (t *target) healthGauge() float64 {
	if t.health.down.Load() {
		return 0
	}
	return 1
}
