package detect

import (
	"math/bits"
	"slices"
)

// ruleSet is a set of rules by number.
type ruleSet [4]uint64

func (s *ruleSet) add(i int)      { s[i>>6] |= 1 << (i & 63) }
func (s *ruleSet) has(i int) bool { return s[i>>6]&(1<<(i&63)) != 0 }
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
	class   [256]uint8
	width   int
	longest int      // of the literals
	next    []uint32 // state*width+class to the next state*width; the top bit says that the state ends a literal
	found   []ruleSet
}

const ends = 1 << 31

// statementBit is found, beside the rules, where one of statements is.
const statementBit = maxRules - 1

// newAutomaton compiles the literals of those rules that are in only, and statements.
func newAutomaton(rules []Rule, only *ruleSet) *automaton {
	a := &automaton{width: 1}
	each := func(f func(lit string, rule int)) {
		for i, r := range rules {
			for _, lit := range r.Any {
				if only.has(i) {
					f(lit, i)
				}
			}
		}
		for _, word := range statements {
			f(word, statementBit)
		}
	}
	var lits []string
	each(func(lit string, _ int) {
		lits = append(lits, lit)
		a.longest = max(a.longest, len(lit))
		for i := 0; i < len(lit); i++ {
			if a.class[lit[i]] == 0 {
				a.class[lit[i]] = uint8(a.width)
				a.width++
			}
		}
	})
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c+'a'-'A']
	}
	states := statesFor(lits)
	a.next, a.found = make([]uint32, 0, states*a.width), make([]ruleSet, 0, states)
	a.addState()
	each(a.insert)
	a.link()
	return a
}

// statesFor counts the states of a trie of lits: those that begin alike share some.
func statesFor(lits []string) int {
	slices.Sort(lits)
	states, last := 1, ""
	for _, lit := range lits {
		shared := 0
		for shared < min(len(lit), len(last)) && lit[shared] == last[shared] {
			shared++
		}
		states, last = states+len(lit)-shared, lit
	}
	return states
}

func (a *automaton) addState() int {
	a.next = a.next[:len(a.next)+a.width]
	a.found = append(a.found, ruleSet{})
	return len(a.found) - 1
}

func (a *automaton) insert(lit string, rule int) {
	s := 0
	for i := 0; i < len(lit); i++ {
		at := s*a.width + int(a.class[lit[i]])
		if a.next[at] == 0 {
			n := a.addState()
			a.next[at] = uint32(n)
		}
		s = int(a.next[at])
	}
	a.found[s].add(rule)
}

// link turns the trie into a DFA, breadth first, marks the transitions into states that end a literal, and has them name
// states by where their row begins.
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
		a.next[i] = n * uint32(a.width)
		if !a.found[n].empty() {
			a.next[i] |= ends
		}
	}
}

// search adds to out every rule one of whose literals is in text. A look-up waits for the one before it, so both halves of
// a text are gone through at once; they overlap, so that a literal is whole in one of them.
func (a *automaton) search(text []byte, out *ruleSet) {
	if len(text) < 2*a.longest {
		a.run(0, text, out)
		return
	}
	half := (len(text) + a.longest) / 2
	first, second := text[:half], text[len(text)-half:]
	s, t := uint32(0), uint32(0)
	for i := 0; i < len(first) && i < len(second); i++ {
		s = a.next[s+uint32(a.class[first[i]])]
		t = a.next[t+uint32(a.class[second[i]])]
		if (s|t)&ends != 0 {
			s, t = a.note(s, out), a.note(t, out)
		}
	}
}

func (a *automaton) run(s uint32, text []byte, out *ruleSet) {
	for _, c := range text {
		s = a.next[s+uint32(a.class[c])]
		if s&ends != 0 {
			s = a.note(s, out)
		}
	}
}

// note adds what state s ends, if anything, and returns s without its mark.
func (a *automaton) note(s uint32, out *ruleSet) uint32 {
	if s&ends == 0 {
		return s
	}
	s &^= ends
	out.or(&a.found[int(s)/a.width])
	return s
}
