package upstream

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"blaze/telemetry"
)

// maxOpenFactor bounds how far repeated failure of the probes stretches the time a breaker stays open.
const maxOpenFactor = 16

// breaker is one target's circuit breaker: failsafe-go's, used by permits, with three things that long streams need.
// A generation: a result counts only in the state its request began in, since a generation of a minute outlives an
// open time of ten seconds and would close or re-open a half-open breaker out of turn. A neutral end, which gives a
// probe's permit back without a verdict. And an open time that doubles as long as the probes fail.
type breaker struct {
	cfg          Breaker
	pool, target string
	log          telemetry.Logger
	cb           circuitbreaker.CircuitBreaker[int]
	changes      map[circuitbreaker.State]*telemetry.Counter

	gen     atomic.Uint64
	closed  atomic.Bool  // mirrors cb's state, so that the common case takes no lock
	opened  atomic.Int64 // openings since it last closed
	until   atomic.Int64 // unix nanoseconds; no permit before, whatever cb says
	probing atomic.Int64 // permits out while not closed

	mu       sync.Mutex             // rearm
	rearming atomic.Bool            // the state changes are rearm's: not news
	cause    atomic.Pointer[string] // what the latest failure was
}

// newBreaker returns nil for a breaker that is switched off; a nil breaker lets everything pass. Its changes are counted
// under label: addresses that come and go must not leave a series each.
func newBreaker(cfg Breaker, pool, target, label string, env Env) *breaker {
	if cfg.FailureRate <= 0 {
		return nil
	}
	b := &breaker{cfg: cfg, pool: pool, target: target, log: env.Log, changes: map[circuitbreaker.State]*telemetry.Counter{}}
	for state, name := range map[circuitbreaker.State]string{circuitbreaker.ClosedState: "closed", circuitbreaker.OpenState: "open", circuitbreaker.HalfOpenState: "half_open"} {
		b.changes[state] = env.Metrics.Counter("blaze_breaker_changes_total", pool, label, name)
	}
	b.closed.Store(true)
	b.cb = circuitbreaker.NewBuilder[int]().
		WithFailureRateThreshold(float64(cfg.FailureRate), uint(max(cfg.MinRequests, 1)), max(cfg.Over, time.Second)).
		WithDelay(cfg.OpenFor).
		WithSuccessThreshold(uint(max(cfg.Probes, 1))).
		OnStateChanged(b.changed).
		Build()
	return b
}

// changed runs on the goroutine of the request that changed the state, with cb unlocked: it must stay short.
func (b *breaker) changed(e circuitbreaker.StateChangedEvent) {
	b.gen.Add(1)
	b.closed.Store(e.NewState == circuitbreaker.ClosedState)
	if b.rearming.Load() {
		return
	}
	b.changes[e.NewState].Inc()
	switch e.NewState {
	case circuitbreaker.OpenState:
		n := b.opened.Add(1)
		stay := b.cfg.OpenFor * time.Duration(min(int64(1)<<min(n-1, 10), maxOpenFactor))
		b.until.Store(time.Now().Add(stay).UnixNano())
		b.log.Warn().Str("upstream", b.pool).Str("target", b.target).Str("cause", b.lastCause()).Dur("open_for", stay).Msg("breaker opened")
	case circuitbreaker.ClosedState:
		b.opened.Store(0)
		b.until.Store(0)
		b.log.Info().Str("upstream", b.pool).Str("target", b.target).Msg("breaker closed")
	}
}

// permit is the right to send one request, as of one generation of the breaker.
type permit struct {
	gen   uint64
	probe bool
}

// staleGen is a generation that no breaker is ever in: what is recorded under it counts nowhere.
const staleGen = ^uint64(0)

// tryAcquire takes a permit; if there is none, wait is how long until one may be had, zero if unknown.
func (b *breaker) tryAcquire() (p permit, wait time.Duration, ok bool) {
	if b == nil {
		return permit{}, 0, true
	}
	gen := b.gen.Load()
	if b.closed.Load() && gen == b.gen.Load() {
		return permit{gen: gen}, 0, true // closed, cb counts results only: no permit to take
	}
	if wait = time.Duration(b.until.Load() - time.Now().UnixNano()); wait > 0 {
		return permit{}, wait, false
	}
	if b.probing.Add(1) > int64(max(b.cfg.Probes, 1)) || !b.cb.TryAcquirePermit() {
		b.probing.Add(-1)
		return permit{}, 0, false
	}
	return permit{gen: b.gen.Load(), probe: true}, 0, true
}

// record gives p back and counts how it went. cause names a failure.
func (b *breaker) record(p permit, o Outcome, cause string) {
	if b == nil {
		return
	}
	if p.probe {
		b.probing.Add(-1)
	}
	if b.gen.Load() != p.gen {
		return // began in an older state: nothing is learned about this one
	}
	switch o {
	case Failure:
		b.blame(cause)
		b.cb.RecordFailure()
	case Success:
		b.cb.RecordSuccess()
	case Neutral:
		if p.probe {
			b.rearm(p)
		}
	}
}

func (b *breaker) blame(cause string) { b.cause.Store(&cause) }

// rearm gives a probe's permit back unjudged. failsafe-go returns a permit only with a verdict, so the half-open state
// is entered anew, with all its permits; probing still bounds how many are out.
func (b *breaker) rearm(p permit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen.Load() != p.gen || !b.cb.IsHalfOpen() {
		return
	}
	b.rearming.Store(true)
	b.cb.Open()
	b.cb.HalfOpen()
	b.rearming.Store(false)
}

// inherit takes over the state of the breaker that a reload replaces: an open one stays open.
func (b *breaker) inherit(old *breaker) {
	if b == nil || old == nil || old.closed.Load() {
		return
	}
	b.cause.Store(old.cause.Load())
	b.rearming.Store(true)
	b.cb.Open()
	b.rearming.Store(false)
	b.opened.Store(old.opened.Load())
	b.until.Store(old.until.Load())
}

// state names b's state for people. An open breaker whose time is up waits for a request: the next one is its probe.
func (b *breaker) state() string {
	switch {
	case b == nil:
		return "off"
	case b.closed.Load():
		return "closed"
	case b.cb.IsHalfOpen():
		return "half_open"
	case time.Now().UnixNano() >= b.until.Load():
		return "probe_due"
	}
	return "open"
}

// gauge is the state as blaze_breaker_state shows it.
func (b *breaker) gauge() float64 {
	switch b.state() {
	case "half_open", "probe_due":
		return 1
	case "open":
		return 2
	}
	return 0
}

func (b *breaker) lastCause() string {
	if c := b.cause.Load(); c != nil {
		return *c
	}
	return ""
}
