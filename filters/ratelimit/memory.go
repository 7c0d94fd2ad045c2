package ratelimit

import "blaze/filters"

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

	// For the store, under the shard's lock.
	shard *shard
	at    *state // nil while the account does not exist
}

// take asks all and takes from all that fit, if all that are not optional do; else, and when dry, from none. It is exact:
// the locks of all accounts are held from the first look to the last change, in the order of ledger.id.
func take(asks []ask, now int64, dry bool) (granted bool) {
	granted = true
	for i := range asks {
		a := &asks[i]
		a.open(now)
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
		a.shard.mu.Unlock()
		a.shard, a.at = nil, nil
	}
	return granted
}

// open locks the account's shard and finds the account.
func (a *ask) open(now int64) {
	l := a.ledger
	a.shard = l.table.shard(a.key)
	a.shard.mu.Lock()
	if a.at = l.table.reach(a.shard, &l.rule, a.key, a.net, now); a.at != nil {
		return
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
	a.mark = r.add(a.at, a.units(), now)
	a.reading = r.read(a.at, 0, now)
	if a.at == &a.fresh {
		a.shard.insert(r, a.key, a.fresh, now)
	}
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
	h := l.table.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.find(key)
	if s == nil {
		return 0
	}
	return l.rule.read(s, 0, now).used
}
