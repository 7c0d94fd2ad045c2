// Package circuit is the last filter: it takes a place at a model server, waiting in the upstream's queue where there is
// one, or refuses at once when there is none to be had. Which target, whether its breaker is open and what the figures
// are is the upstream's business; this package never sends anything.
package circuit

import (
	"errors"
	"sync"

	"blaze/filters"
	"blaze/upstream"
)

// Config is the policy's filters.circuit section. It has no keys of its own beside those every filter shares: the
// figures of breakers, queues and limits stand in the upstreams section, by the targets they are about.
type Config struct{}

// Filter is the circuit filter. Safe for concurrent use.
type Filter struct{ hashers sync.Pool }

// New makes the filter; nothing in cfg can be wrong.
func New(Config, *Filter, filters.Env) (*Filter, error) { return &Filter{}, nil }

// Request passes: a place is taken only once everything else has passed, the body too.
func (f *Filter) Request(*filters.Exchange) filters.Verdict { return filters.Pass() }

// Body takes a lease at x.Upstream, or else at one of its fallbacks. An exchange without an upstream passes: the proxy
// answers it. So does a dry run, which takes nothing.
func (f *Filter) Body(x *filters.Exchange) filters.Verdict {
	if x.Upstream == nil || x.Dry {
		return filters.Pass()
	}
	w := want(x)
	recorder, v := f.recall(x, &w)
	if !v.Passed() || x.Lease != nil {
		return v
	}
	v = acquire(x, w, recorder)
	recorder.Abandon()
	return v
}

// acquire takes a lease at x's upstream or at one of its fallbacks, whose answer the recorder gets.
func acquire(x *filters.Exchange, w upstream.Want, recorder *upstream.Recorder) filters.Verdict {
	began := x.Now()
	lease, retry, err := x.Upstream.Acquire(w)
	if err != nil && !errors.Is(err, upstream.ErrCancelled) {
		if l := x.Upstream.AcquireFallback(0, w); l != nil {
			fallTo(x, l)
			err = nil
		}
	} else if err == nil {
		x.Lease = lease
	}
	x.Waited += x.Now().Sub(began)
	switch {
	case err == nil:
		x.Lease.Record(recorder)
		return filters.Pass()
	case errors.Is(err, upstream.ErrUnavailable):
		return filters.Deny(filters.UpstreamUnavailable, "breaker").After(retry)
	case errors.Is(err, upstream.ErrQueueFull):
		return filters.Deny(filters.QueueFull, "queue").After(retry)
	case errors.Is(err, upstream.ErrQueueTimeout), errors.Is(err, upstream.ErrTimeout):
		return filters.Deny(filters.QueueTimeout, "queue").After(retry)
	case errors.Is(err, upstream.ErrCancelled):
		return filters.Deny(filters.QueueTimeout, "client_gone") // nobody reads it
	}
	return filters.Fail(err)
}

// Settle gives the lease back with how it went. Nobody may use it, or its response, any more.
func (f *Filter) Settle(x *filters.Exchange) {
	if l := x.Lease; l != nil {
		x.Lease = nil
		l.Release(x.Result)
	}
}

// Fall moves x to the next of its upstream's fallbacks after the lease that it holds has failed, and gives that lease
// back; the answer it may have had is closed. False when there is no other, and nothing has changed. The proxy asks
// Lease.Elsewhere first. x.Edits may differ after.
func Fall(x *filters.Exchange) bool {
	if x.Upstream == nil || x.Lease == nil {
		return false
	}
	from := 0
	if i, _, _, ok := x.Lease.Fallback(); ok {
		from = i + 1
	}
	w := want(x)
	w.Memory = x.Lease.Memory()
	next := x.Upstream.AcquireFallback(from, w)
	if next == nil {
		return false
	}
	next.Record(x.Lease.Recorder())
	x.Lease.Release(upstream.Neutral)
	fallTo(x, next)
	return true
}

// Force takes a lease for an exchange that passed without one because the filter is in shadow mode, whatever breakers,
// health and limits say: shadow must not change what the client gets. False when there is nobody to send to.
func Force(x *filters.Exchange) bool {
	if x.Upstream == nil || x.Lease != nil {
		return x.Lease != nil
	}
	w := want(x)
	w.Force = true
	l, _, err := x.Upstream.Acquire(w)
	if err != nil {
		return false
	}
	x.Lease = l
	return true
}

// Alone gives back a lease whose answer, which x shared with others, failed before it began (upstream.ErrAlone), and takes
// one of x's own: without waiting for anybody's answer again. In shadow mode it is taken by force.
func Alone(x *filters.Exchange) filters.Verdict {
	m := *x.Lease.Memory()
	m.Alone = true
	x.Lease.Release(upstream.Neutral)
	x.Lease = nil
	w := want(x)
	w.Memory, w.Force = &m, x.Shadowed
	r, lease, recorder, err := x.Upstream.Recall(w)
	defer recorder.Abandon()
	noteRecall(x, &m, r)
	switch {
	case err != nil:
		return filters.Deny(filters.IdempotencyReused, "idempotency").At("idempotency-key", "")
	case lease != nil:
		x.Lease = lease
		return filters.Pass()
	}
	return acquire(x, w, recorder)
}

// fallTo puts the fallback's lease in place: its model is asked for, and the exchange is marked as degraded.
func fallTo(x *filters.Exchange, l *upstream.Lease) {
	x.Lease = l
	if l.Remembered() {
		x.Cache = upstream.Stale
	}
	_, name, model, _ := l.Fallback()
	if x.Degraded == "" {
		x.Degraded = "fallback-" + name
	}
	setModel(x, model)
}

func want(x *filters.Exchange) upstream.Want {
	w := upstream.Want{Tier: x.Identity.Tier, Deadline: x.Deadline, Cancel: x.Cancel}
	if x.Upstream.Affine() {
		w.Affinity = affinity(x)
	}
	return w
}
