package ratelimit

import "blaze/filters"

const filterName = "ratelimit"

// decision is the scratch space of one decision.
type decision struct {
	asks []ask
	key  keyBuffer
}

// Request asks the limits that the head is enough for, unless asking them with the body's spares a round trip.
func (f *Filter) Request(x *filters.Exchange) filters.Verdict {
	if f.remote != nil && x.BodyHere && !x.Dry && len(f.head) > 0 && len(f.body) > 0 {
		return f.putOff(x)
	}
	return f.decide(x, f.head)
}

// Body asks the limits that count tokens or go by the model, and lessens a request that is beyond a limit which degrades.
func (f *Filter) Body(x *filters.Exchange) filters.Verdict {
	limits := f.body
	if x.LimitsDue {
		x.LimitsDue, x.Limits, limits = false, filters.LimitHeaders{}, f.both
	}
	v := f.decide(x, limits)
	if v.Passed() && x.Degraded != "" {
		f.lessen(x)
	}
	return v
}

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
	behind := d.collect(x, limits, f.remote != nil)
	if len(d.asks) == 0 {
		return filters.Pass()
	}
	granted, err := f.take(d, f.clock.micros(), x.Dry || behind)
	if granted && behind && d.worst() == nil { // nobody waits any more
		behind = false
		granted, err = f.take(d, f.clock.micros(), x.Dry)
	}
	switch {
	case err != nil:
		return filters.Fail(err)
	case granted && !behind:
		return f.granted(x, d)
	}
	if worst := d.worst(); !worst.limit.then.waits() {
		return f.refuse(x, worst)
	}
	return f.wait(x, d)
}

// globalKey is the only account of a global limit.
const globalKey = 1

// collect lists what x needs of which account; behind says that others already wait for one of them.
func (d *decision) collect(x *filters.Exchange, limits []*limit, shared bool) (behind bool) {
	d.asks = d.asks[:0]
	net := coarseNet(x)
	for _, l := range limits {
		if l.narrow && !l.scope.has(x) {
			continue
		}
		ledger := l.ledger.live()
		key := uint64(globalKey)
		if l.by.kind != byGlobal {
			key = ledger.table.seed.account(&d.key, &l.by, x)
			ledger.table.shard(key).hint(key)
		}
		in, out := l.price(x, key)
		if in+out == 0 && !inference(x) {
			continue
		}
		a := d.more()
		a.limit, a.ledger, a.key, a.net, a.input = l, ledger, key, net, in
		a.charge = min(in+out, ledger.rule.capacity())
		if l.hard && out > 0 {
			a.least = min(in+1, a.charge)
		}
		if shared {
			l.by.write(&d.key, x)
			a.digest = d.key.digest()
		}
		a.shadow = !l.Enforced(x, l.name)
		a.optional = a.shadow || l.then == DegradeAnswer
		behind = behind || l.then.waits() && !a.shadow && ledger.lines.occupied(key)
	}
	return behind
}

// more returns one more ask, empty.
func (d *decision) more() *ask {
	if n := len(d.asks); n < cap(d.asks) {
		d.asks = d.asks[:n+1]
	} else {
		d.asks = append(d.asks, ask{})
	}
	a := &d.asks[len(d.asks)-1]
	a.asked = asked{}
	return a
}

// worst is the account that must be waited for longest, of those that hold the request back: one that refuses comes before
// one that lets wait. Where none holds it back, it is one that others wait for.
func (d *decision) worst() (worst *ask) {
	rank := func(a *ask) (refuses bool, wait int64) { return !a.limit.then.waits(), a.wait }
	for i := range d.asks {
		a := &d.asks[i]
		if a.optional || a.fits && !(a.limit.then.waits() && a.ledger.lines.occupied(a.key)) {
			continue
		}
		if worst == nil {
			worst = a
			continue
		}
		ar, aw := rank(a)
		wr, ww := rank(worst)
		if ar && !wr || ar == wr && aw > ww {
			worst = a
		}
	}
	return worst
}

// granted notes what was taken and what the answer's headers say.
func (f *Filter) granted(x *filters.Exchange, d *decision) filters.Verdict {
	hard := false
	for i := range d.asks {
		a := &d.asks[i]
		switch {
		case a.shadow && !a.fits:
			a.limit.shadowed.Inc()
			x.NoteShadow(filterName, a.denial())
		case !a.fits:
			f.degraded(x, a)
		case !x.Dry:
			x.Taken = append(x.Taken, filters.Taking{})
			t := &x.Taken[len(x.Taken)-1] // field by field: a copy of the whole would wait for its parts to be written
			t.Limit, t.Key, t.Digest, t.Net, t.Amount, t.Mark = a.limit.index, a.key, a.digest, a.net, a.charge, a.mark
		}
		a.show(x)
		a.press()
		hard = hard || a.limit.hard
	}
	if hard {
		f.capAnswer(x, d)
	}
	return filters.Pass()
}

// press lets an adaptive limit know that it is what holds requests back, or nearly.
func (a *ask) press() {
	if c := a.ledger.rule.control; c != nil && (a.wait > 0 || 5*a.used > 4*c.limit()) && !c.pressed.Load() {
		c.pressed.Store(true)
	}
}

// refuse tells the client of the limit that it must wait longest for.
func (f *Filter) refuse(x *filters.Exchange, worst *ask) filters.Verdict {
	worst.limit.refused.Inc()
	worst.press()
	worst.showOnly(x)
	return worst.denial()
}

func (a *ask) denial() filters.Verdict {
	return filters.Deny(a.limit.denied, a.limit.name).After(micros(a.wait))
}

// show lets the answer's headers speak of the limit that is closest to biting.
func (a *ask) show(x *filters.Exchange) {
	if a.shadow || x.Shadowed || !a.limit.shows {
		return
	}
	axis := a.limit.axis(x)
	left := max(a.ledger.rule.capacity()-a.used, 0)
	if axis.Limit == 0 || left < axis.Remaining || left == axis.Remaining && micros(a.reset) > axis.Reset {
		a.tell(axis)
	}
}

// showOnly lets the headers speak of the limit that refused.
func (a *ask) showOnly(x *filters.Exchange) {
	if !x.Shadowed && a.limit.shows {
		a.tell(a.limit.axis(x))
	}
}

func (l *limit) axis(x *filters.Exchange) *filters.LimitState {
	if l.count == Requests {
		return &x.Limits.Requests
	}
	return &x.Limits.Tokens
}

func (a *ask) tell(s *filters.LimitState) {
	r := &a.ledger.rule
	s.Name, s.Limit = a.limit.name, r.capacity()
	s.Remaining = max(s.Limit-a.used, 0)
	s.Reset, s.Window = micros(a.reset), micros(r.window())
}
