package ratelimit

import "blaze/filters"

// extendBy is how many tokens a running answer gets at a time, beyond what was reserved for it.
const extendBy = 256

// capAnswer bounds an answer to what was reserved for it: a stream by the relay, which asks Extend when it gets there; an
// answer in one piece by max_tokens, since JSON cannot be cut.
func (f *Filter) capAnswer(x *filters.Exchange, d *decision) {
	for i := range d.asks {
		a := &d.asks[i]
		if !a.limit.hard || a.shadow || x.Shadowed || !a.fits || a.charge == 0 {
			continue
		}
		out := max(a.charge-a.input, 1)
		if x.OutputCap == 0 || out < x.OutputCap {
			x.OutputCap, x.Budget = out, f
		}
	}
	if x.OutputCap > 0 && !x.Document.Stream {
		if asked := asksFor(x); asked < 0 || asked > x.OutputCap {
			n := max(x.OutputCap/max(x.Document.N, 1), 1)
			boundAnswer(x, n)
		}
	}
}

// Extend raises x.OutputCap by what its accounts still hold, as far as a chunk; false when one of them is used up. The
// relay calls it when a stream has reached its cap.
func (f *Filter) Extend(x *filters.Exchange) bool {
	d := f.pool.Get().(*decision)
	defer f.pool.Put(d)
	chunk := f.openHard(x, d)
	if len(d.asks) == 0 || chunk <= 0 {
		return false
	}
	for i := range d.asks {
		d.asks[i].charge = chunk
	}
	if granted, err := f.take(d, f.clock.micros(), false); !granted || err != nil {
		return false
	}
	for i := range d.asks {
		t := &x.Taken[d.asks[i].taking]
		t.Amount, t.Mark = t.Amount+chunk, d.asks[i].mark
	}
	x.OutputCap += chunk
	return true
}

// openHard lists x's hard accounts and says how much all of them still hold.
func (f *Filter) openHard(x *filters.Exchange, d *decision) (chunk int64) {
	d.asks, chunk = d.asks[:0], extendBy
	for i := range x.Taken {
		t := &x.Taken[i]
		if l := f.limits[t.Limit]; l.hard {
			d.more().asked = asked{limit: l, ledger: l.ledger.live(), key: t.Key, digest: t.Digest, net: t.Net, charge: 1, taking: i}
		}
	}
	if _, err := f.take(d, f.clock.micros(), true); err != nil {
		return 0
	}
	for i := range d.asks {
		chunk = min(chunk, d.asks[i].ledger.rule.capacity()-d.asks[i].used)
	}
	return chunk
}
