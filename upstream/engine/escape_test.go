package engine

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// TestEscapeOfNone: what is no escape is read all the same, and nothing is read beyond the end.
func TestEscapeOfNone(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if got := string(Unescape(nil, []byte(raw))); got != want {
			t.Errorf("%q stands for %q; want %q", raw, got, want)
		}
	}
	f(`a\`, `a\`)
	f(`\q`, "q")
	f(`\u12`, "u12")
	f(`\u12g4`, "u12g4")
	f(`\ud83d`, "\ufffd")
	f(`\ud83d\ude0`, "\ufffdude0")
	f(`\ud83d\u0041`, "\ufffdA")
	f(`\ude00\ud83d`, "\ufffd\ufffd")
	f("\\é", "\\é")
}

// FuzzUnescape: of any bytes it ends and never grows; what encoding/json takes for a string it reads as the same text.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{``, `\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\`, `\ud800`, `\ud83d\ude0`, `\`, "\\\xff", `plain`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := Unescape(nil, raw)
		if len(got) > len(raw) {
			t.Errorf("%q becomes %q", raw, got)
		}
		var want string
		if quoted := `"` + string(raw) + `"`; utf8.Valid(raw) && json.Unmarshal([]byte(quoted), &want) == nil && string(got) != want {
			t.Errorf("%q stands for %q; encoding/json says %q", raw, got, want)
		}
		if !unescapesTo(raw, got) {
			t.Errorf("%q is said not to decode to %q", raw, got)
		}
	})
}
