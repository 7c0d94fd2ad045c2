package ratelimit

import "math/bits"

// Token bucket: an account holds cap units and fills by limit units every per. It is kept as load, what is missing to
// full, in quanta: limit/per is reduced to p/q, a unit is q quanta and p quanta come back each µs, so that every step is
// whole-number arithmetic and exact. Load over the capacity is debt.
//
// The leaky bucket is the same arithmetic read the other way round: as a meter its capacity is burst; as a shaper it holds
// one unit, so that requests leave evenly, and burst bounds the line that waits (line.go).

// maxLoad keeps loads exact in a double too, which is what Redis counts in.
const maxLoad = 1 << 53

// bucketRule reduces limit per perµs with the given capacity. Where the whole-number form would be too large the rate is
// rounded down; off says by how much, as a share.
func bucketRule(limit, per, capacity int64) (r rule, off float64) {
	g := gcd(limit, per)
	r = rule{kind: TokenBucket, limit: limit, per: per, cap: capacity, p: limit / g, q: per / g}
	most := int64(maxLoad/2) / capacity
	if r.q <= most {
		r.fill = ceilDiv(capacity*r.q, r.p)
		return r, 0
	}
	r.q = max(most, 1)
	r.p = mulDiv(limit, r.q, per)
	r.fill = ceilDiv(capacity*r.q, max(r.p, 1))
	exact := float64(limit) * float64(r.q) / float64(per)
	return r, 1 - float64(r.p)/exact
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// load is what is still missing at now, in quanta.
func (r *rule) load(s *state, now int64) int64 {
	dt := now - s.at
	if dt <= 0 || s.n == 0 {
		return s.n
	}
	hi, drained := bits.Mul64(uint64(dt), uint64(r.p))
	if hi != 0 || drained >= uint64(s.n) {
		return 0
	}
	return s.n - int64(drained)
}

func (r *rule) readBucket(s *state, cost, now int64) reading {
	load := r.load(s, now)
	out := reading{used: ceilDiv(load, r.q), reset: ceilDiv(load, r.p)}
	if over := load + (cost-r.cap)*r.q; over > 0 {
		out.wait = ceilDiv(over, r.p)
	}
	return out
}

func (r *rule) addBucket(s *state, amount, now int64) (mark int64) {
	load := r.load(s, now)
	if hi, more := bits.Mul64(uint64(amount), uint64(r.q)); hi != 0 || more > uint64(maxLoad-load) {
		load = maxLoad
	} else {
		load += int64(more)
	}
	s.n, s.at = load, max(s.at, now)
	return s.at + ceilDiv(load, r.p) // when this account would be full again: by then the amount is repaid
}

// giveBackBucket gives back no more than what time has not repaid yet. Without that bound, a caller who keeps a large
// reservation open until the bucket has filled up again would be paid twice.
func (r *rule) giveBackBucket(s *state, amount, mark, now int64) {
	load := r.load(s, now)
	back := min(mulDiv(max(amount, 0), r.q, 1), mulDiv(max(mark-now, 0), r.p, 1))
	s.n, s.at = max(load-back, 0), max(s.at, now)
}
