// Package dfa says whether a regular expression matches anywhere in a text, in a few nanoseconds a byte however large the
// expression is: a deterministic automaton, made state by state as texts need it (Cox, "Regular Expression Matching in the
// Wild", 2010). It agrees with package regexp, which the fuzz target FuzzMatch holds it to.
package dfa

import (
	"math"
	"regexp"
	"regexp/syntax"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Bounds on what an expression remembers. A text that needs a state more is read by package regexp, and after patience of
// such texts all states are forgotten: what is common comes again, what somebody made up to fill the room does not.
const (
	maxStates = 2048
	maxBytes  = 512 << 10
	patience  = 4096
)

// Matcher is an expression, compiled when a text is first held against it: most rules of a set are never asked for. Safe for
// concurrent use.
type Matcher struct {
	re   func() *regexp.Regexp // of package regexp, compiled when it is asked for
	tree *syntax.Regexp        // until it is compiled
	prog *syntax.Prog

	class   [utf8.RuneSelf]uint8 // of each ASCII rune: runes that no instruction tells apart share one
	wide    []interval           // classes of all other runes, ascending
	samples []rune               // one rune of each class
	chains  []chain              // of each instruction
	asks    syntax.EmptyOp       // what is asked about the places between runes

	first atomic.Pointer[state]

	mu     sync.Mutex // held while a state is made
	states map[string]*state
	bytes  int
	missed int
	work   scratch
}

// kind is what came before a place: what assertions such as \b ask about.
type kind uint8

const (
	edge  kind = iota // the beginning of the text
	other             // neither of the next two, or nobody asks
	word
	line
)

// state is a set of instructions that may go on, and what came before.
type state struct {
	matched bool // the text so far has a match in it
	ending  bool // it has if it ends here
	dead    bool // nothing that follows makes it have one
	before  kind
	pcs     []uint16
	next    []atomic.Pointer[state] // by class
}

// New parses expr as regexp.Compile does.
func New(expr string) (*Matcher, error) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return &Matcher{tree: tree, re: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })}, nil
}

// begin returns the state before the first rune. It is nil for an expression that is too large, which is always left to package regexp.
func (m *Matcher) begin() *state {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tree != nil {
		m.compile()
	}
	return m.first.Load()
}

func (m *Matcher) compile() {
	prog, err := syntax.Compile(m.tree.Simplify())
	m.tree = nil
	if err != nil || len(prog.Inst) > math.MaxUint16 {
		return
	}
	m.prog = prog
	for _, in := range prog.Inst {
		if in.Op == syntax.InstEmptyWidth {
			m.asks |= syntax.EmptyOp(in.Arg)
		}
	}
	if !m.classify() {
		return
	}
	chains, n := chainsOf(prog)
	m.chains, m.work.best = chains, make([]int32, n+1)
	m.forget()
}

// FindIndex returns the place of the leftmost match, as package regexp does, and takes as long as that.
func (m *Matcher) FindIndex(text []byte) []int { return m.re().FindIndex(text) }

// Match reports whether there is a match in text, and whether package regexp had to be asked, which takes tens of times as long.
func (m *Matcher) Match(text []byte) (found, slow bool) {
	s := m.first.Load()
	if s == nil {
		if s = m.begin(); s == nil {
			return m.re().Match(text), true
		}
	}
	for i := 0; i < len(text); {
		var class uint8
		if c := text[i]; c < utf8.RuneSelf {
			class = m.class[c]
			i++
		} else {
			r, n := utf8.DecodeRune(text[i:])
			class = m.wideClass(r)
			i += n
		}
		next := s.next[class].Load()
		if next == nil {
			if next = m.step(s, class); next == nil {
				return m.re().Match(text), true
			}
		}
		if next.matched || next.dead {
			return next.matched, false
		}
		s = next
	}
	return s.ending || s.matched, false
}
