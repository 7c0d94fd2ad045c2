package detect

import (
	"bytes"
	"testing"
)

func slowSet(how slow) *Set {
	s, err := New(Rules())
	if err != nil {
		panic(err)
	}
	s.slow = how
	return s
}

// seeds are every rule's examples.
func seeds(add func(string)) {
	for _, r := range Rules() {
		for _, list := range [][]string{r.Hits, r.Misses} {
			for _, in := range list {
				add(in)
			}
		}
	}
}

// agree reports whether the fast path finds something wherever the slow one does.
func agree(fast, slow *Set, a, b *Scratch, text []byte, place Place) (rule string, ok bool) {
	h, found := slow.Scan(b, text, All, place)
	if !found || h.Limit {
		return "", true
	}
	rule = h.Rule.ID
	if _, ok := fast.Scan(a, text, All, place); !ok {
		return rule, false
	}
	return rule, true
}

// TestFastAgainstSlow: over the open corpora and the examples, nothing that a pattern finds lacks a literal of its rule, or is
// lost to a cheap look.
func TestFastAgainstSlow(t *testing.T) {
	fast, slow := Default(), slowSet(forced)
	var a, b Scratch
	n := 0
	f := func(text string, place Place) {
		n++
		if rule, ok := agree(fast, slow, &a, &b, []byte(text), place); !ok {
			t.Errorf("%s finds %q, and no literal or cheap look of it says so", rule, text)
		}
	}
	seeds(func(in string) { f(in, Query) })
	if n < 300 {
		t.Errorf("only %d texts", n)
	}
	for _, name := range []string{"payloads-attack.jsonl", "payloads-benign.jsonl"} {
		for _, c := range readCorpus(t, name) {
			f(c.P, Field)
		}
	}
}

// FuzzFastAgainstSlow looks for a text that is found when the automaton, the table of clean bytes and the cheap looks have no
// say, and not else.
func FuzzFastAgainstSlow(f *testing.F) {
	seeds(func(in string) { f.Add([]byte(in)) })
	for _, in := range []string{":::int 1", "{{{config}}}", "{{ self }}", "<2:3>", "a=$'x'", "|___class__"} { // where a look begins one byte late
		f.Add([]byte(in))
	}
	fast, slow := Default(), slowSet(byHand)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 || classes(text) == quiet {
			return // one word is clean, whatever it is
		}
		var a, b Scratch
		for _, place := range []Place{Query, Field, Row, Agent} {
			if rule, ok := agree(fast, slow, &a, &b, text, place); !ok {
				t.Errorf("%s finds %q in place %d, and no literal or cheap look of it says so", rule, text, place)
			}
		}
	})
}

// FuzzDecode: decoding ends, never grows its text by more than a constant factor, and what it leaves unchanged it leaves so.
func FuzzDecode(f *testing.F) {
	seeds(func(in string) { f.Add([]byte(in)) })
	f.Add([]byte("%25%2525%u0025&#x25;&amp;lt;\\u{3c}\xc0\xaf\xf0\x80\x80\xaf"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := text
		for round := 0; ; round++ {
			out, changed := appendDecoded(nil, in)
			if !changed {
				if !bytes.Equal(out, in) {
					t.Fatalf("%q is said to be unchanged, and is %q", in, out)
				}
				if again, _ := appendDecoded(nil, out); !bytes.Equal(again, out) {
					t.Fatalf("%q is no fixpoint", out)
				}
				break
			}
			if len(out) > 2*len(in)+8 {
				t.Fatalf("%d bytes become %d", len(in), len(out))
			}
			if round > 8+len(text) {
				t.Fatalf("%q never ends", text)
			}
			in = out
		}
		for form := Plain; form < forms; form++ {
			if out, _ := appendForm(nil, text, form); len(out) > len(text)+1 {
				t.Errorf("form %d makes %d bytes of %d", form, len(out), len(text))
			}
		}
	})
}
