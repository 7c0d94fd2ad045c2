// Package circuit is the last filter: it takes a place at a model server, or refuses at once when there is none to be
// had. Which target, whether its breaker is open and what the breaker's figures are is the upstream's business; this
// package never sends anything.
package circuit

import (
	"errors"

	"blaze/filters"
	"blaze/upstream"
)

// Config is the policy's filters.circuit section. It has no keys of its own beside those every filter shares: the
// breaker's figures stand in the upstreams section, by the targets they are about.
type Config struct{}

// Filter is the circuit filter. Immutable after New, safe for concurrent use.
type Filter struct{}

// New makes the filter; nothing in cfg can be wrong.
func New(Config, *Filter, filters.Env) (*Filter, error) { return &Filter{}, nil }

// Request passes: a place is taken only once everything else has passed, the body too.
func (f *Filter) Request(*filters.Exchange) filters.Verdict { return filters.Pass() }

// Body takes a lease at a target of x.Upstream. An exchange without an upstream passes: the proxy answers it. So does a
// dry run, which takes nothing.
func (f *Filter) Body(x *filters.Exchange) filters.Verdict {
	if x.Upstream == nil || x.Dry {
		return filters.Pass()
	}
	began := x.Now()
	lease, retry, err := x.Upstream.Acquire(upstream.Want{
		Tier:     x.Identity.Tier,
		Deadline: x.Deadline,
		Cancel:   x.Cancel,
	})
	x.Waited += x.Now().Sub(began)
	switch {
	case err == nil:
		x.Lease = lease
		return filters.Pass()
	case errors.Is(err, upstream.ErrUnavailable):
		return filters.Deny(filters.UpstreamUnavailable, "breaker").After(retry)
	case errors.Is(err, upstream.ErrCancelled), errors.Is(err, upstream.ErrTimeout):
		return filters.Deny(filters.UpstreamUnavailable, "gave_up")
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
