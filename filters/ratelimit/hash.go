package ratelimit

import (
	"hash/maphash"
	"math/bits"

	"blaze/filters"
)

// keySeed makes of a key the 64 bits that its account is found by in this process. Both halves are random, so nobody
// outside can aim at another's account or fill one place of a table.
type keySeed struct {
	bytes maphash.Seed
	a, b  uint64
}

func newKeySeed() keySeed {
	s := maphash.MakeSeed()
	return keySeed{bytes: s, a: maphash.String(s, "a"), b: maphash.String(s, "b")}
}

// word takes a word in: the two halves of the product, folded (as wyhash does).
func (s *keySeed) word(h, w uint64) uint64 {
	hi, lo := bits.Mul64(h^s.a, w^s.b)
	return hi ^ lo
}

// part takes bytes in.
func (s *keySeed) part(h uint64, p []byte) uint64 { return s.word(h, maphash.Bytes(s.bytes, p)) }

// account is the hash of whom b says shares x's account; never 0, which is an empty place in a table.
func (s *keySeed) account(k *keyBuffer, b *By, x *filters.Exchange) uint64 {
	k.seed = s
	b.write(k, x)
	k.seed = nil
	return max(k.hash, 1)
}
