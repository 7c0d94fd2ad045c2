package injection

// Bits is the size of the model's table as a power of two: 128 Ki weights of one byte.
const (
	Bits  = 17
	Slots = 1 << Bits
)

// toolSalt tells the words of what a tool returned from those of what a person wrote: an order is unusual there.
const toolSalt = 0x51ed270b8f3a2c6d

// feature is where the weight of the word h stands, and that of both, the join of the word before and itself. Slots are shared by words
// whose hashes meet (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, 2009).
func feature(h, both, salt uint64) (one, pair uint32) {
	return uint32((h ^ salt) * mixA >> (64 - Bits)), uint32((both ^ salt) * mixA >> (64 - Bits))
}

// begun stands for the word before the first one of a sentence.
const begun = 1

func saltOf(tool bool) uint64 {
	if tool {
		return toolSalt
	}
	return 0
}

// repeats remembers the pairs of words that a message had lately, so that each counts once and not as often as it is
// said: a line that a log repeats a hundred times is no more evidence than the line. Direct-mapped: a pair that took
// another's place lets that count again.
type repeats struct {
	slots [512]uint32 // the message's number and the pair
	turn  uint32
}

// next begins another message.
func (r *repeats) next() {
	if r.turn++; r.turn == 1<<(32-Bits) {
		*r = repeats{turn: 1}
	}
}

// again reports whether the message had pair lately, and remembers it.
func (r *repeats) again(pair uint32) bool {
	at, is := &r.slots[pair%uint32(len(r.slots))], r.turn<<Bits|pair
	if *at == is {
		return true
	}
	*at = is
	return false
}

// Features calls f with the two slots of every word of a message that counts, in order: what the model is trained on.
func Features(parts []string, tool bool, f func(one, pair uint32)) {
	var seen repeats
	seen.next()
	salt := saltOf(tool)
	for _, part := range parts {
		t := tokens{text: []byte(part)}
		var before uint64
		for {
			h, ok := t.next()
			if !ok {
				break
			}
			if t.cut {
				before = begun
			}
			if one, pair := feature(h, join(before, h), salt); !seen.again(pair) {
				f(one, pair)
			}
			before = h
		}
	}
}
