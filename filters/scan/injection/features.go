package injection

// Bits is the size of the model's table as a power of two: 128 Ki weights of one byte.
const (
	Bits  = 17
	Slots = 1 << Bits
)

// toolSalt tells the words of what a tool returned from those of what a person wrote: an order is unusual there.
const toolSalt = 0x51ed270b8f3a2c6d

// feature is where a word's own weight stands, and that of the word with the one before it. Slots are shared by words
// whose hashes meet (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, 2009).
func feature(h, before, salt uint64) (one, pair uint32) {
	h ^= salt
	one = uint32(h * mixA >> (64 - Bits))
	pair = uint32((h*mixA ^ before) * mixB >> (64 - Bits))
	return one, pair
}

// begun stands for the word before the first one of a sentence.
const begun = 1

func saltOf(tool bool) uint64 {
	if tool {
		return toolSalt
	}
	return 0
}

// Features calls f with the two slots of every word of text, in order: what the model is trained on.
func Features(text []byte, tool bool, f func(one, pair uint32)) {
	t, salt := tokens{text: text}, saltOf(tool)
	var before uint64
	for {
		h, ok := t.next()
		if !ok {
			return
		}
		if t.cut {
			before = begun
		}
		f(feature(h, before, salt))
		before = h
	}
}
