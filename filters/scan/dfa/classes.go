package dfa

import (
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// interval is a run of runes of one class, up to the next interval.
type interval struct {
	from  rune
	class uint8
}

// classify gives runes that no instruction and no assertion tells apart one class. It reports false for more classes than there
// are numbers.
func (m *Matcher) classify() bool {
	sets, bounds := setsOf(m.prog)
	classes := map[string]uint8{}
	key := make([]byte, len(sets)+1)
	classOf := func(r rune) uint8 {
		for i, in := range sets {
			key[i] = 0
			if in.MatchRune(r) {
				key[i] = 1
			}
		}
		key[len(sets)] = byte(m.kindOf(r))
		c, ok := classes[string(key)]
		if !ok {
			c = uint8(len(m.samples)) // too many are told below
			classes[string(key)] = c
			m.samples = append(m.samples, r)
		}
		return c
	}
	for r := range m.class {
		m.class[r] = classOf(rune(r))
	}
	for _, from := range bounds {
		if from >= utf8.RuneSelf && from <= unicode.MaxRune {
			m.wide = append(m.wide, interval{from, classOf(from)})
		}
	}
	return len(m.samples) <= math.MaxUint8
}

// setsOf lists the different sets of runes that p asks for, each by an instruction, and where one begins or ends, ascending.
func setsOf(p *syntax.Prog) (sets []*syntax.Inst, bounds []rune) {
	known := map[string]bool{}
	bounds = []rune{utf8.RuneSelf}
	for i := range p.Inst {
		in := &p.Inst[i]
		key := fmt.Sprint(in.Rune, in.Arg)
		if !isRune(in.Op) || len(in.Rune) == 0 || known[key] { // a set may be empty
			continue
		}
		known[key] = true
		sets = append(sets, in)
		if len(in.Rune) > 1 {
			for j, r := range in.Rune {
				bounds = append(bounds, r+rune(j%2))
			}
			continue
		}
		for r := in.Rune[0]; ; { // one rune, and those that differ in case
			bounds = append(bounds, r, r+1)
			if r = unicode.SimpleFold(r); r == in.Rune[0] {
				break
			}
		}
	}
	slices.Sort(bounds)
	return sets, slices.Compact(bounds)
}

func (m *Matcher) wideClass(r rune) uint8 {
	i := len(m.wide) - 1
	for r < m.wide[i].from {
		i--
	}
	return m.wide[i].class
}
