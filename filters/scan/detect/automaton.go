package detect

import "math/bits"

// ruleSet is a set of rules by number.
type ruleSet [4]uint64

func (s *ruleSet) add(i int) { s[i>>6] |= 1 << (i & 63) }
func (s *ruleSet) or(o *ruleSet) {
	for i := range s {
		s[i] |= o[i]
	}
}
func (s *ruleSet) and(o *ruleSet) {
	for i := range s {
		s[i] &= o[i]
	}
}
func (s *ruleSet) without(o *ruleSet) {
	for i := range s {
		s[i] &^= o[i]
	}
}
func (s *ruleSet) empty() bool { return s[0]|s[1]|s[2]|s[3] == 0 }

// next returns the first rule of s from i on, or -1.
func (s *ruleSet) next(i int) int {
	for w := i >> 6; w < len(s); w++ {
		v := s[w]
		if w == i>>6 {
			v &= ^uint64(0) << (i & 63)
		}
		if v != 0 {
			return w<<6 + bits.TrailingZeros64(v)
		}
	}
	return -1
}

// automaton finds all literals of all rules in one pass (Aho and Corasick 1975), as a full DFA over byte classes: one
// table look-up a byte, whatever the text.
type automaton struct {
	class [256]uint8
	width int
	next  []uint16 // state*width+class; the top bit says that the state ends a literal
	found []ruleSet
}

const ends = 0x8000

// newAutomaton compiles the literals of rules.
func newAutomaton(rules []Rule) *automaton {
	a := &automaton{width: 1}
	for _, r := range rules {
		for _, lit := range r.Any {
			for i := 0; i < len(lit); i++ {
				if a.class[lit[i]] == 0 {
					a.class[lit[i]] = uint8(a.width)
					a.width++
				}
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c+'a'-'A']
	}
	a.addState()
	for i, r := range rules {
		for _, lit := range r.Any {
			a.insert(lit, i)
		}
	}
	a.link()
	return a
}

func (a *automaton) addState() int {
	a.next = append(a.next, make([]uint16, a.width)...)
	a.found = append(a.found, ruleSet{})
	return len(a.found) - 1
}

func (a *automaton) insert(lit string, rule int) {
	s := 0
	for i := 0; i < len(lit); i++ {
		at := s*a.width + int(a.class[lit[i]])
		if a.next[at] == 0 {
			n := a.addState()
			if n >= ends {
				panic("BUG: more literals than the automaton has states")
			}
			a.next[at] = uint16(n)
		}
		s = int(a.next[at])
	}
	a.found[s].add(rule)
}

// link turns the trie into a DFA, breadth first, and marks the transitions into states that end a literal.
func (a *automaton) link() {
	fail := make([]int, len(a.found))
	var queue []int
	for c := 0; c < a.width; c++ {
		if n := int(a.next[c]); n != 0 {
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.found[s].or(&a.found[fail[s]])
		for c := 0; c < a.width; c++ {
			at, other := s*a.width+c, a.next[fail[s]*a.width+c]
			if n := int(a.next[at]); n != 0 {
				fail[n] = int(other)
				queue = append(queue, n)
			} else {
				a.next[at] = other
			}
		}
	}
	for i, n := range a.next {
		if !a.found[n].empty() {
			a.next[i] = n | ends
		}
	}
}

// search adds to out every rule one of whose literals is in text.
func (a *automaton) search(text []byte, out *ruleSet) {
	s := 0
	for _, c := range text {
		n := a.next[s*a.width+int(a.class[c])]
		s = int(n &^ ends)
		if n&ends != 0 {
			out.or(&a.found[s])
		}
	}
}
