package ratelimit

// ask is one limit's part in a decision: what is wanted of which account, and the answer.
type ask struct {
	limit    *limit
	ledger   *ledger
	key      uint64
	digest   [16]byte
	net      uint32
	cost     int64 // units the request costs
	charge   int64 // units taken here: the cost, or more where this process sees only its share of the traffic
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
		a.reading = a.ledger.rule.read(a.at, a.charge, now)
		a.fits = a.wait == 0
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

func (a *ask) commit(now int64) {
	r := &a.ledger.rule
	a.mark = r.add(a.at, a.charge, now)
	a.reading = r.read(a.at, 0, now)
	if a.at == &a.fresh {
		a.shard.insert(r, a.key, a.fresh, now)
	}
}

// settle corrects an account: amount was taken with mark, actual was used. What is used beyond amount becomes debt.
func (l *ledger) settle(key uint64, net uint32, amount, actual, mark, now int64) {
	l = l.live()
	h := l.table.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	s := l.table.reach(h, &l.rule, key, net, now)
	fresh := s == nil
	var f state
	if fresh {
		f, _ = l.inherit(key, now)
		s = &f
	}
	if actual < amount {
		l.rule.giveBack(s, amount-actual, mark, now)
	} else {
		l.rule.add(s, actual-amount, now)
	}
	if fresh && !l.rule.idle(s, now) {
		h.insert(&l.rule, key, f, now)
	}
}
