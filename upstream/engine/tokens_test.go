package engine

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// runQuarters is what a run of n bytes of one class costs, said at once.
func runQuarters(class uint8, n int) int {
	switch {
	case n == 0:
		return 0
	case class == tokenLetter:
		return 4 + max(n-7, 0)
	case class == tokenDigit:
		return 4 * ((n + 2) / 3)
	case class == tokenMark:
		return 2 + 2*((n+1)/2)
	case class == tokenBreak:
		return 3
	case class == tokenWide:
		return (n*8 + 6) / 7
	case n == 1:
		return 0
	}
	return 3
}

func slowQuarters(text []byte) (sum int) {
	class, run := tokenSpace, 0
	for _, c := range text {
		if tokenClass[c] != class {
			sum += runQuarters(class, run)
			class, run = tokenClass[c], 0
		}
		run++
	}
	return sum + runQuarters(class, run)
}

// The steps add up to the runs; four parts side by side differ from one after the other only where a part begins inside
// a long run.
func TestTokenSteps(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "word", "internationalization", " ", "    ", "\n", "1", "20260131", "{", "\":[", "é", "吾輩は猫である。", "."})
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOfN(piece, 0, 200).Draw(t, "text"), ""))
		want := slowQuarters(text)
		if got := quartersOf(text); got != want {
			t.Fatalf("%q: got %d quarters, want %d", text, got, want)
		}
		if got := tokenQuarters(text); got < want-9 || got > want+9 {
			t.Fatalf("%q: got %d quarters, want about %d", text, got, want)
		}
	})
}

// A long text is judged by samples, and comes out as if it had been read whole.
func TestEstimateOfLongText(t *testing.T) {
	text := prose(300 << 10)
	whole, got := (slowQuarters(text)+3)/4, EstimateTokens(text)
	if got < whole*95/100 || got > whole*105/100 {
		t.Errorf("got %d tokens, want about %d", got, whole)
	}
}
