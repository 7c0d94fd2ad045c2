package ratelimit

import (
	"sync"

	"blaze/filters"
)

// ask is one limit's part in a decision: what is wanted of which account, and the answer.
type ask struct {
	asked
	fresh state // for the store: what a new account begins with; set before it is used
}

// asked is what is cleared from one ask to the next.
type asked struct {
	limit    *limit
	ledger   *ledger
	key      uint64
	digest   [16]byte
	net      uint32
	charge   int64 // units to take
	weight   int64 // what a unit counts for here; more than 1 while this process must guess what others take
	input    int64 // the part of them that is for the prompt
	least    int64 // a hard limit is content with this much, where the account has no more: what runs can be cut
	taking   int   // of Exchange.Taken, where it is to grow
	shadow   bool  // only noted for this caller
	optional bool  // does not hold the request back (shadow, degrade)

	// The answer.
	fits bool
	reading
	mark int64

	// For the store.
	mu    *sync.Mutex // the account's lock, while it is held
	shard *shard      // guarded by mu; nil where the ledger has a single account
	at    *state      // guarded by mu; nil until the account is found, fresh while it does not exist
}

// take asks all and takes from all that fit, if all that are not optional do; else, and when dry, from none. It is exact:
// the locks of all accounts are held from the first look to the last change, in the order of ledger.order.
func take(asks []ask, now int64, dry bool) (granted bool) {
	granted = true
	for i := range asks {
		asks[i].lock(now)
	}
	for i := range asks {
		a := &asks[i]
		if a.at == nil {
			a.find(now)
		}
		a.look(now)
		granted = granted && (a.fits || a.optional)
	}
	for i := range asks {
		a := &asks[i]
		if granted && a.fits && !dry {
			a.commit(now)
		} else {
			a.reading = a.ledger.rule.read(a.at, a.units(), now)
		}
		a.mu.Unlock()
		a.mu, a.shard, a.at = nil, nil, nil
	}
	return granted
}

// lock locks the account. Where it may have to be taken over from the ledger before, that is done at once: the locks of the
// next ask come after those of the ledger before.
func (a *ask) lock(now int64) {
	l := a.ledger
	if l.only != nil {
		a.mu = &l.only.mu
		a.mu.Lock()
		a.at = &l.only.s
		if a.at.at != 0 {
			return
		}
	} else {
		a.shard = l.table.shard(a.key)
		a.mu = &a.shard.mu
		a.mu.Lock()
	}
	if l.from.Load() != nil {
		a.find(now)
	}
}

// find finds the account. Its lock is held.
func (a *ask) find(now int64) {
	l := a.ledger
	if a.shard != nil {
		if a.at = l.table.reach(a.shard, &l.rule, a.key, a.net, now); a.at != nil {
			return
		}
	}
	a.fresh, _ = l.inherit(a.key, now)
	a.at = &a.fresh
}

// units is what is taken here.
func (a *ask) units() int64 {
	if a.weight <= 1 {
		return a.charge
	}
	return min(a.charge*a.weight, a.ledger.rule.capacity())
}

// look finds out whether the account has what is asked of it.
func (a *ask) look(now int64) {
	r := &a.ledger.rule
	r.turn(a.at, now)
	if a.fits = r.fits(a.at, a.units(), now); a.fits || a.least == 0 {
		return
	}
	if room := (r.capacity() - r.read(a.at, 0, now).used) / max(a.weight, 1); room >= a.least {
		a.charge = min(a.charge, room)
		a.fits = r.fits(a.at, a.units(), now)
	}
}

func (a *ask) commit(now int64) {
	r := &a.ledger.rule
	a.mark, a.reading = r.addRead(a.at, a.units(), now)
	if a.at == &a.fresh {
		a.keep(now)
	}
}

// keep makes the account of what is fresh.
func (a *ask) keep(now int64) {
	if a.shard == nil {
		a.ledger.only.s = a.fresh
		return
	}
	a.shard.insert(&a.ledger.rule, a.key, a.fresh, now)
}

// settle corrects an account: t was taken, actual was used. What was used beyond t becomes debt.
func (l *ledger) settle(t *filters.Taking, actual, weight, now int64) {
	l.change(t.Key, t.Net, now, func(s *state) {
		if actual < t.Amount {
			l.rule.giveBack(s, (t.Amount-actual)*weight, t.Mark, now)
		} else {
			l.rule.add(s, (actual-t.Amount)*weight, now)
		}
	})
}

// mirror makes an account say what another store says of it.
func (l *ledger) mirror(key uint64, net uint32, used, now int64) {
	l.change(key, net, now, func(s *state) { l.rule.set(s, used, now) })
}

// change lets f change an account, which is made when it is new and not idle after.
func (l *ledger) change(key uint64, net uint32, now int64, f func(s *state)) {
	if o := l.only; o != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.s.at == 0 {
			o.s, _ = l.inherit(key, now)
		}
		f(&o.s)
		return
	}
	h := l.table.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := l.table.reach(h, &l.rule, key, net, now); s != nil {
		f(s)
		return
	}
	fresh, _ := l.inherit(key, now)
	if f(&fresh); !l.rule.idle(&fresh, now) {
		h.insert(&l.rule, key, fresh, now)
	}
}

// usedBy is what an account has in use.
func (l *ledger) usedBy(key uint64, now int64) int64 {
	s, ok := l.copyOf(key)
	if !ok {
		return 0
	}
	return l.rule.read(&s, 0, now).used
}

// copyOf is key's account as it stands.
func (l *ledger) copyOf(key uint64) (s state, ok bool) {
	if l.only != nil {
		l.only.mu.Lock()
		defer l.only.mu.Unlock()
		return l.only.s, l.only.s.at != 0
	}
	h := l.table.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if found := h.find(key); found != nil {
		return *found, true
	}
	return state{}, false
}
