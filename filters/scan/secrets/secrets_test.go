package secrets

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func everything(t testing.TB) *Finder {
	t.Helper()
	f, err := New([]string{"secret", "personal"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestExamples holds every kind against its own examples: in a hit just the marked parts are found, in a miss nothing is.
func TestExamples(t *testing.T) {
	ran := 0
	for _, k := range Kinds() {
		f, err := New([]string{k.ID})
		if err != nil {
			t.Fatal(err)
		}
		if len(k.Hits) == 0 || len(k.Misses) == 0 {
			t.Errorf("%s has no examples", k.ID)
		}
		for _, example := range k.Hits {
			ran++
			text, want := example, []string(nil)
			for strings.Contains(text, "«") {
				var from, to int
				text, from, to = marked(text)
				want = append(want, text[from:to])
			}
			var got []string
			for _, s := range f.Find(nil, []byte(text)) {
				got = append(got, text[s.From:s.To])
			}
			if k.ID == "uk_nino" && len(want) == 2 {
				want = want[1:] // QQ is what examples are written with
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s in %q: found %q", k.ID, text, got)
			}
		}
		for _, text := range k.Misses {
			ran++
			if got := f.Find(nil, []byte(text)); len(got) > 0 {
				t.Errorf("%s found in %q: %q", k.ID, text, text[got[0].From:got[0].To])
			}
		}
	}
	if ran < 200 {
		t.Errorf("only %d examples ran", ran)
	}
}

// TestTogether: with every kind wanted, a hit of one kind is still hidden.
func TestTogether(t *testing.T) {
	f := everything(t)
	for _, k := range Kinds() {
		for _, example := range k.Hits {
			text, from, to := marked(example)
			if strings.Contains(text, "«") {
				continue
			}
			hidden := false
			for _, s := range f.Find(nil, []byte(text)) {
				hidden = hidden || s.From <= from && s.To >= to
			}
			if !hidden {
				t.Errorf("%s in %q: not hidden", k.ID, text)
			}
		}
	}
}

// stream feeds text in pieces cut at the places given, and returns what was found and the most that was ever undecided.
func stream(f *Finder, text []byte, cuts []int) (spans []Span, most int) {
	var s Stream
	s.Reset(f)
	at := 0
	for _, c := range cuts {
		s.Feed(text[at:c], false)
		most = max(most, s.Len()-s.Decided())
		at = c
	}
	s.Feed(text[at:], true)
	return s.Spans, most
}

// corpus is every example as a text.
func corpus() (texts []string) {
	for _, k := range Kinds() {
		for _, e := range slices.Concat(k.Hits, k.Misses) {
			texts = append(texts, strings.NewReplacer("«", "", "»", "").Replace(e))
		}
	}
	return texts
}

// TestSplitAnywhere: one cut at each place, and one byte at a time, find what is found in the whole.
func TestSplitAnywhere(t *testing.T) {
	f := everything(t)
	ran := 0
	for _, text := range corpus() {
		b := []byte("So " + text + ". And then")
		whole := f.Find(nil, b)
		for cut := range b {
			ran++
			if got, _ := stream(f, b, []int{cut}); !slices.Equal(got, whole) {
				t.Errorf("cut at %d, %q: %v, in the whole %v", cut, b, got, whole)
			}
		}
		var all []int
		for i := range b {
			all = append(all, i)
		}
		if got, most := stream(f, b, all); !slices.Equal(got, whole) || most > Longest {
			t.Errorf("byte by byte, %q: %v, in the whole %v; held %d", b, got, whole, most)
		}
	}
	if ran < 5000 {
		t.Errorf("only %d cuts", ran)
	}
}

// fragments are what random texts are made of: what begins like a secret, and what could join two.
func fragments() []string {
	out := []string{" ", "\n", "\\n", ".", "-", "@", ":", "/", "//", "0", "12", "a", "Z", "é", "\xff", "=", "+", "(", "(415) ", "%3D", "://u:", "-----", "-----BEGIN ", "PRIVATE KEY-----"}
	for _, t := range corpus() {
		out = append(out, t, t[:len(t)/2], t[len(t)/3:])
	}
	return out
}

func TestSplitProperty(t *testing.T) {
	f, parts := everything(t), fragments()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 8).Draw(t, "parts"), ""))
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 12).Draw(t, "cuts")
		slices.Sort(cuts)
		whole := f.Find(nil, text)
		got, most := stream(f, text, cuts)
		if !slices.Equal(got, whole) {
			t.Fatalf("%q cut at %v: %v, in the whole %v", text, cuts, got, whole)
		}
		if most > Longest {
			t.Fatalf("%d bytes are undecided", most)
		}
	})
}

