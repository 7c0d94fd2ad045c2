package ratelimit

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"

	"blaze/filters"
)

func randomText() string { return rand.Text()[:8] }

// take asks the store: memory, or Redis; without Redis, what on_error says. An error is Redis's, with on_error: closed.
func (f *Filter) take(d *decision, now int64, dry bool) (granted bool, err error) {
	r := f.remote
	if r == nil || !f.live.Load() { // a filter that does not serve (a policy's tests) touches no network
		return take(d.asks, now, dry), nil
	}
	if r.knownHopeless(d, now) {
		return false, nil
	}
	if granted, err = r.take(d, now, dry); err == nil {
		return granted, nil
	}
	r.fallback.Inc()
	switch r.cfg.OnError {
	case Closed:
		return false, err
	case Open:
		for i := range d.asks {
			d.asks[i].fits = true
			d.asks[i].reading, d.asks[i].mark, d.asks[i].charge = reading{}, 0, 0
		}
		return true, nil
	}
	return r.takeHere(d.asks, now, dry), nil
}

// takeHere takes from this replica's share, of which Redis is told when it answers again.
func (r *remote) takeHere(asks []ask, now int64, dry bool) (granted bool) {
	for i := range asks {
		asks[i].weight = r.replicas.Load()
	}
	granted = take(asks, now, dry)
	if granted && !dry {
		r.dirty.add(asks)
	}
	return granted
}

// take asks Redis and mirrors what it says, so that its loss finds every account as it was.
func (r *remote) take(d *decision, now int64, dry bool) (bool, error) {
	if r.broken.Load() {
		return false, errBroken
	}
	calls := r.calls(d.asks)
	op := "take"
	if dry {
		op = "look"
	}
	granted, out, err := r.run(op, calls)
	if err != nil {
		return false, err
	}
	if r.cfg.Mode == Cluster && !granted && !dry {
		r.undo(calls, out)
	}
	r.learn(d.asks, out, now)
	return granted, nil
}

func (r *remote) calls(asks []ask) []call {
	calls := make([]call, len(asks))
	for i := range asks {
		a := &asks[i]
		calls[i] = call{key: r.key(a.limit, a.digest), rule: &a.ledger.rule, units: a.charge, least: a.least, optional: a.optional}
	}
	return calls
}

// learn notes what Redis says of each account.
func (r *remote) learn(asks []ask, out []answer, now int64) {
	for i := range asks {
		a := &asks[i]
		a.weight, a.fits, a.charge, a.mark = 1, out[i].fits == 1, out[i].units, out[i].mark
		a.reading = reading{wait: out[i].wait, used: out[i].used, reset: out[i].reset}
		a.ledger.mirror(a.key, a.net, a.used, now)
		if !a.fits {
			r.hopeless.note(a, now)
		}
	}
}

// undo gives back what a cluster's nodes took of a request that another node refused.
func (r *remote) undo(calls []call, out []answer) {
	var back []call
	for i := range calls {
		if out[i].fits == 1 && out[i].mark > 0 {
			c := calls[i]
			c.units, c.mark = -out[i].units, out[i].mark
			back = append(back, c)
		}
	}
	if len(back) > 0 {
		_, _, _ = r.run("settle", back) // an error has opened the breaker; what stays taken is on the safe side
	}
}

// settleAll corrects all of x's takings.
func (f *Filter) settleAll(x *filters.Exchange, now int64) {
	var t *trip
	for i := range x.Taken {
		taken := &x.Taken[i]
		l := f.limits[taken.Limit]
		used := l.actual(x)
		if used < 0 || used == taken.Amount {
			continue
		}
		ledger := l.ledger.live()
		if f.remote != nil && f.live.Load() {
			if t == nil {
				t = &trip{op: "settle", by: f}
			}
			t.calls = append(t.calls, call{key: f.remote.key(l, taken.Digest), rule: &ledger.rule, units: used - taken.Amount, mark: taken.Mark})
			t.settled = append(t.settled, settlement{l, *taken, used})
			continue
		}
		ledger.settle(taken, used, 1, now)
		if used < taken.Amount {
			ledger.lines.poke(taken.Key)
		}
	}
	if t != nil {
		f.tell(t)
	}
}

// tell lets Redis know of a settlement. Nobody waits for it: what the client asks next, and who is told now that something was
// given back, is heard after it.
func (f *Filter) tell(t *trip) {
	if f.remote.broken.Load() || f.remote.send(t) != nil {
		f.settleMirrors(t.settled)
	}
	for i := range t.settled {
		if s := &t.settled[i]; s.used < s.taken.Amount {
			ledger := s.limit.ledger.live()
			f.remote.hopeless.forget(s.taken.Key ^ ledger.id)
			ledger.lines.poke(s.taken.Key)
		}
	}
}

// settleMirrors corrects, where Redis has not heard of it, what this replica knows; Redis is told later.
func (f *Filter) settleMirrors(settled []settlement) {
	r := f.remote
	if r.cfg.OnError != Local {
		return
	}
	now := f.clock.micros()
	for i := range settled {
		s := &settled[i]
		ledger := s.limit.ledger.live()
		ledger.settle(&s.taken, s.used, r.replicas.Load(), now)
		r.dirty.add([]ask{{asked: asked{limit: s.limit, ledger: ledger, key: s.taken.Key, digest: s.taken.Digest}}})
	}
}

// digest is the account's name for a store that several processes share.
func (k *keyBuffer) digest() (d [16]byte) {
	sum := sha256.Sum256(k.bytes())
	copy(d[:], sum[:])
	return d
}

// refusals remembers for a moment what Redis has refused, so that hopeless calls are spared. Only for a moment, since
// something may be given back.
type refusals struct {
	mu    sync.Mutex
	cells [1024]refusal // guarded by mu
}

type refusal struct {
	key   uint64
	cost  int64
	until int64 // µs; not asked again before
	wait  int64 // µs; when it will work
}

// hopelessFor bounds how long a refusal is believed, µs.
const hopelessFor = 100_000

func (f *refusals) note(a *ask, now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cells[(a.key^a.ledger.id)%uint64(len(f.cells))] = refusal{a.key ^ a.ledger.id, a.charge, now + min(a.wait, hopelessFor), now + a.wait}
}

// forget lets Redis be asked for an account again: something is given back to it.
func (f *refusals) forget(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := &f.cells[id%uint64(len(f.cells))]; c.key == id {
		*c = refusal{}
	}
}

// knownHopeless says whether one of the accounts was refused as much a moment ago; the asks then say so.
func (r *remote) knownHopeless(d *decision, now int64) (hopeless bool) {
	r.hopeless.mu.Lock()
	defer r.hopeless.mu.Unlock()
	for i := range d.asks {
		a := &d.asks[i]
		id := a.key ^ a.ledger.id
		c := &r.hopeless.cells[id%uint64(len(r.hopeless.cells))]
		a.fits, a.reading = true, reading{}
		if c.key == id && now < c.until && a.charge >= c.cost && a.least == 0 {
			a.fits = false
			a.reading = reading{wait: c.wait - now, used: a.ledger.rule.capacity(), reset: c.wait - now}
			hopeless = hopeless || !a.optional
		}
	}
	return hopeless
}
