package upstream

import (
	"math/rand/v2"
	"sync/atomic"
)

// picker proposes a target by its index; whoever asks goes on from there when it cannot be had.
type picker interface{ pick(w Want) int }

func newPicker(b Balance, targets []*target) picker {
	switch b {
	case RoundRobin:
		return &roundRobin{order: schedule(targets)}
	case Prefix:
		return newPrefixAffinity(targets)
	}
	return leastInflight(targets)
}

// leastInflight is the power of two choices (Mitzenmacher 2001): of two targets picked at random, the one with fewer
// requests in flight for its weight. No lock, and no herd that rushes to whoever was least busy a moment ago.
type leastInflight []*target

func (p leastInflight) pick(Want) int {
	n := len(p)
	if n < 2 {
		return 0
	}
	a := rand.IntN(n)
	b := rand.IntN(n - 1)
	if b >= a {
		b++
	}
	if p[b].load() < p[a].load() {
		return b
	}
	return a
}

// load is the requests in flight, and those that the engine says it has waiting, for each unit of weight.
func (t *target) load() float64 {
	return float64(t.inflight.Load()+t.queued.Load()) / float64(t.weight)
}

// roundRobin walks a fixed order in which every target stands as often as its weight says.
type roundRobin struct {
	order []uint16
	next  atomic.Uint64
}

func (p *roundRobin) pick(Want) int {
	if len(p.order) == 0 {
		return 0
	}
	return int(p.order[(p.next.Add(1)-1)%uint64(len(p.order))])
}

// maxSchedule bounds the order's length; beyond it weights are rounded.
const maxSchedule = 4096

// schedule spreads each target evenly over the order (nginx's smooth weighted round robin, run to its period).
func schedule(targets []*target) []uint16 {
	total, div := 0, 0
	for _, t := range targets {
		total += t.weight
		div = gcd(div, t.weight)
	}
	if total == 0 {
		return nil
	}
	div = max(div, (total+maxSchedule-1)/maxSchedule)
	weights, sum := make([]int, len(targets)), 0
	for i, t := range targets {
		weights[i] = max(t.weight/div, 1)
		sum += weights[i]
	}
	order, current := make([]uint16, 0, sum), make([]int, len(targets))
	for range sum {
		best := 0
		for i := range current {
			current[i] += weights[i]
			if current[i] > current[best] {
				best = i
			}
		}
		current[best] -= sum
		order = append(order, uint16(best))
	}
	return order
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
