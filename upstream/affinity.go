package upstream

import "math"

// prefixAffinity sends the same affinity to the same target, so that the engine's KV cache of a conversation is used
// again: rendezvous hashing (Thaler and Ravishankar 1998), weighted, with bounded load (Mirrokni et al. 2018): a target
// that is busier than its share allows is passed over for the next in the affinity's own order. When a target comes or
// goes, only its own conversations move.
type prefixAffinity struct {
	targets []*target
	seeds   []uint64
	weight  float64 // of all targets
	other   leastInflight
}

// boundedLoad is how far over the mean a target may be before a conversation goes elsewhere.
const boundedLoad = 1.25

func newPrefixAffinity(targets []*target) *prefixAffinity {
	p := &prefixAffinity{targets: targets, other: targets}
	for _, t := range targets {
		p.seeds = append(p.seeds, hashText(fnvOffset, t.url))
		p.weight += float64(t.weight)
	}
	return p
}

func (p *prefixAffinity) pick(w Want) int {
	if w.Affinity == 0 || len(p.targets) < 2 {
		return p.other.pick(w)
	}
	total := 1.0
	for _, t := range p.targets {
		total += float64(t.inflight.Load())
	}
	best, bestScore, first, firstScore := -1, math.Inf(-1), 0, math.Inf(-1)
	for i, t := range p.targets {
		h := mix(w.Affinity ^ p.seeds[i])
		u := (float64(h>>11) + 0.5) / (1 << 53) // in (0,1)
		score := -float64(t.weight) / math.Log(u)
		if score > firstScore {
			first, firstScore = i, score
		}
		share := boundedLoad * total * float64(t.weight) / p.weight
		if score > bestScore && !t.health.down.Load() && float64(t.inflight.Load())+1 <= math.Ceil(share) {
			best, bestScore = i, score
		}
	}
	if best < 0 {
		return first
	}
	return best
}

const fnvOffset, fnvPrime = 14695981039346656037, 1099511628211

// hashText goes on with the FNV-1a hash h.
func hashText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

// mix is the finalizer of MurmurHash3: every bit of the input moves every bit of the output.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
