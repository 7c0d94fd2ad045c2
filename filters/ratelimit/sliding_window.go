package ratelimit

// Sliding window: no window of length per, wherever it begins, ever holds more than limit units. The account counts in
// slots of per/8 and keeps the newest and the eight before it, so a unit is counted for per at least and for per and one
// slot at most. There is nothing to estimate and no seam to burst across.

const (
	slotsPer  = 8            // slots in a window
	slotCount = slotsPer + 1 // and the one that is being filled
	// maxSliding is what a slot can count.
	maxSliding = 1<<32 - 1
)

func slidingRule(limit, per int64) rule {
	return rule{kind: SlidingWindow, limit: limit, per: per, cap: limit, slot: ceilDiv(per, slotsPer)}
}

// behind says whether now is in a later slot than the newest of s.
func (r *rule) behind(s *state, now int64) bool { return now >= (s.at+1)*r.slot }

// turnSliding empties the slots that now has left behind.
func (r *rule) turnSliding(s *state, now int64) {
	if !r.behind(s, now) {
		return
	}
	at := now / r.slot
	if at-s.at >= slotCount {
		*s = state{at: at}
		return
	}
	for i := s.at + 1; i <= at; i++ {
		gone := &s.slots[i%slotCount]
		s.n -= int64(*gone)
		*gone = 0
	}
	s.at = at
}

// countSliding is what the slots hold at now.
func (r *rule) countSliding(s *state, now int64) int64 {
	if !r.behind(s, now) {
		return s.n
	}
	c := *s
	r.turnSliding(&c, now)
	return c.n
}

func (r *rule) readSliding(s *state, cost, now int64) reading {
	if r.behind(s, now) {
		c := *s
		r.turnSliding(&c, now)
		s = &c
	}
	out := reading{used: s.n}
	if s.n == 0 {
		return out
	}
	newest := s.at
	for s.slots[newest%slotCount] == 0 {
		newest--
	}
	out.reset = (newest+slotCount)*r.slot - now
	over := s.n + cost - r.limit
	for i := max(s.at-slotsPer, 0); over > 0 && i <= newest; i++ {
		if n := int64(s.slots[i%slotCount]); n > 0 {
			out.wait = (i+slotCount)*r.slot - now
			over -= n
		}
	}
	return out
}

func (r *rule) addSliding(s *state, amount, now int64) (mark int64) {
	r.turnSliding(s, now)
	slot := &s.slots[s.at%slotCount]
	fits := min(amount, maxSliding-int64(*slot))
	*slot += uint32(fits)
	s.n += fits
	return s.at
}

// giveBackSliding takes out of the slot it was put into, while that is still counted.
func (r *rule) giveBackSliding(s *state, amount, mark, now int64) {
	r.turnSliding(s, now)
	if mark <= s.at-slotCount || mark > s.at || mark < 0 {
		return
	}
	slot := &s.slots[mark%slotCount]
	back := min(amount, int64(*slot))
	*slot -= uint32(back)
	s.n -= back
}
