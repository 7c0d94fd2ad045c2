package dfa

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// agrees compares with package regexp, twice: states are made the first time and used the second.
func agrees(t *testing.T, m *Matcher, text []byte) {
	t.Helper()
	want := m.re().Match(text)
	for range 2 {
		if got, _ := m.Match(text); got != want {
			t.Fatalf("%q finds something in %q: %v, and regexp %v", m.re(), text, got, want)
		}
	}
}

var exprs = []string{
	``, `a`, `^a`, `a$`, `^$`, `\ba\b`, `\Ba`, `(?m)^a$`, `(?s)a.b`, `a.b`, `(?i)k`, `[^a]b`, `[^\x00-\x7f]`, `´x`, `a{2,5}b`, `x.{0,20}y`, `(?s)x.{1,8}y|z[^q]{0,9}w`,
	`(ab|cd){0,3}e`, `a{0,3}a{0,3}b`, `\{\{.{0,200}[*+]`, `(^|[^a])b{0,4}($|c)`, `.{3}a.{0,6}b{1,3}`, `(a{0,3}b){0,3}c`, `(?:a|b|)*c$`, `\x{fffd}`, `(?i)ſ|é`, `[a-c]{0,5}[b-d]{0,5}e`, `(?U)a{0,4}b+`, `a|[^\W\w]`, `(a|a()|)(a)`, `(a(ab)?)?c`,
}

func FuzzMatch(f *testing.F) {
	for _, e := range exprs {
		for _, text := range []string{"", "a", "ab", "xaay", "x\xffy", "zzw\nab\n", "aaab", "K\u212a", "{{a+", "cdabcde", "´x", "a b", "\ufffd", "abcabcde"} {
			f.Add(e, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, expr string, text []byte) {
		if len(expr) > 100 || len(text) > 1000 {
			return
		}
		if _, err := regexp.Compile(expr); err != nil {
			return
		}
		m, err := New(expr)
		if err != nil {
			return
		}
		agrees(t, m, text)
		agrees(t, m, append(text, text...))
	})
}

// TestMatch holds the expressions against texts of their own letters, drawn from a seed.
func TestMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const letters = "abcdexyzwq{+* \n_KS\x00\xff´é\u212a"
	for _, e := range exprs {
		m, err := New(e)
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			text := make([]byte, r.IntN(40))
			for i := range text {
				text[i] = letters[r.IntN(len(letters))]
			}
			agrees(t, m, text)
		}
	}
}

func TestBad(t *testing.T) {
	for _, e := range []string{`(`, `((a{1000}b{1000}c{1000}){10}){10}`} {
		if _, err := New(e); err == nil {
			t.Errorf("%.20s is no expression", e)
		}
	}
}

// TestTooLarge: what has more instructions or classes than there are numbers is left to package regexp.
func TestTooLarge(t *testing.T) {
	for _, e := range []string{strings.Repeat(`(a{1000}|b{1000}|c{1000})`, 25), classes()} {
		m, err := New(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "bb", "Ā256"} {
			if found, slow := m.Match([]byte(text)); !slow || found != m.re().MatchString(text) {
				t.Errorf("%.20s on %.3q: %v, slow %v", e, text, found, slow)
			}
		}
	}
}

// classes is an expression that tells more runes apart than a byte counts.
func classes() string {
	var b strings.Builder
	for r := rune(0x100); r < 0x300; r += 2 {
		fmt.Fprintf(&b, "%c%d|", r, r)
	}
	return b.String() + "[^a]b"
}

// TestBoundedRepetition: however often a repetition begins, the one that may go on longest is all there is to know of it.
func TestBoundedRepetition(t *testing.T) {
	m, err := New(`(?s)a.{0,200}[+*]|<[^>]{1,100}=`)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		text := make([]byte, 400)
		for i := range text {
			text[i] = "ab <"[r.IntN(4)]
		}
		if _, slow := m.Match(text); slow {
			t.Fatal("there is no room for the states of one repetition")
		}
	}
	if n := len(m.states); n > 1000 { // not one for each set of beginnings
		t.Errorf("%d states", n)
	}
}

// exploding has a state for each set of the last twenty places with an a.
const exploding = `a.{20}b`

// TestFull: texts for whose states there is no room are read by package regexp, as right and slower; after enough of them what
// was remembered makes room.
func TestFull(t *testing.T) {
	m, err := New(exploding)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	text := make([]byte, 200)
	slowOnes, forgot := 0, false
	for range 3 * patience {
		for i := range text {
			text[i] = "ac"[r.IntN(2)]
		}
		before := len(m.states)
		found, slow := m.Match(text)
		if found {
			t.Fatalf("%q is found in %q", exploding, text)
		}
		if slow {
			slowOnes++
		}
		forgot = forgot || len(m.states) < before
		if len(m.states) > maxStates || m.bytes > maxBytes+4096 {
			t.Fatalf("%d states, %d bytes", len(m.states), m.bytes)
		}
	}
	if slowOnes == 0 || !forgot {
		t.Errorf("%d texts were read by package regexp, room was made: %v", slowOnes, forgot)
	}
	for range 100 {
		for i := range text {
			text[i] = "abc"[r.IntN(3)]
		}
		agrees(t, m, text)
	}
}

// TestTogether: many make states at once.
func TestTogether(t *testing.T) {
	m, err := New(exploding)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(4, uint64(g)))
			text := make([]byte, 60)
			for range 500 {
				for i := range text {
					text[i] = "abc"[r.IntN(3)]
				}
				if found, _ := m.Match(text); found != m.re().Match(text) {
					t.Errorf("%q: %v", text, found)
				}
			}
		})
	}
	wg.Wait()
}

func TestNothingIsAllocated(t *testing.T) {
	m, err := New(`(^|\W)(select|union)\b.{1,40}from\b`)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(strings.Repeat("a union of those who select, from time to time; ", 20))
	if n := testing.AllocsPerRun(100, func() { m.Match(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	const expr = `(?s)(^|['"()\d\s;])(order by (\d+\b|[(-]|if|case|\w+ ?(--|#|\())|group by [\w.]+ (having|--|with)|limit \d+ ?(,|offset|--|;)|case .{1,60} when .{1,40} then)`
	text := []byte(strings.Repeat("in order by which they came; group by group, limit 5 of each case ", 31))
	m, err := New(expr)
	if err != nil {
		b.Fatal(err)
	}
	re := regexp.MustCompile(expr)
	b.Run("dfa", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			m.Match(text)
		}
	})
	b.Run("regexp", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			re.Match(text)
		}
	})
}
