package ratelimit

import "blaze/filters"

// degraded notes that x passes with less.
func (f *Filter) degraded(x *filters.Exchange, a *ask) {
	a.limit.degraded.Inc()
	if !x.Shadowed {
		x.Degraded = a.limit.name
	}
}
