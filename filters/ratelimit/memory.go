package ratelimit

import "blaze/filters"

// ask is one limit's part in a decision: what is wanted of which account, and the answer.
type ask struct {
	limit    *limit
	ledger   *ledger
	key      uint64
	digest   [16]byte
	net      uint32
	charge   int64 // units to take
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
	fresh state  // what it would begin with
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

// look reads the account.
func (a *ask) look(now int64) {
	r := &a.ledger.rule
	a.reading = r.read(a.at, a.charge, now)
	if room := r.capacity() - a.used; a.wait > 0 && a.least > 0 && room >= a.least {
		a.charge = min(a.charge, room)
		a.reading = r.read(a.at, a.charge, now)
	}
	a.fits = a.wait == 0
}

func (a *ask) commit(now int64) {
	r := &a.ledger.rule
	a.mark = r.add(a.at, a.charge, now)
	a.reading = r.read(a.at, 0, now)
	if a.at == &a.fresh {
		a.shard.insert(r, a.key, a.fresh, now)
	}
}

// settle corrects an account: t was taken, actual was used. What was used beyond t becomes debt.
func (l *ledger) settle(t *filters.Taking, actual, now int64) {
	h := l.table.shard(t.Key)
	h.mu.Lock()
	defer h.mu.Unlock()
	s := l.table.reach(h, &l.rule, t.Key, t.Net, now)
	var fresh *state
	if s == nil {
		f, _ := l.inherit(t.Key, now)
		fresh, s = &f, &f
	}
	if actual < t.Amount {
		l.rule.giveBack(s, t.Amount-actual, t.Mark, now)
	} else {
		l.rule.add(s, actual-t.Amount, now)
	}
	if fresh != nil && !l.rule.idle(s, now) {
		h.insert(&l.rule, t.Key, *s, now)
	}
}
