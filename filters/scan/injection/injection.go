// Package injection says how much a text for a model looks like a prompt injection or a jailbreak: text that sets itself
// against the instructions the model was given. It adds up the points of rules that a person can read and the evidence of
// a small linear model over words and pairs of words, and explains every point. It knows no request and no policy, and it
// refuses nothing: whoever asks chooses the threshold. What it reads is never kept.
//
// The work is one pass over each text: a bounded number of steps a word, whatever the text.
package injection

import (
	"fmt"
	"sync"
)

// Scorer holds the compiled rules and the model. Immutable, safe for concurrent use; a Look is not.
type Scorer struct {
	rules   []Rule
	phrases *phrases
	forbids *phrases
	tool    hits         // the rules that speak only in what a tool returned
	mark    map[Mark]int // which rule a mark belongs to
	model   *Model
}

// New compiles the rules for a model; the error joins nothing: the rules are the program's own, and the first one that
// does not compile is a bug.
func New(m *Model) (*Scorer, error) {
	s := &Scorer{rules: Rules(), mark: map[Mark]int{}, model: m}
	if len(s.rules) > maxRules {
		return nil, fmt.Errorf("%d rules; at most %d", len(s.rules), maxRules)
	}
	for i, r := range s.rules {
		if r.Tool {
			s.tool.add(i)
		}
		if r.Mark != 0 {
			s.mark[r.Mark] = i
		}
	}
	var err error
	if s.phrases, err = compile(s.rules, lists()); err != nil {
		return nil, err
	}
	if s.forbids, err = compile([]Rule{{ID: "forbids", Say: forbids()}}, lists()); err != nil {
		return nil, err
	}
	return s, nil
}

// Default is the scorer with the embedded model, the same one for every policy.
var Default = sync.OnceValue(func() *Scorer {
	m, err := Embedded()
	if err == nil {
		var s *Scorer
		if s, err = New(m); err == nil {
			return s
		}
	}
	panic("BUG: " + err.Error())
})

// maxRules is bounded by the bits of hits.
const maxRules = 64

// hits is a set of rules by number.
type hits uint64

func (h *hits) add(i int)     { *h |= 1 << i }
func (h hits) has(i int) bool { return h>>i&1 != 0 }
