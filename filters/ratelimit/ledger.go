package ratelimit

import (
	"sync"
	"sync/atomic"
)

// ledger is one limit's accounts with the rule they are kept by. It outlives the filter that made it: a reload that
// leaves the rule as it is goes on with the same ledger. A changed rule makes a new one, which takes an account over at
// its first use and scales what was used of it; from then on the old one sends whoever still holds it (exchanges that an
// older policy admitted) to the new.
type ledger struct {
	id    uint64
	order uint64 // locks are taken in this order; a ledger has its predecessor's
	sign  string // what must be equal for a reload to keep the ledger
	by    string // who shares an account, and what is counted: what must be equal for accounts to be carried over
	rule  rule
	table *table
	only  *account // a global limit's: nothing to look up, and nothing beside it in its cache line
	lines lines
	from  atomic.Pointer[ledger] // the ledger before, while it may still hold something
	next  atomic.Pointer[ledger] // the ledger that has taken over
}

// account is a single one with its lock, 64 bytes.
type account struct {
	mu sync.Mutex
	s  state // guarded by mu
}

// generations bounds how many ledgers before the present one are asked for an account.
const generations = 4

// succeed makes the ledger of a changed rule. It is inert until takeOver.
func (l *ledger) succeed(id uint64, r rule, maxKeys int) *ledger {
	n := &ledger{id: id, order: l.order, rule: r, table: newTable(l.table.seed, maxKeys)}
	if l.only != nil {
		n.only = &account{}
	}
	n.from.Store(l)
	older := l
	for range generations {
		if older = older.from.Load(); older == nil {
			return n
		}
	}
	older.from.Store(nil)
	return n
}

// newLedger makes a ledger of many accounts, or of one alone.
func newLedger(id uint64, r rule, maxKeys int, alone bool) *ledger {
	l := &ledger{id: id, order: id, rule: r, table: newTable(newKeySeed(), maxKeys)}
	if alone {
		l.only = &account{}
	}
	return l
}

// takeOver makes the ledger before send its callers here.
func (l *ledger) takeOver() {
	if before := l.from.Load(); before != nil && before.next.Load() != l {
		before.next.Store(l)
	}
}

// live is the ledger that holds now.
func (l *ledger) live() *ledger {
	for n := l.next.Load(); n != nil; n = l.next.Load() {
		l = n
	}
	return l
}

// inherit reads key's account in the ledgers before, scaled to this rule. Callers hold the lock of their own account; an
// older ledger's locks are only ever taken alone, under a newer one's, or with others of its own filter in their order. Since
// a ledger has its predecessor's place in that order, and nobody holds a later place's lock here, none waits in a circle.
func (l *ledger) inherit(key uint64, now int64) (s state, ok bool) {
	for before := l.from.Load(); before != nil; before = before.from.Load() {
		if s, ok = before.copyOf(key); ok {
			return before.rule.scaled(&s, &l.rule, now), true
		}
	}
	return state{}, false
}

// scaled is s, kept by r, as it is under the rule to: the same share is used up.
func (r *rule) scaled(s *state, to *rule, now int64) (out state) {
	used := r.read(s, 0, now).used
	to.set(&out, mulDiv(used, to.capacity(), r.capacity()), now)
	return out
}

// forget drops the ledgers before once everything in them must be whole again.
func (l *ledger) forget(now int64) {
	if before := l.from.Load(); before != nil && before.whole(now) {
		l.from.CompareAndSwap(before, nil)
	}
}

// whole says whether no account of l has anything in use.
func (l *ledger) whole(now int64) bool {
	for i := range l.table.shards {
		l.table.tidy(&l.rule, i, now)
	}
	return l.size(now) == 0
}

// size counts the accounts that something is used of, or was lately.
func (l *ledger) size(now int64) int {
	if l.only == nil {
		return l.table.size()
	}
	if s, ok := l.copyOf(0); ok && !l.rule.idle(&s, now) {
		return 1
	}
	return 0
}
