package setting

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMatchIsTheRegexp: a pattern means what the regular expression means in which each * is .*.
func TestMatchIsTheRegexp(t *testing.T) {
	letters := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "/", "*"}), 0, 8)
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		pattern, s := strings.Join(letters.Draw(t, "pattern"), ""), strings.Join(letters.Draw(t, "s"), "")
		want := regexp.MustCompile(`\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `\z`).MatchString(s)
		if got := Match(pattern, s); got != want {
			t.Fatalf("Match(%q, %q): got %v; want %v", pattern, s, got, want)
		}
		if want {
			matched++
		}
	})
	if matched == 0 {
		t.Error("nothing was drawn that matches")
	}
}
