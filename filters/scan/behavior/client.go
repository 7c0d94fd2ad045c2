package behavior

import (
	"math"
	"math/bits"
)

func (e *client) total() (sum float32) {
	for _, p := range e.points {
		sum += p
	}
	return sum
}

// rest is the share of points given at e.at that is left at now.
func (e *client) rest(now int64, r rules) float32 {
	return float32(math.Exp2(-float64(max(0, now-e.at)) / r.half))
}

// decay brings the points up to date. Whoever has none left is new again to both sketches.
func (e *client) decay(now int64, r rules) {
	sum := e.total()
	if sum > 0 {
		rest := e.rest(now, r)
		for i := range e.points {
			e.points[i] *= rest
		}
		if sum*rest < 0.5 {
			e.paths, e.credentials = 0, 0
		}
	}
	e.at = max(now, e.at)
}

// weigh is what n weighs for this client, with the sketches brought up to date. A sketch of 64 bits takes some of many
// new things for old ones; by then they have made their points.
func (e *client) weigh(n note) float32 {
	sketch := &e.paths
	switch n.by {
	case always:
		return n.first
	case byCredential:
		sketch = &e.credentials
	}
	bit := uint64(1) << (n.bit & 63)
	if *sketch&bit != 0 {
		return n.again
	}
	*sketch |= bit
	return n.first
}

// forgive takes points off, from every cause alike.
func (e *client) forgive(points float32) {
	sum := e.total()
	if sum == 0 {
		return
	}
	keep := max(0, 1-points/sum)
	for i := range e.points {
		e.points[i] *= keep
	}
}

// A change of size is sharp when it is by more than jumpBits bits (a factor of 32), when it is four times what is usual
// for this client, and when what is usual can be said at all.
const (
	jumpBits   = 5
	minPrompts = 16
)

// sized learns one prompt's size, as TCP learns a round trip's time (Jacobson, 1988), and gives points for a sharp change.
func (e *client) sized(size float32, r rules) {
	if e.prompts == 0 {
		e.size, e.prompts = size, 1
		return
	}
	off := size - e.size
	if off < 0 {
		off = -off
	}
	if e.prompts >= minPrompts && off > jumpBits && off > 4*e.spread && e.total()+jump <= r.goal*jumpShare {
		e.points[sizes] += jump
	}
	e.size += (size - e.size) / 8
	e.spread += (off - e.spread) / 4
	if e.prompts < math.MaxUint8 {
		e.prompts++
	}
}

// magnitude is a size's binary logarithm, to a quarter; 0 for none.
func magnitude(n int64) float32 {
	if n <= 0 {
		return 0
	}
	top := bits.Len64(uint64(n)) - 1
	quarter := uint64(n) << (63 - top) >> 61 & 3
	return float32(top) + float32(quarter)/4 + 1
}
