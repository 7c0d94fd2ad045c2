package ratelimit

import (
	"slices"

	"blaze/filters"
)

// A request whose body is here is asked of Redis once, when the body is known: of the limits of the head and of the body
// together. Between its head and that, others may refuse it or its client may leave; it was made all the same, so the limits of
// the head are charged for it when it ends, and nobody waits for that.

// putOff leaves the limits of the head to be asked with those of the body. Who is known to be beyond one is refused now, and
// until Redis has spoken, headers say what is known here.
func (f *Filter) putOff(x *filters.Exchange) filters.Verdict {
	f.begin()
	d := f.pool.Get().(*decision)
	defer f.pool.Put(d)
	d.collect(x, f.head, false)
	now := f.clock.micros()
	if f.remote.knownHopeless(d, now) {
		if worst := d.worst(); !worst.limit.then.waits() {
			return f.refuse(x, worst)
		}
	}
	x.LimitsDue = len(d.asks) > 0
	take(d.asks, now, true)
	for i := range d.asks {
		d.asks[i].show(x)
	}
	return filters.Pass()
}

// charge takes from the limits of the head, as far as they have it, for a request that has ended before they were asked.
func (f *Filter) charge(x *filters.Exchange) {
	x.LimitsDue = false
	d := f.pool.Get().(*decision)
	defer f.pool.Put(d)
	d.collect(x, f.head, true)
	if len(d.asks) == 0 {
		return
	}
	for i := range d.asks {
		d.asks[i].optional = true
	}
	r := f.remote
	if r.broken.Load() || r.send(&trip{op: "take", calls: r.calls(d.asks), by: f, charged: slices.Clone(d.asks)}) != nil {
		f.chargeHere(d.asks)
	}
}

// chargeHere does it where Redis has not heard of it.
func (f *Filter) chargeHere(asks []ask) {
	if f.remote.cfg.OnError == Local {
		f.remote.takeHere(asks, f.clock.micros(), false)
	}
}
