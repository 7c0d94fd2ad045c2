package injection

import (
	"bytes"
	"errors"
	"math/bits"
)

// What may stand between two steps, in thirds of a word.
const (
	adjacent = 0
	near     = 2 * wordLen
	far      = 8 * wordLen
	// phraseMax bounds the words of one alternative: Chinese has a word for every character.
	phraseMax = 12
)

// phrases is the compiled form of the rules' Say and Literals: a table from the hash of a word (or of the words of an
// alternative) to the steps that it makes. The state of a look is where each step was last reached, and which steps wait
// for their word. Work for a word that is in no rule is one test of a bit; for one that is, a few operations on a set of
// steps. Immutable.
type phrases struct {
	maybe   [512]uint64 // a Bloom filter, 32 Ki bits, over the keys of the table
	keys    [tableSize]uint32
	at      [tableSize]uint16 // where in entries; 0 is free
	entries []entry
	steps   []step
	firsts  stepSet
}

const tableSize = 1 << 12

// step is one step of a phrase; the one before it has the number before its own.
type step struct {
	gap  int32 // what may stand before it; -1 for a first step
	rule int16 // the rule that is found when it is reached; -1 when more are to come
}

type entry struct {
	steps    stepSet
	lengths  uint16 // of a pair: the alternatives of more words that end with it, by length
	address  bool   // http and https: the address of a picture may follow
	literals []literal
}

type literal struct {
	text []byte // in lower case
	at   int    // where in it its first word begins
	rule int16
}

// stepSet is a set of steps by number.
type stepSet [stepWords]uint64

const stepWords = 5

func (s *stepSet) add(i int)    { s[i>>6] |= 1 << (i & 63) }
func (s *stepSet) remove(i int) { s[i>>6] &^= 1 << (i & 63) }

func (p *phrases) mark(h uint64)       { p.maybe[h>>32&0x1ff] |= 1 << (h >> 41 & 63) }
func (p *phrases) known(h uint64) bool { return p.maybe[h>>32&0x1ff]>>(h>>41&63)&1 != 0 }

// find returns the entry of h, nil for none.
func (p *phrases) find(h uint64) *entry {
	key := uint32(h)
	for i := key % tableSize; p.at[i] != 0; i = (i + 1) % tableSize {
		if p.keys[i] == key {
			return &p.entries[p.at[i]]
		}
	}
	return nil
}

// add returns the entry of h, made if there is none; false when the table is full.
func (p *phrases) add(h uint64) (*entry, bool) {
	if e := p.find(h); e != nil {
		return e, true
	}
	if len(p.entries) == 0 {
		p.entries = append(p.entries, entry{}) // number 0 stands for none
	}
	if len(p.entries) > tableSize*3/4 {
		return nil, false
	}
	i := uint32(h) % tableSize
	for p.at[i] != 0 {
		i = (i + 1) % tableSize
	}
	p.keys[i], p.at[i] = uint32(h), uint16(len(p.entries))
	p.entries = append(p.entries, entry{})
	p.mark(h)
	return &p.entries[len(p.entries)-1], true
}

// found reports whether l is in text, whose word at from is l's first.
func (l *literal) found(text []byte, from int) bool {
	from -= l.at
	return from >= 0 && len(text)-from >= len(l.text) && bytes.EqualFold(text[from:from+len(l.text)], l.text)
}

// progress is how far the phrases have come.
type progress struct {
	reached []int32 // by step: where its last word ended
	live    stepSet // the first steps, and those whose step before was reached, perhaps too long ago
}

func (g *progress) reset(p *phrases) {
	if len(g.reached) < len(p.steps) {
		g.reached = make([]int32, len(p.steps))
	}
	clear(g.reached)
	g.live = p.firsts
}

// reach takes the steps that a word, or the words of an alternative, from start to end make, and returns the rules found.
// Later steps of a phrase come first, so that no word is two of them.
func (p *phrases) reach(g *progress, e *entry, start, end int32) (found hits) {
	for w := stepWords - 1; w >= 0; w-- {
		for set := e.steps[w] & g.live[w]; set != 0; {
			b := 63 - bits.LeadingZeros64(set)
			set &^= 1 << b
			i := w<<6 | b
			s := &p.steps[i]
			if s.gap >= 0 {
				d := start - g.reached[i-1]
				if d > s.gap {
					g.live.remove(i)
				}
				if d < 0 || d > s.gap {
					continue
				}
			}
			if s.rule >= 0 {
				found.add(int(s.rule))
				continue
			}
			g.reached[i] = end
			g.live.add(i + 1)
		}
	}
	return found
}

// errFull says that the bounds on the program's own rules need to grow.
var errFull = errors.New("more words or steps than there is room for")
