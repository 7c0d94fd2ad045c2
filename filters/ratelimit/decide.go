package ratelimit

import (
	"hash/maphash"
	"time"

	"blaze/filters"
)

const filterName = "ratelimit"

// decision is the scratch space of one decision.
type decision struct {
	asks []ask
	key  keyBuffer
}

// Request asks the limits that the head is enough for.
func (f *Filter) Request(x *filters.Exchange) filters.Verdict { return f.decide(x, f.head) }

// Body asks the limits that count tokens or go by the model.
func (f *Filter) Body(x *filters.Exchange) filters.Verdict { return f.decide(x, f.body) }

// decide asks all limits that are for x at once: it is let pass by all, or it has taken nothing from any of them.
func (f *Filter) decide(x *filters.Exchange, limits []*limit) filters.Verdict {
	if len(limits) == 0 {
		return filters.Pass()
	}
	if !x.Dry {
		f.begin()
	}
	d := f.pool.Get().(*decision)
	defer f.pool.Put(d)
	if d.collect(x, limits); len(d.asks) == 0 {
		return filters.Pass()
	}
	now := f.clock.micros()
	if take(d.asks, now, x.Dry) {
		return f.granted(x, d)
	}
	return f.refused(x, d)
}

// collect lists what x needs of which account.
func (d *decision) collect(x *filters.Exchange, limits []*limit) {
	d.asks = d.asks[:0]
	for _, l := range limits {
		if !l.scope.has(x) {
			continue
		}
		d.asks = append(d.asks, ask{limit: l, ledger: l.ledger.live()})
		a := &d.asks[len(d.asks)-1]
		l.by.write(&d.key, x)
		seed := a.ledger.table.seed
		a.key = max(maphash.Bytes(seed, d.key.bytes()), 1)
		a.net = coarseNet(seed, x)
		a.cost = 1
		a.charge = min(a.cost, a.ledger.rule.capacity())
		a.shadow = !l.Enforced(x, l.name)
		a.optional = a.shadow || l.then == DegradeAnswer
	}
}

// granted notes what was taken and what the answer's headers say.
func (f *Filter) granted(x *filters.Exchange, d *decision) filters.Verdict {
	for i := range d.asks {
		a := &d.asks[i]
		switch {
		case a.shadow && !a.fits:
			a.limit.shadowed.Inc()
			x.NoteShadow(filterName, a.denial())
		case !a.fits:
			f.degraded(x, a)
		}
		if a.fits && !x.Dry {
			x.Taken = append(x.Taken, filters.Taking{Limit: a.limit.index, Key: a.key, Digest: a.digest, Net: a.net, Amount: a.charge, Mark: a.mark})
		}
		a.show(x)
	}
	return filters.Pass()
}

// refused tells the client of the limit that it must wait longest for.
func (f *Filter) refused(x *filters.Exchange, d *decision) filters.Verdict {
	var worst *ask
	for i := range d.asks {
		a := &d.asks[i]
		if !a.fits && !a.optional && (worst == nil || a.wait > worst.wait) {
			worst = a
		}
	}
	worst.limit.refused.Inc()
	worst.showOnly(x)
	return worst.denial()
}

func (a *ask) denial() filters.Verdict {
	return filters.Deny(a.limit.denied, a.limit.name).After(time.Duration(a.wait) * time.Microsecond)
}

// show lets the answer's headers speak of the limit that is closest to biting.
func (a *ask) show(x *filters.Exchange) {
	if a.shadow || x.Shadowed || !a.limit.shows {
		return
	}
	axis := a.limit.axis(x)
	if s := a.seen(); axis.Limit == 0 || s.Remaining < axis.Remaining || s.Remaining == axis.Remaining && s.Reset > axis.Reset {
		*axis = s
	}
}

// showOnly lets the headers speak of the limit that refused.
func (a *ask) showOnly(x *filters.Exchange) {
	if !x.Shadowed && a.limit.shows {
		*a.limit.axis(x) = a.seen()
	}
}

func (l *limit) axis(x *filters.Exchange) *filters.LimitState {
	if l.count == Requests {
		return &x.Limits.Requests
	}
	return &x.Limits.Tokens
}

func (a *ask) seen() filters.LimitState {
	r := &a.ledger.rule
	return filters.LimitState{
		Name: a.limit.name, Limit: r.capacity(), Remaining: max(r.capacity()-a.used, 0),
		Reset: time.Duration(a.reset) * time.Microsecond, Window: time.Duration(r.window()) * time.Microsecond,
	}
}

// Settle gives back what a request took that was refused here after all. Requests that were refused or failed elsewhere
// stay counted: they were made.
func (f *Filter) Settle(x *filters.Exchange) {
	now := f.clock.micros()
	for i := range x.Taken {
		t := &x.Taken[i]
		l := f.limits[t.Limit]
		if x.DeniedBy == filterName {
			l.ledger.settle(t.Key, t.Net, t.Amount, 0, t.Mark, now)
		}
	}
	x.Taken = x.Taken[:0]
}
