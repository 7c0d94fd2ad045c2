package upstream

import (
	"bytes"
	"encoding/binary"
)

// tokenByte says which bytes a field name may have (RFC 9110, 5.6.2).
var tokenByte = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// FieldText reports whether b is what a field's value may be: tabs, and everything from space up but DEL (RFC 9110, 5.5).
func FieldText(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		del := w ^ 0x7f*ones
		if ((w-' '*ones)&^w|(del-ones)&^del)&highs != 0 && !fieldText(b[:8]) {
			return false
		}
	}
	return fieldText(b)
}

// fieldText is FieldText byte by byte: eight together cannot tell a tab.
func fieldText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// is reports whether b is the lower-case ASCII word, in any case.
func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range b {
		if lower(b[i]) != word[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// hasToken reports whether the comma-separated list v holds the lower-case word.
func hasToken(v []byte, word string) bool {
	for len(v) > 0 {
		var t []byte
		t, v, _ = bytes.Cut(v, comma)
		if is(bytes.Trim(t, " \t"), word) {
			return true
		}
	}
	return false
}

// hasTokenBytes is hasToken for a word in any case.
func hasTokenBytes(v, word []byte) bool {
	for len(v) > 0 {
		var t []byte
		t, v, _ = bytes.Cut(v, comma)
		if bytes.EqualFold(bytes.Trim(t, " \t"), word) {
			return true
		}
	}
	return false
}

var comma = []byte{','}

// parseDecimal reads digits and nothing else, to at most 18 of them.
func parseDecimal(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
