package detect

import (
	"strings"
	"testing"
)

// hostile are texts that are made to cost: what begins and never ends, what nests, what nearly hits every rule.
func hostile() map[string]string {
	return map[string]string{
		"comments that never end": "/*",
		"comments within":         "/* a */ ",
		"line comments":           "--# ",
		"percent":                 "%",
		"percent, nested":         "%25",
		"percent, deep":           "%2525252525",
		"entities":                "&#x26;#x26;",
		"entities that are none":  "&aaaaaaaaaa",
		"escapes":                 `\\u005cu005c`,
		"overlong":                "\xc0\xaf\xf0\x80\x80\xaf",
		"look-alikes":             "\uff07\u2019\u0430",
		"base64":                  "dW5pb24gc2VsZWN0 ",
		"base64 of base64":        "ZFc1cGIyNGdjMlZzWldOMA==,",
		"quotes":                  `' "`,
		"conditions":              "or and having where 'x ",
		"separators":              "; | & ` ",
		"commands":                ";cat |ls &id ",
		"paths":                   "/.\\./",
		"tags":                    "<a <b <script ",
		"handlers":                " onload onerror=",
		"templates":               "{{ ${ <% #{ ",
		"brackets":                "(((([[[[{{{{",
		"blanks":                  "        ",
		"prose":                   "it's the art of \"select\" and union; from users where 1 is not 2 -- ",
		"zeros":                   "\x00\x00",
		"words":                   "alert document window script expression union select drop table ",
	}
}

// TestLinear: however a text is made, eight times of it costs no more than nine times the work, counted in the bytes that
// all passes look at, and a byte never more than a fixed number of looks.
func TestLinear(t *testing.T) {
	set := Default()
	ran := 0
	for name, unit := range hostile() {
		ran++
		const small, large = 8 << 10, 64 << 10
		a, b := stepsOf(set, unit, small, All, 0), stepsOf(set, unit, large, All, 0)
		if b > 9*a { // chunks overlap, which a small text has less of
			t.Errorf("%s: %d bytes take %d steps, %d take %d", name, small, a, large, b)
		}
		if b > budget(large) {
			t.Errorf("%s: %d steps a byte", name, b/large)
		}
	}
	if ran < 25 {
		t.Errorf("only %d texts", ran)
	}
}

// stepsOf counts the steps of a scan of n bytes made of unit for each of wants. With nothing wanted every pass is made, and nothing
// ends it early.
func stepsOf(set *Set, unit string, n int, wants ...Mask) int {
	var sc Scratch
	text := strings.Repeat(unit, n/len(unit)+1)[:n]
	for _, want := range wants {
		set.Scan(&sc, []byte(text), want, Field)
	}
	return sc.steps
}

// FuzzLinear looks for a text that, said again and again, costs more than what budget allows for a byte, or more for a byte the
// longer it is.
func FuzzLinear(f *testing.F) {
	for _, unit := range hostile() {
		f.Add(unit)
	}
	f.Add("&#000260;")            // a chunk's end cuts it
	f.Add("\xaf\xaf\xf0\xbc\x80") // and the text's end this
	seeds(func(in string) { f.Add(in) })
	set := Default()
	f.Fuzz(func(t *testing.T, unit string) {
		if unit == "" || len(unit) > 1<<10 {
			return
		}
		const large = 16 << 10
		if n := stepsOf(set, unit, large, All, 0); n > budget(large) {
			t.Errorf("%d steps a byte", n/large)
		}
		// Four times the text; more than four times the steps, since its chunks overlap and a small text is one. Were they to grow
		// with the square, it would be sixteen times. Both end in the same place of the unit: where one is cut may cost a round of decoding.
		small := large - 12<<10/len(unit)*len(unit)
		if a, b := stepsOf(set, unit, small, 0), stepsOf(set, unit, large, 0); b > 8*a {
			t.Errorf("%d bytes take %d steps, %d take %d", small, a, large, b)
		}
	})
}

// budget bounds how many steps two scans of n bytes may take: five rounds of decoding, four forms, each made, searched and shown
// to the patterns within their bound, and base64 in every round.
func budget(n int) int {
	const looks = patternShare + 5*2*(1+2*int(forms)) + 16
	return 2 * (looks*n + patternBytes)
}

// TestEveryFormIsLinear counts the steps of a clean text: without hits every rule in every form is tried.
func TestEveryFormIsLinear(t *testing.T) {
	set := Default()
	for _, n := range []int{1 << 10, 8 << 10, 64 << 10, 1 << 20} {
		var sc Scratch
		text := strings.Repeat("Titles of books, as people write them (some of them), and more. ", n/64)
		if h, hit := set.Scan(&sc, []byte(text), All, Field); hit {
			t.Fatalf("%s finds something in %q", id(h), text[:64])
		}
		if perByte := sc.steps / len(text); perByte > 16 {
			t.Errorf("%d bytes of prose take %d steps each", n, perByte)
		}
	}
}

// TestWorkIsBounded: a text that every pattern wants to see is refused at the bound, and the bound is for all values of a
// request together.
func TestWorkIsBounded(t *testing.T) {
	set := Default()
	var sc Scratch
	text := []byte(strings.Repeat(`document.x alert.c 'like "select drop table set (or 1 `, 40))
	sc.Share(len(text))
	limited := false
	for i := 0; i < 200 && !limited; i++ {
		h, hit := set.Scan(&sc, text, 1<<Control, Field)
		if hit && !h.Limit {
			t.Fatalf("%s finds something", id(h))
		}
		h, _ = set.Scan(&sc, text, All, Field)
		limited = h.Limit
	}
	if !limited || sc.steps > 64*(patternBytes+patternShare*len(text)) {
		t.Errorf("limited %v after %d steps", limited, sc.steps)
	}
}

// TestPlainStructure: what metadata and headers are full of is read by few patterns.
func TestPlainStructure(t *testing.T) {
	set := Default()
	values := []string{"15%", "99.95% of them", "a%20b", "[name]", "[1, 2, 3]", "items[0]", "- [x] done", "openai/python 1.54.3", "text/x-python", "xterm-256color",
		"mcp__github__create_issue", "user_abc_account__session_6e8bc430", "https://example.com/search?b=1&c=2", "2001:db8::1", "acme::abc123", "HEAD~3", "cat, dog, fish",
		"--verbose", "fix: a thing -- and another", "Dear {{name}}, {{count}} items"}
	for _, value := range values {
		var sc Scratch
		if h, hit := set.Scan(&sc, []byte(value), All, Field); hit {
			t.Errorf("%s finds %q", id(h), value)
		}
		if read := patternBytes + patternShare*len(value) - sc.work; read > 8*len(value) {
			t.Errorf("patterns read %d bytes of %q", read, value)
		}
	}
}
