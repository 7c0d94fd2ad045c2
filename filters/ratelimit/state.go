package ratelimit

import "math/bits"

// state is one account: what has been used, and when. What its fields mean is the algorithm's matter. The zero state is
// an account that nothing was used of. 56 bytes, so that it makes one cache line together with its key.
type state struct {
	at    int64 // µs; sliding window: number of the newest slot
	n     int64 // buckets: quanta of load; windows: units used
	slots [slotCount]uint32
}

// rule is one limit's arithmetic: pure functions on (state, now). Times are µs, amounts are units (requests or tokens).
// Immutable, but for what an adaptive limit's controller says.
type rule struct {
	kind  Algorithm
	limit int64 // units per per
	per   int64 // µs
	cap   int64 // the most that can be used at once
	// Buckets: a unit is q quanta, and p quanta drain each µs.
	p, q int64
	// Sliding window: the length of a slot, µs.
	slot int64
	// Buckets: the time from used up to whole, µs.
	fill int64
	// Adaptive: says the limit that holds now.
	control *controller
}

// reading is what an account says to somebody who wants cost units.
type reading struct {
	wait  int64 // µs until cost fits; 0 is now
	used  int64 // units in use, rounded up; over cap while there is debt
	reset int64 // µs until nothing is in use
}

// read says how s stands at now; it changes nothing.
func (r *rule) read(s *state, cost, now int64) reading {
	switch r.kind {
	case FixedWindow:
		return r.readFixed(s, cost, now)
	case SlidingWindow:
		return r.readSliding(s, cost, now)
	case Adaptive:
		p := r.atPresent()
		return p.readBucket(s, cost, now)
	default:
		return r.readBucket(s, cost, now)
	}
}

// fits says whether read would say not to wait; it is what most requests need to know, and costs no division.
func (r *rule) fits(s *state, cost, now int64) bool {
	switch r.kind {
	case FixedWindow:
		_, n := r.turnFixed(s, now)
		return n+cost <= r.limit
	case SlidingWindow:
		return r.countSliding(s, now)+cost <= r.limit
	case Adaptive:
		p := r.atPresent()
		return p.load(s, now)+(cost-p.cap)*p.q <= 0
	default:
		return r.load(s, now)+(cost-r.cap)*r.q <= 0
	}
}

// add uses amount units of s, whether they fit or not. The mark it returns makes giving back exact.
func (r *rule) add(s *state, amount, now int64) (mark int64) {
	switch r.kind {
	case FixedWindow:
		return r.addFixed(s, amount, now)
	case SlidingWindow:
		return r.addSliding(s, amount, now)
	case Adaptive:
		p := r.atPresent()
		return p.addBucket(s, amount, now)
	default:
		return r.addBucket(s, amount, now)
	}
}

// turn brings s to now. It changes nothing of what s says, and makes the next questions at that time cheap.
func (r *rule) turn(s *state, now int64) {
	switch r.kind {
	case FixedWindow:
		s.at, s.n = r.turnFixed(s, now)
	case SlidingWindow:
		r.turnSliding(s, now)
	case Adaptive:
		p := r.atPresent()
		s.n, s.at = p.load(s, now), max(s.at, now)
	default:
		s.n, s.at = r.load(s, now), max(s.at, now)
	}
}

// addRead is add and then read of nothing more.
func (r *rule) addRead(s *state, amount, now int64) (mark int64, after reading) {
	if r.kind != TokenBucket {
		mark = r.add(s, amount, now)
		return mark, r.read(s, 0, now)
	}
	mark = r.addBucket(s, amount, now)
	after = reading{used: ceilDiv(s.n, r.q), reset: mark - s.at}
	if over := s.n - r.cap*r.q; over > 0 {
		after.wait = ceilDiv(over, r.p)
	}
	return mark, after
}

// giveBack undoes amount units of an add that returned mark. What time has already given back is not given twice.
func (r *rule) giveBack(s *state, amount, mark, now int64) {
	switch r.kind {
	case FixedWindow:
		r.giveBackFixed(s, amount, mark, now)
	case SlidingWindow:
		r.giveBackSliding(s, amount, mark, now)
	case Adaptive:
		p := r.atPresent()
		p.giveBackBucket(s, amount, mark, now)
	default:
		r.giveBackBucket(s, amount, mark, now)
	}
}

// set makes s say that used units are in use; for accounts that are carried over or mirrored.
func (r *rule) set(s *state, used, now int64) {
	*s = state{}
	if used > 0 {
		r.add(s, used, now)
	}
}

// idle says whether s is as good as the zero state.
func (r *rule) idle(s *state, now int64) bool { return r.read(s, 0, now).reset == 0 }

// capacity is the most that can be used at once; it moves when the limit is adaptive.
func (r *rule) capacity() int64 {
	if r.kind == Adaptive {
		return r.control.limit()
	}
	return r.cap
}

// window is the time in which an account that is used up is whole again, µs.
func (r *rule) window() int64 {
	if r.kind == FixedWindow || r.kind == SlidingWindow || r.kind == Adaptive {
		return r.per
	}
	return r.fill
}

// pace is the time in which n units come back to an account that is used up, µs.
func (r *rule) pace(n int64) int64 {
	switch r.kind {
	case FixedWindow, SlidingWindow:
		return n / r.limit * r.per
	case Adaptive:
		return mulDiv(n, r.per, r.control.limit())
	default:
		return mulDiv(n, r.q, r.p)
	}
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

// mulDiv is a*b/c for non-negative a and b, without overflow on the way; too large a result is the largest.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, 1<<63-1))
}