// FuzzSplit holds the pieces against the whole, and what was found against order and bounds.
func FuzzSplit(f *testing.F) {
	finder := everything(f)
	f.Add([]byte("00A 529.982.247-2#"), uint16(3), uint16(9))
	for i, text := range corpus() {
		f.Add([]byte(text), uint16(i*7), uint16(i*13))
	}
	f.Fuzz(func(t *testing.T, text []byte, a, b uint16) {
		cuts := []int{int(a) % (len(text) + 1), int(b) % (len(text) + 1)}
		slices.Sort(cuts)
		whole := finder.Find(nil, text)
		got, most := stream(finder, text, cuts)
		if !slices.Equal(got, whole) || most > max(Longest, len(text)) {
			t.Fatalf("cut at %v: %v, in the whole %v", cuts, got, whole)
		}
		at := 0
		for _, s := range whole {
			if s.From < at || s.To <= s.From || s.To > len(text) {
				t.Fatalf("span %v behind %d in %d bytes", s, at, len(text))
			}
			at = s.To
		}
	})
}

// TestCleanIsFree: a clean text costs no allocation, whole or in pieces.
func TestCleanIsFree(t *testing.T) {
	f := everything(t)
	text := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog, 42 times; see chapter 3. sk is Slovak, AK is Alaska. "), 10)
	if n := testing.AllocsPerRun(50, func() {
		if len(f.Find(nil, text)) > 0 {
			t.Fatal("found something")
		}
	}); n > 0 {
		t.Errorf("%v allocations for a whole text", n)
	}
	var s Stream
	s.Reset(f)
	s.Feed(text, false)
	if n := testing.AllocsPerRun(50, func() { s.Feed(text[:90], false) }); n > 0 {
		t.Errorf("%v allocations for a piece", n)
	}
}

// TestHeld says what waits for more and what does not.
func TestHeld(t *testing.T) {
	f := func(kinds, text string, want int) {
		t.Helper()
		finder, err := New(strings.Fields(kinds))
		if err != nil {
			t.Fatal(err)
		}
		var s Stream
		s.Reset(finder)
		s.Feed([]byte(text), false)
		if got := s.Len() - s.Decided(); got != want {
			t.Errorf("%s: %q leaves %d bytes undecided, want %d", kinds, text, got, want)
		}
	}
	f("secret", "You said: hello", 0)
	f("secret", "the key is sk", 2)
	f("secret", "the key is skate", 0)
	f("secret", "AKIAIOSFODNN7", 13)
	f("card", "in 1984", 4)
	f("card", "in 1984.", 0)
	f("email", "write to ada", 3)
	f("email", "write to ada ", 0)
	f("email", "write to ada@example.com", 15)
	f("email", "ada, ", 0)
}

// TestNames: what New takes is a class or a kind.
func TestNames(t *testing.T) {
	f := func(want int, names ...string) {
		t.Helper()
		got, err := New(names)
		if (err == nil) != (want >= 0) || err == nil && len(got.Kinds()) != want {
			t.Errorf("%v: %v", names, err)
		}
	}
	f(len(Kinds()), "secret", "personal")
	f(1, "card")
	f(0)
	f(-1, "cards")
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k.ID] || k.Why == "" || len(k.begins) == 0 && len(k.forms) == 0 && k.ID != emailID {
			t.Errorf("%s: twice, or without a why or a begin", k.ID)
		}
		seen[k.ID] = true
	}
}
