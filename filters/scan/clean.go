package scan

import (
	"hash/maphash"
	"sync/atomic"

	"blaze/filters/scan/detect"
)

// clean remembers header values that were judged and found clean: a client sends the same ones with every request. A
// value is known by a keyed 64-bit hash of itself, its place and the classes looked for; the key is made at random when
// the filter is, so that nobody can find two values that share one. Bounded, without a lock; a value whose slot another
// has taken is judged again.
type clean struct {
	seed  maphash.Seed
	slots [1024]atomic.Uint64
}

// cleanMax bounds what is worth remembering.
const cleanMax = 512

// sum is the hash by which a value is known; never zero.
func (c *clean) sum(value []byte, g grammar, want detect.Mask) uint64 {
	h := maphash.Bytes(c.seed, value)
	h ^= (uint64(g)<<8 | uint64(want)) * 0x9e3779b97f4a7c15
	return h | 1
}

func (c *clean) has(sum uint64) bool { return c.slots[sum>>1%uint64(len(c.slots))].Load() == sum }
func (c *clean) add(sum uint64)      { c.slots[sum>>1%uint64(len(c.slots))].Store(sum) }
