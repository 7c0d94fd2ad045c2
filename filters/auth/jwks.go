package auth

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry"
	"blaze/upstream"
)

// How keys are kept fresh.
const (
	defaultRefresh = 5 * time.Minute
	minRefresh     = 30 * time.Second // however short the issuer's max-age is
	retryFirst     = time.Second      // after a failure, doubling
	retryMost      = time.Minute
	askCooldown    = 10 * time.Second // between two fetches that requests ask for, whatever kids come
	patience       = time.Second      // how long a request waits for a fetch that is under way
	maxWaiters     = 64               // requests that may wait at once; the others are answered at once
	maxMissing     = 256              // kids remembered as unknown
)

// remote is an issuer's key set behind a URL. Requests only ever read what was fetched before: one goroutine fetches, at
// set times and when a request meets a kid that is not there. When the issuer is down, the last good set goes on
// serving until it is too old. It passes from filter to filter over reloads that keep its URL.
type remote struct {
	issuer   string // for metrics and checks; bounded by the policy
	identity Hash   // of everything that says how the set is fetched and read
	algs     []string
	refresh  time.Duration
	maxStale time.Duration
	fetch    func(context.Context) (text []byte, keep time.Duration, err error)
	now      func() time.Time
	count    map[string]*telemetry.Counter // by result

	current atomic.Pointer[keySet] // nil until the first fetch succeeds
	fetched moment                 // when the last one succeeded
	ask     chan struct{}          // holds one wish for a fetch

	running sync.Mutex // held by the one run; a reload's old and new filter may overlap

	mu      sync.Mutex
	digest  Hash                // of the current set's text; guarded by mu
	failure string              // why the last fetch failed, empty if it did not; guarded by mu
	asked   time.Time           // when a request last caused a fetch; guarded by mu
	missing map[string]struct{} // kids that were asked for and not found; guarded by mu
	done    chan struct{}       // closed at the end of the fetch that is wished for or under way; guarded by mu
	waiters int                 // guarded by mu
}

// set returns the keys to believe now, or nil when there are none or none that are recent enough.
func (r *remote) set(now time.Time) *keySet {
	if r.maxStale > 0 && r.fetched.age(now) > r.maxStale {
		return nil
	}
	return r.current.Load()
}

// await wishes for a fetch because kid is not in the set, or there is no set, and waits a moment for it, together with
// the other requests that do. It does no I/O. It returns the set there is then; have is what the caller knows.
func (r *remote) await(kid string, have *keySet, cancel *upstream.Cancel) *keySet {
	now := r.now()
	r.mu.Lock()
	done := r.wishLocked(kid, have != nil, now)
	if done == nil || r.waiters >= maxWaiters {
		r.mu.Unlock()
		return have
	}
	r.waiters++
	r.mu.Unlock()
	wait(done, cancel)
	r.mu.Lock()
	r.waiters--
	r.mu.Unlock()
	return r.set(r.now())
}

// wishLocked returns what is closed at the end of the fetch that is under way or that it wishes for; nil when it is too
// soon for another.
func (r *remote) wishLocked(kid string, have bool, now time.Time) <-chan struct{} {
	if r.done != nil {
		return r.done
	}
	if _, known := r.missing[kid]; have && known || now.Sub(r.asked) < askCooldown {
		return nil
	}
	if have {
		r.remember(kid)
	}
	r.asked, r.done = now, make(chan struct{})
	select {
	case r.ask <- struct{}{}:
	default:
	}
	return r.done
}

// remember notes under mu that kid is unknown; a changed set forgets.
func (r *remote) remember(kid string) {
	if r.missing == nil || len(r.missing) >= maxMissing {
		r.missing = map[string]struct{}{}
	}
	r.missing[kid] = struct{}{}
}

func wait(done <-chan struct{}, cancel *upstream.Cancel) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var gone <-chan struct{}
	if cancel != nil {
		gone = cancel.Done()
	}
	select {
	case <-done:
	case <-gone:
	case <-timer.C:
	}
}

// run keeps the set fresh until ctx ends.
func (r *remote) run(ctx context.Context) {
	r.running.Lock()
	defer r.running.Unlock()
	next := time.Duration(0)
	if age := r.fetched.age(r.now()); r.current.Load() != nil && age < r.refresh {
		next = r.refresh - age
	}
	for retry := retryFirst; ; {
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-r.ask:
			timer.Stop()
		}
		keep, err := r.renew(ctx)
		if err != nil {
			next, retry = jitter(retry), min(2*retry, retryMost)
			continue
		}
		next, retry = jitter(r.interval(keep)), retryFirst
	}
}

// interval is when to look again: as the issuer says, within bounds.
func (r *remote) interval(keep time.Duration) time.Duration {
	if keep == 0 {
		return r.refresh
	}
	return min(max(keep, minRefresh), r.refresh)
}

// jitter spreads the replicas of a fleet over time.
func jitter(d time.Duration) time.Duration { return d - time.Duration(rand.Int64N(int64(d)/5+1)) }

// renew fetches once and lets the waiting go.
func (r *remote) renew(ctx context.Context) (keep time.Duration, err error) {
	r.mu.Lock()
	if r.done == nil {
		r.done = make(chan struct{})
	}
	select {
	case <-r.ask: // this fetch is what was wished for
	default:
	}
	r.mu.Unlock()
	text, keep, err := r.fetch(ctx)
	var set *keySet
	if err == nil {
		set, err = parseKeySet(text, r.algs)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.done)
	r.done = nil
	if err != nil {
		r.failure = err.Error()
		r.count["failed"].Inc()
		return 0, err
	}
	r.failure = ""
	r.fetched.set(r.now())
	digest := Hash(sha256.Sum256(text))
	if digest == r.digest {
		r.count["unchanged"].Inc() // the set stays the same value, and with it the tokens remembered
		return keep, nil
	}
	r.digest = digest
	r.current.Store(set)
	clear(r.missing)
	r.count["changed"].Inc()
	return keep, nil
}

// state is what /health/detailed shows.
func (r *remote) state() (status string, detail map[string]any) {
	r.mu.Lock()
	failure := r.failure
	r.mu.Unlock()
	detail = map[string]any{"issuer": r.issuer}
	set := r.set(r.now())
	switch {
	case set == nil:
		status = "down"
	case failure != "":
		status = "degraded"
	default:
		status = "ok"
	}
	if failure != "" {
		detail["error"] = failure
	}
	if set != nil {
		detail["keys"], detail["fetched"] = len(set.keys), r.fetched.time().UTC().Format(time.RFC3339)
	}
	detail["status"] = status
	return status, detail
}
