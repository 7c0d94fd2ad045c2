package ratelimit

// Fixed window: limit units in each window of length per, counted from the epoch. What was used beyond the limit (debt) is
// carried into the next windows, not forgiven.

// turnFixed returns the start and the count of the window that now is in.
func (r *rule) turnFixed(s *state, now int64) (start, n int64) {
	if now < s.at+r.per { // the same window, or a clock reading that was overtaken
		return s.at, s.n
	}
	start = now - now%r.per
	passed := (start - s.at) / r.per
	if passed > s.n/r.limit {
		return start, 0
	}
	return start, max(s.n-passed*r.limit, 0)
}

func (r *rule) readFixed(s *state, cost, now int64) reading {
	start, n := r.turnFixed(s, now)
	out := reading{used: n}
	if n > 0 {
		out.reset = start + ceilDiv(n, r.limit)*r.per - now
	}
	if over := n + cost - r.limit; over > 0 {
		out.wait = start + ceilDiv(over, r.limit)*r.per - now
	}
	return out
}

func (r *rule) addFixed(s *state, amount, now int64) (mark int64) {
	start, n := r.turnFixed(s, now)
	s.at, s.n = start, min(n+min(amount, maxLoad), maxLoad)
	return start
}

// giveBackFixed undoes only what the present window still counts.
func (r *rule) giveBackFixed(s *state, amount, mark, now int64) {
	start, n := r.turnFixed(s, now)
	if mark == start {
		n = max(n-amount, 0)
	}
	s.at, s.n = start, n
}
