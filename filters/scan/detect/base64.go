package detect

import (
	"encoding/base64"
	"unicode/utf8"
)

// Bounds on base64: shorter runs decode to words by chance; longer ones are pictures. A value that is base64 as a whole
// may be shorter.
const (
	minWhole  = 8
	minBase64 = 12
	inside    = 2 // how often what base64 decodes to is decoded
	maxBase64 = 16 << 10
)

// base64Value is 1 for the alphabets' letters and digits, 2 for + and /, 3 for - and _.
var base64Value = func() (t [256]uint8) {
	for i := range t {
		switch {
		case isAlnum(byte(i)):
			t[i] = 1
		case i == '+' || i == '/':
			t[i] = 2
		case i == '-' || i == '_':
			t[i] = 3
		}
	}
	return t
}()

// maybeBase64 reports whether b as a whole could be base64 of text.
func maybeBase64(b []byte) bool {
	if len(b) < minWhole || len(b) > maxBase64 {
		return false
	}
	for _, c := range b {
		if base64Value[c] == 0 && c != '=' {
			return false
		}
	}
	return true
}

// base64 judges what the base64 in text decodes to: the whole value, or what follows a comma, colon, blank or equals sign.
func (s *Set) base64(sc *Scratch, text []byte, w ruleSet) bool {
	for from := 0; from < len(text); {
		if base64Value[text[from]] == 0 {
			from++
			continue
		}
		to := from
		for to < len(text) && base64Value[text[to]] != 0 {
			to++
		}
		least := minBase64
		if from == 0 && (to == len(text) || text[to] == '=') {
			least = minWhole
		}
		if to-from >= least && to-from <= maxBase64 && s.decodedRun(sc, text[from:to], w) {
			return true
		}
		from = to
	}
	return false
}

// decodedRun judges what one run of base64 letters decodes to, if that is text.
func (s *Set) decodedRun(sc *Scratch, run []byte, w ruleSet) bool {
	enc, seen := base64.RawStdEncoding, [4]bool{}
	for _, c := range run {
		seen[base64Value[c]] = true
	}
	if seen[2] && seen[3] {
		return false
	}
	if seen[3] {
		enc = base64.RawURLEncoding
	}
	run = run[:len(run)-tail(len(run))]
	sc.steps += len(run)
	if n := enc.DecodedLen(len(run)); cap(sc.b64) < n {
		sc.b64 = make([]byte, n)
	}
	out := sc.b64[:cap(sc.b64)]
	n, err := enc.Decode(out, run)
	if err != nil || !isText(out[:n]) {
		return false
	}
	text := out[:n]
	for round := 0; ; round++ {
		if s.judge(sc, text, w) {
			return true
		}
		if round == inside || classes(text)&(marker|high|ctrl) == 0 {
			return false
		}
		sc.steps += len(text)
		plain, changed := appendDecoded(sc.inner[:0], text)
		sc.inner = plain
		if !changed {
			return false
		}
		sc.b64, sc.inner = sc.inner, sc.b64
		text = sc.b64
	}
}

// tail is how many letters at the end of a run of n decode to nothing.
func tail(n int) int {
	if n%4 == 1 {
		return 1
	}
	return 0
}

// isText reports whether b is printable UTF-8, or would be without a NUL that hides in it.
func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	nul := 0
	for _, c := range b {
		if c == 0 {
			nul++
		} else if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return nul <= 1
}
