// Package secrets finds keys, tokens and personal data in text: in a whole text, and in one that arrives in pieces, split
// anywhere. What it finds does not depend on how the text was split. It knows no request, no answer and no policy.
//
// Every kind is data with a hand-written matcher. A matcher answers no, yes or more: with more, what follows decides, and
// the text from there on is held until it has come. Matchers read a bounded number of bytes, so the work is linear and
// what is held is bounded too (see Longest).
package secrets

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Class says whom a kind hurts when it leaks.
type Class uint8

// The classes.
const (
	Secret   Class = iota // gives access: keys, tokens, passwords
	Personal              // is about a person
)

func (c Class) String() string { return [...]string{"secret", "personal"}[c] }

// Kind is one kind of secret or personal data.
type Kind struct {
	ID    string // fit for a metric's label and a policy
	Class Class
	Why   string
	// Hits are texts of which the part in «» is found; Misses are texts in which nothing is. Both are tests.
	Hits, Misses []string

	begins []string // what it can begin with, one or two bytes of it each; "#" stands for any digit, "@" for any capital letter
	keep   int      // how many bytes at its begin are not part of the secret
	match  matcher
	tail   tail
	forms  []form // written forms, for what begins with a digit or letter and has a fixed shape
	near   []string
	check  func(chars []byte) bool // over the letters and digits of a written form
}

// Label is what stands in a text in place of the kind.
func (k *Kind) Label() string { return "[redacted:" + k.ID + "]" }

type answer uint8

const (
	no answer = iota
	yes
	more // what follows decides
)

// matcher judges t from i on. A yes gives the end of the match, at least one byte behind i.
type matcher func(t *text, i int) (end int, a answer)

// tail goes on behind a match, byte by byte, for kinds of no fixed length: in says that c still belongs to it. state begins
// as 0 and is the tail's own.
type tail func(state uint16, c byte) (next uint16, in bool)

// text is what a matcher sees. Before the place it is asked about there are at least contextMax bytes, or all there are.
type text struct {
	b     []byte
	end   bool              // nothing follows
	keep  int               // set by a matcher: more bytes at the begin that are not part of the secret
	firm  int               // set by next: what is undecided from here on is so because a matcher has seen its begin
	chars [longestForm]byte // for whoever takes a written form apart
}

const (
	contextMax = 64 // bytes before a place that may matter for it
	// Longest bounds how many bytes of a text can be undecided.
	Longest = 600
)

// Kinds lists every kind, in the order in which they are tried where two could begin.
func Kinds() []Kind {
	return slices.Concat(keyKinds(), tokenKinds(), cloudKinds(), paymentKinds(), idKinds(), contactKinds())
}

// Finder finds the kinds it was made for. Immutable, safe for concurrent use.
type Finder struct {
	kinds  []Kind
	labels []string
	class  [256]uint8
	pairs  [1 << 16]uint16 // by the two bytes that something begins with: which of lists
	lists  [][]uint8       // kinds; the first is empty
	last   [256][]uint8    // kinds by the byte that they begin with
	forms  formTable
	email  int        // the kind that is found from its middle; -1 when not wanted
	texts  *sync.Pool // of *text
}

// What a byte can mean to the scan.
const (
	isWord  uint8 = 1 << iota // a letter or digit: a kind that begins with one begins where a word does
	isFirst                   // some kind begins with it
	isDigit                   // and is a number
	isAt                      // or is found from its middle
	begins  = isFirst | isDigit | isAt
)

// Names lists what New takes: the classes and the kinds.
func Names() []string {
	names := []string{Secret.String(), Personal.String()}
	for _, k := range Kinds() {
		names = append(names, k.ID)
	}
	return names
}

// New makes a finder for the kinds named, each by its own name or its class's. The error names what there is not.
func New(names []string) (*Finder, error) {
	f := &Finder{email: -1, lists: [][]uint8{nil}, texts: &sync.Pool{New: func() any { return new(text) }}}
	for c := range f.class {
		if alnum[c] {
			f.class[c] = isWord
		}
	}
	all := Kinds()
	for _, n := range names {
		if !slices.Contains(Names(), n) {
			return nil, fmt.Errorf("no kind %q", n)
		}
	}
	for i := range all {
		if k := &all[i]; slices.Contains(names, k.ID) || slices.Contains(names, k.Class.String()) {
			f.add(*k)
		}
	}
	return f, nil
}

// add takes a kind into the tables.
func (f *Finder) add(k Kind) {
	n := uint8(len(f.kinds))
	f.kinds, f.labels = append(f.kinds, k), append(f.labels, k.Label())
	if k.ID == emailID {
		f.email = int(n)
		f.class['@'] |= isAt
	}
	for _, form := range k.forms {
		if form.first > 0 {
			f.forms.add(form, n)
			for c := byte('0'); c <= '9'; c++ {
				f.class[c] |= isDigit
			}
		}
	}
	var seen [1 << 16]bool
	for _, begin := range k.begins {
		for _, first := range members(begin[:1]) {
			f.class[first] |= isFirst
			if !slices.Contains(f.last[first], n) {
				f.last[first] = append(f.last[first], n)
			}
			for _, second := range members(begin[1:]) {
				if pair := uint16(first)<<8 | uint16(second); !seen[pair] {
					seen[pair] = true
					f.pairs[pair] = f.list(f.pairs[pair], n)
				}
			}
		}
	}
}

// list finds the list that is an earlier one and k, or makes it.
func (f *Finder) list(earlier uint16, k uint8) uint16 {
	want := append(slices.Clone(f.lists[earlier]), k)
	for i, l := range f.lists {
		if slices.Equal(l, want) {
			return uint16(i)
		}
	}
	f.lists = append(f.lists, want)
	return uint16(len(f.lists) - 1)
}

// members are the bytes that a place in a begin stands for: all of them where it says nothing.
func members(spec string) (out []byte) {
	for c := range 256 {
		switch b := byte(c); {
		case spec == "", spec[0] == '#' && digit[b], spec[0] == '@' && upper[b], spec != "" && spec[0] == b:
			out = append(out, b)
		}
	}
	return out
}

// Kinds lists the kinds that f finds; a Span's Kind is an index into it.
func (f *Finder) Kinds() []Kind { return f.kinds }

// Label is what stands in place of the kind.
func (f *Finder) Label(kind int) string { return f.labels[kind] }

// Span is a part of a text that is to be hidden, From and To in bytes from the text's begin. Kind is an index into the
// finder's Kinds, or -1 for what could not be decided (Hide).
type Span struct {
	Kind     int
	From, To int
}

// marked takes an example apart at «».
func marked(example string) (text string, from, to int) {
	before, rest, ok := strings.Cut(example, "«")
	if !ok {
		return example, -1, -1
	}
	inner, after, _ := strings.Cut(rest, "»")
	return before + inner + after, len(before), len(before) + len(inner)
}
