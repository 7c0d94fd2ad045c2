package engine

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape reads the escape at the begin of raw, whose first byte is a backslash, and its length (RFC 8259, 7). What a parsed
// Document holds is valid; engines' answers are not checked, so what is no escape stands for its second byte here, and half a
// surrogate pair for U+FFFD.
func Escape(raw []byte) (r rune, size int) {
	if len(raw) < 2 {
		return '\\', len(raw)
	}
	switch c := raw[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		if c >= utf8.RuneSelf {
			return '\\', 1
		}
		return rune(c), 2
	}
	u, ok := hex4(raw, 2)
	switch {
	case !ok:
		return 'u', 2
	case !utf16.IsSurrogate(u):
		return u, 6
	}
	if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
		if low, ok := hex4(raw, 8); ok {
			if pair := utf16.DecodeRune(u, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads four hex digits at i.
func hex4(b []byte, i int) (u rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		if !isHex(c) {
			return 0, false
		}
		u = u<<4 | rune(unhex(c))
	}
	return u, true
}

// Unescape appends the text that raw, the inside of a JSON string, stands for, to dst.
func Unescape(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		r, size := Escape(raw[i:])
		dst = append(dst, raw[:i]...)
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		raw = raw[i+size:]
	}
}

// unescapesTo reports whether raw decodes to want, without decoding it anywhere.
func unescapesTo(raw, want []byte) bool {
	for i := 0; i < len(raw); {
		var seq [utf8.UTFMax]byte
		part := seq[:0]
		if raw[i] == '\\' {
			r, n := Escape(raw[i:])
			part = utf8.AppendRune(part, r)
			i += n
		} else {
			part = append(part, raw[i])
			i++
		}
		if len(want) < len(part) || string(want[:len(part)]) != string(part) {
			return false
		}
		want = want[len(part):]
	}
	return len(want) == 0
}
