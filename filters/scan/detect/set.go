package detect

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"blaze/filters/scan/dfa"
)

// Set is a compiled list of rules. It never changes, but for what its patterns remember; safe for concurrent use, as a Scratch is not.
type Set struct {
	rules    []Rule
	patterns []*dfa.Matcher
	words    [forms]*automaton // of the plain form all rules' literals, of each other those of its rules
	byClass  [Classes]ruleSet
	byForm   [forms]ruleSet
	places   [places]ruleSet
	slow     slow // for tests
}

// slow says how much is done the slow way, for tests to compare with.
type slow uint8

const (
	byHand slow = 1 + iota // literals are looked for one by one, no value is clean at a glance, no rule has a cheap look
	forced                 // every pattern is asked, whatever its literals say
)

// maxRules is bounded by the bits of a ruleSet.
const maxRules = 256 // of which the last is statementBit

// New compiles rules; the error joins everything wrong with them.
func New(rules []Rule) (*Set, error) {
	if len(rules) >= maxRules {
		return nil, fmt.Errorf("%d rules; at most %d", len(rules), maxRules-1)
	}
	s := &Set{rules: rules, patterns: make([]*dfa.Matcher, len(rules))}
	var problems []error
	for i, r := range rules {
		rules[i].number, rules[i].needs = i, setOf(r.Needs)
		if len(r.Any) == 0 {
			problems = append(problems, fmt.Errorf("rule %s has no literal", r.ID))
		}
		if r.Pattern != "" {
			p, err := dfa.New("(?s)" + r.Pattern)
			if err != nil {
				problems = append(problems, fmt.Errorf("rule %s: %w", r.ID, err))
			}
			s.patterns[i] = p
		}
		s.byClass[r.Class].add(i)
		s.byForm[r.Form].add(i)
		for p := Query; p < places; p++ {
			if r.in(p) {
				s.places[p].add(i)
			}
		}
	}
	for f := range s.words {
		only := s.byForm[f]
		if f == int(Plain) {
			for _, o := range s.byForm {
				only.or(&o)
			}
		}
		s.words[f] = newAutomaton(rules, &only)
	}
	return s, errors.Join(problems...)
}

// pairs joins every word of the one list to every word of the other, and adds more: literals for Any.
func pairs(first, glue, second string, more ...string) (out []string) {
	for _, a := range strings.Fields(first) {
		for _, b := range strings.Fields(second) {
			out = append(out, a+glue+b)
		}
	}
	return append(out, more...)
}

// Default is the set of all rules of this package, the same one for every policy: a reload need not compile it again.
var Default = sync.OnceValue(func() *Set {
	s, err := New(Rules())
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return s
})

// wanted is the rules of the classes in want that may speak in place.
func (s *Set) wanted(want Mask, place Place) (w ruleSet) {
	for c := Class(0); c < Classes; c++ {
		if want.Has(c) {
			w.or(&s.byClass[c])
		}
	}
	w.and(&s.places[place])
	return w
}

// in reports whether r may speak in p.
func (r *Rule) in(p Place) bool {
	prose := p == Agent || p == Locus || p == Target
	return r.Only.Has(p) && !(r.Weak && prose)
}
