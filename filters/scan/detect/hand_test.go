package detect

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"
)

// written reads a list of testdata, one value a line; # begins a comment.
func written(t *testing.T, name string, least int) (lines []string) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for comment := true; in.Scan(); {
		if comment = comment && strings.HasPrefix(in.Text(), "# "); !comment {
			lines = append(lines, in.Text())
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	if len(lines) < least {
		t.Fatalf("%s has %d values; want %d", name, len(lines), least)
	}
	return lines
}

// TestWritten: attacks that were written before looking at the rules are found in a query and in a JSON string (how many were at
// first sight, each list says), harmless values pass, and what is refused though it may be harmless is on a list of its own.
func TestWritten(t *testing.T) {
	set := Default()
	var sc Scratch
	both := func(text string) (hits int) {
		for _, place := range []Place{Query, Field} {
			if _, hit := set.Scan(&sc, unescape(text), All, place); hit {
				hits++
			}
		}
		return hits
	}
	for _, text := range attacks(t) {
		if both(text) != 2 {
			t.Errorf("%q passes", text)
		}
	}
	for _, text := range append(written(t, "harmless.txt", 300), written(t, "harmless_fresh.txt", 390)...) {
		if both(text) != 0 {
			h, _ := set.Scan(&sc, unescape(text), All, Query)
			t.Errorf("%s finds %q", id(h), text)
		}
	}
	for _, text := range written(t, "doubtful.txt", 40) {
		if both(text) == 0 {
			t.Errorf("%q passes by now: it belongs into harmless.txt", text)
		}
	}
}

func attacks(t *testing.T) []string {
	t.Helper()
	return append(written(t, "attacks.txt", 180), written(t, "attacks_fresh.txt", 520)...)
}

// disguises are the ways in which an attack is written so that only a decoder sees it.
func disguises() map[string]func(string) string {
	each := func(f func(c byte) string) func(string) string {
		return func(s string) string {
			var out strings.Builder
			for i := 0; i < len(s); i++ {
				out.WriteString(f(s[i]))
			}
			return out.String()
		}
	}
	const hexes = "0123456789abcdef"
	percent := each(func(c byte) string { return "%" + string(hexes[c>>4]) + string(hexes[c&15]) })
	wide := func(c byte) string {
		if c > ' ' && c < 0x7f {
			return string(rune(c) - '!' + 0xff01)
		}
		return string(rune(c))
	}
	return map[string]func(string) string{
		"capitals":       strings.ToUpper,
		"mixed case":     mixed,
		"percent":        percent,
		"percent twice":  func(s string) string { return percent(percent(s)) },
		"percent thrice": func(s string) string { return strings.ReplaceAll(percent(percent(s)), "%", "%25") },
		"%u":             each(func(c byte) string { return "%u00" + string(hexes[c>>4]) + string(hexes[c&15]) }),
		`\u`:             each(func(c byte) string { return `\u00` + string(hexes[c>>4]) + string(hexes[c&15]) }),
		`\x`:             each(func(c byte) string { return `\x` + string(hexes[c>>4]) + string(hexes[c&15]) }),
		"entities":       each(func(c byte) string { return "&#x" + string(hexes[c>>4]) + string(hexes[c&15]) + ";" }),
		"fullwidth":      each(wide),
		"zero width":     func(s string) string { return strings.Join(strings.Split(s, ""), "\u200b") },
		"base64":         base64Of,
		"base64 behind":  func(s string) string { return "data=" + base64Of(s) },
	}
}

func mixed(s string) string {
	b := []byte(s)
	for i := range b {
		if i%2 == 0 && b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// TestDisguises: what is found bare is found in each disguise, in ASCII and where upper case means the same.
func TestDisguises(t *testing.T) {
	set := Default()
	var sc Scratch
	ran, attacks := 0, attacks(t)
	for _, r := range Rules() {
		if r.Only == 0 {
			attacks = append(attacks, r.Hits...)
		}
	}
	passed := map[string]int{}
	for _, attack := range attacks {
		if bytes.IndexFunc(unescape(attack), func(r rune) bool { return r >= 0x80 }) >= 0 || strings.Contains(attack, "\x00") || len(attack) < 9 {
			continue // those are disguised already, or too short for base64
		}
		for name, disguise := range disguises() {
			ran++
			plain := attack
			if !strings.HasPrefix(name, "base64") {
				plain = string(unescape(attack))
			}
			if _, hit := set.Scan(&sc, []byte(disguise(plain)), All, Field); !hit {
				passed[name]++
				t.Logf("%s: %q passes", name, attack)
			}
		}
	}
	for name, n := range passed {
		t.Errorf("%s: %d pass", name, n)
	}
	if ran < 9000 {
		t.Errorf("only %d texts", ran)
	}
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
