package ratelimit

import (
	"time"

	"blaze/filters"
)

// wait lets x stand in the line of the limit that it must wait longest for, until all limits let it pass. It ends at once
// when that cannot be in time, when the line is full, and when the client leaves.
func (f *Filter) wait(x *filters.Exchange, d *decision) filters.Verdict {
	worst := d.worst()
	began := f.clock.micros()
	until := began + worst.limit.maxWait.Microseconds()
	if left := x.Deadline.Sub(x.Now()).Microseconds(); !x.Deadline.IsZero() && began+left < until {
		until = began + left
	}
	if x.Shadowed || x.Dry || x.Replay {
		if began+worst.wait > until {
			return worst.late(worst.wait)
		}
		return filters.Pass()
	}
	l, ledger, key := worst.limit, worst.ledger, worst.key
	w := l.waiter(x)
	ahead, ok := ledger.lines.join(key, w, l.depth)
	delay := worst.wait + ledger.rule.pace(int64(ahead)*worst.charge)
	if !ok {
		l.full.Inc()
		worst.showOnly(x)
		return filters.Deny(filters.QueueFull, l.name).After(micros(delay))
	}
	s := &stay{f: f, x: x, d: d, l: l, ledger: ledger, key: key, w: w, until: until}
	v, served := s.outcome(began + delay)
	ledger.lines.leave(key, w, served)
	x.Waited += micros(f.clock.micros() - began)
	if served {
		l.waited.Inc()
	}
	return v
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// waiter is x's place in a line: first come, first served for delay, by priority and fair between tenants for queue.
func (l *limit) waiter(x *filters.Exchange) *waiter {
	if l.then == Delay {
		return newWaiter(0, "")
	}
	tenant := x.Identity.Tenant
	if tenant == "" {
		tenant = x.Identity.Subject
	}
	return newWaiter(l.priority[x.Identity.Tier], tenant)
}

// late is the refusal of who cannot be served in time.
func (a *ask) late(retry int64) filters.Verdict {
	return filters.Deny(filters.QueueTimeout, a.limit.name).After(micros(retry))
}

// stay is one request's time in a line.
type stay struct {
	f      *Filter
	x      *filters.Exchange
	d      *decision
	l      *limit
	ledger *ledger
	key    uint64
	w      *waiter
	until  int64 // µs; the end of its patience
	timer  *time.Timer
}

// outcome waits; expected is when its turn should come.
func (s *stay) outcome(expected int64) (v filters.Verdict, served bool) {
	if expected > s.until {
		return s.tooLate(expected - s.f.clock.micros()), false
	}
	s.timer = time.NewTimer(0)
	defer s.timer.Stop()
	for {
		switch s.sleep(s.until) {
		case ended:
			return s.tooLate(0), false
		case gone:
			return s.clientGone(), false
		}
		if v, served, done := s.turn(); done {
			return v, served
		}
	}
}

// turn asks for the account as long as it is this request's turn; done is false when the turn went to another.
func (s *stay) turn() (v filters.Verdict, served, done bool) {
	for s.ledger.lines.keep(s.key, s.w) {
		now := s.f.clock.micros()
		granted, err := s.f.take(s.d, now, false)
		switch {
		case err != nil:
			return filters.Fail(err), false, true
		case granted:
			return s.f.granted(s.x, s.d), true, true
		}
		worst := s.d.worst()
		switch {
		case !worst.limit.then.waits():
			return s.f.refuse(s.x, worst), false, true
		case now+worst.wait > s.until:
			return s.tooLate(worst.wait), false, true
		}
		if s.sleep(now+worst.wait) == gone {
			return s.clientGone(), false, true
		}
	}
	return v, false, false
}

// What ends a sleep.
const (
	woken = iota
	ended
	gone
)

// sleep lasts until the moment at, unless woken or left by the client before.
func (s *stay) sleep(at int64) int {
	s.timer.Reset(micros(max(at-s.f.clock.micros(), 0)))
	select {
	case <-s.w.wake:
		return woken
	case <-s.timer.C:
		return ended
	case <-s.x.Cancel.Done():
		return gone
	}
}

func (s *stay) tooLate(retry int64) filters.Verdict {
	s.l.late.Inc()
	return filters.Deny(filters.QueueTimeout, s.l.name).After(micros(retry))
}

func (s *stay) clientGone() filters.Verdict {
	s.l.left.Inc()
	return filters.Deny(filters.QueueTimeout, s.l.name)
}
