package ratelimit

import (
	"sync"
	"sync/atomic"
)

// lines are where requests wait for the accounts of one ledger, a line for each account. Nothing runs here: one waiter of
// each line has the turn; it asks for the account when that can work, and hands the turn on.
type lines struct {
	waiting atomic.Int64
	mu      sync.Mutex
	byKey   map[uint64]*line // guarded by mu; only those that somebody waits in
}

// line is ordered by priority, then fairly between tenants, then by arrival. Guarded by lines.mu.
type line struct {
	waiters []*waiter
	turn    *waiter
	now     uint64 // fair time: the tag of whom was served last
	arrived uint64
	served  uint64
}

// waiter is one request in a line.
type waiter struct {
	priority int
	tenant   string
	tag      uint64 // fair time: a tenant's second waiter stands behind every other tenant's first
	arrival  uint64
	wake     chan struct{} // capacity 1: it is your turn, or something was given back
}

// oldestEvery: that often whoever waits longest is next, whatever his priority, so that the lowest still gets on.
const oldestEvery = 10

func newWaiter(priority int, tenant string) *waiter {
	return &waiter{priority: priority, tenant: tenant, wake: make(chan struct{}, 1)}
}

func (w *waiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // it has not looked yet
	}
}

// before says whether w goes ahead of v.
func (w *waiter) before(v *waiter) bool {
	switch {
	case w.priority != v.priority:
		return w.priority > v.priority
	case w.tag != v.tag:
		return w.tag < v.tag
	}
	return w.arrival < v.arrival
}

// occupied says whether somebody waits for key.
func (ls *lines) occupied(key uint64) bool {
	if ls.waiting.Load() == 0 {
		return false
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byKey[key] != nil
}

// join puts w into key's line, unless depth are in it; ahead is how many are before it.
func (ls *lines) join(key uint64, w *waiter, depth int) (ahead int, ok bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ln := ls.byKey[key]
	if ln == nil {
		ln = &line{}
		if ls.byKey == nil {
			ls.byKey = map[uint64]*line{}
		}
		ls.byKey[key] = ln
	}
	if len(ln.waiters) >= depth {
		return len(ln.waiters), false
	}
	ls.waiting.Add(1)
	return ln.add(w), true
}

func (ln *line) add(w *waiter) (ahead int) {
	ln.arrived++
	w.arrival, w.tag = ln.arrived, ln.now
	for _, v := range ln.waiters {
		if v.tenant == w.tenant {
			w.tag = max(w.tag, v.tag)
		}
	}
	w.tag++
	for _, v := range ln.waiters {
		if v.before(w) {
			ahead++
		}
	}
	ln.waiters = append(ln.waiters, w)
	if ln.turn == nil {
		ln.turn = w
		w.signal()
	}
	return ahead
}

// leave takes w out of key's line; whoever had the turn hands it on.
func (ls *lines) leave(key uint64, w *waiter, served bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ln := ls.byKey[key]
	for i, v := range ln.waiters {
		if v == w {
			last := len(ln.waiters) - 1
			ln.waiters[i], ln.waiters[last] = ln.waiters[last], nil
			ln.waiters = ln.waiters[:last]
			break
		}
	}
	ls.waiting.Add(-1)
	if served {
		ln.served++
		ln.now = max(ln.now, w.tag)
	}
	if len(ln.waiters) == 0 {
		delete(ls.byKey, key)
		return
	}
	if ln.turn == w {
		ln.turn = ln.next()
		ln.turn.signal()
	}
}

// keep says whether w, which has the turn, is still the next; if not, it hands the turn to who is.
func (ls *lines) keep(key uint64, w *waiter) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ln := ls.byKey[key]
	if ln.turn != w {
		return false
	}
	next := ln.next()
	if next == w {
		return true
	}
	ln.turn = next
	next.signal()
	return false
}

// poke wakes who has the turn in key's line: something was given back.
func (ls *lines) poke(key uint64) {
	if ls.waiting.Load() == 0 {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ln := ls.byKey[key]; ln != nil && ln.turn != nil {
		ln.turn.signal()
	}
}

// next is who should be served now.
func (ln *line) next() *waiter {
	oldest := ln.served%oldestEvery == oldestEvery-1
	best := ln.waiters[0]
	for _, w := range ln.waiters[1:] {
		if oldest && w.arrival < best.arrival || !oldest && w.before(best) {
			best = w
		}
	}
	return best
}
