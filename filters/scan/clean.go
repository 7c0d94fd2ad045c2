package scan

import (
	"hash/maphash"
	"sync/atomic"

	"blaze/filters/scan/detect"
)

// clean remembers what was judged and found clean, and comes again with every request: header lines, names of models and tools;
// and, apart from them, since a body can hold many, values of bodies: an agent's metadata and tools are the same every turn. A
// text is known by a keyed 64-bit hash of itself, of what it is and of the classes looked for; the key is made at random when the
// filter is, so that nobody can find two texts that share one. Bounded, without a lock: a text is in one of the slots of its set,
// the latest in the first, and is judged again when as many others have come.
type clean struct {
	seed maphash.Seed
	sets [512]cleanSet
}

type cleanSet [4]atomic.Uint64

// cleanMax bounds what is worth remembering.
const cleanMax = 512

// What a text is that may be remembered.
const (
	aHeader uint64 = 1 + iota // a whole line
	aName                     // a model's or tool's, its kind is added
	aValue  uint64 = 64       // of a body
)

// worthKnowing is how long a value is that takes longer to judge than to know: a word of eight letters may be base64.
const worthKnowing = 8

// sum is the hash by which a text is known; never zero.
func (c *clean) sum(text []byte, what uint64, want detect.Mask) uint64 {
	h := maphash.Bytes(c.seed, text)
	h ^= (what<<8 | uint64(want)) * 0x9e3779b97f4a7c15
	return h | 1
}

func (c *clean) set(sum uint64) *cleanSet { return &c.sets[sum>>1%uint64(len(c.sets))] }

func (c *clean) has(sum uint64) bool {
	set := c.set(sum)
	for i := range set {
		if set[i].Load() == sum {
			return true
		}
	}
	return false
}

func (c *clean) add(sum uint64) {
	set := c.set(sum)
	for i := range set {
		sum = set[i].Swap(sum)
	}
}

// known reports whether text was found clean before. The sum is for learn; it is zero when text is not to be remembered: it is
// long, or a rule has already noted something in this request and looks no more.
func (p *pass) known(c *clean, text []byte, what uint64) (sum uint64, known bool) {
	if len(text) > cleanMax || p.want != p.f.want {
		return 0, false
	}
	p.used = false
	sum = c.sum(text, what, p.want)
	return sum, c.has(sum)
}

// learn remembers a text that passed, unless it was noted in shadow, or excepted.
func (p *pass) learn(c *clean, sum uint64) {
	if sum != 0 && !p.used && p.want == p.f.want {
		c.add(sum)
	}
}
