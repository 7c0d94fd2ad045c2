package redact

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escape reads the escape at the begin of raw, whose first byte is a backslash, and its length. Engines' answers are not
// checked: what is no escape stands for its second byte, and half a surrogate pair for U+FFFD.
func escape(raw []byte) (r rune, size int) {
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
	u, ok := hex4(raw)
	switch {
	case !ok:
		return 'u', 2
	case !utf16.IsSurrogate(u):
		return u, 6
	}
	if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
		if low, ok := hex4(raw[6:]); ok {
			if pair := utf16.DecodeRune(u, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads the four digits of \uXXXX.
func hex4(raw []byte) (r rune, ok bool) {
	if len(raw) < 6 {
		return 0, false
	}
	for _, c := range raw[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// appendUnescaped appends the text that raw, the inside of a JSON string, stands for.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		r, size := escape(raw[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}
