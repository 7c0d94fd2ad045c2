package engine

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainRun returns the first position from i on that holds a quote, a backslash or a control byte, and whether every
// byte on the way there is ASCII. Most of a body is read here, so it goes by blocks where the machine can, then by words.
func plainRun(b []byte, i int) (end int, ascii bool) {
	if n := (len(b) - i) &^ (block - 1); blocks && n > 0 {
		at, high := plainBlocks(&b[i], n)
		if i += at; at < n || i == len(b) {
			return i, high == 0
		}
		end, ascii = plainWords(b, i)
		return end, ascii && high == 0
	}
	return plainWords(b, i)
}

// plainWords is plainRun, eight bytes at a time.
func plainWords(b []byte, i int) (end int, ascii bool) {
	var seen uint64
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		stop := ((quote - ones) &^ quote) | ((slash - ones) &^ slash) | ((w - ones*' ') &^ w)
		if stop &= highs; stop != 0 {
			// Borrows reach only upwards: the lowest mark is a true one.
			n := bits.TrailingZeros64(stop)
			return i + n/8, (seen|w&(1<<(n-7)-1))&highs == 0
		}
		seen |= w
	}
	for ; i < len(b); i++ {
		c := b[i]
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
		seen |= uint64(c)
	}
	return i, seen&highs == 0
}

// str reads the string whose first byte (behind the quote) is at off and returns the position of its closing quote.
func (d *Document) str(off int) (end int, escaped bool, err error) {
	b, i, ascii := d.Body, off, true
	for {
		var plain bool
		i, plain = plainRun(b, i)
		ascii = ascii && plain
		switch {
		case i == len(b):
			return i, escaped, broken(i, "JSON ends inside a string")
		case b[i] == '"':
			return i, escaped, d.checkString(off, i, ascii)
		case b[i] != '\\':
			return i, escaped, broken(i, "a control character in a string")
		}
		escaped = true
		if i, err = checkEscape(b, i); err != nil {
			return i, escaped, err
		}
	}
}

func (d *Document) checkString(off, end int, ascii bool) error {
	if end-off > d.limits.String {
		return beyond(off, "json.max_string: a string is too long")
	}
	if !ascii && !utf8.Valid(d.Body[off:end]) {
		return broken(off, "a string is not UTF-8")
	}
	return nil
}

// checkEscape judges the escape at i and returns what follows it. Surrogates have to come in pairs: alone, one parser
// drops them, another replaces them.
func checkEscape(b []byte, i int) (int, error) {
	if i+1 >= len(b) {
		return i, broken(i, "JSON ends inside a string")
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
	default:
		return i, broken(i, "an unknown escape in a string")
	}
	u, ok := hex4(b, i+2)
	if !ok {
		return i, broken(i, "a broken \\u escape in a string")
	}
	if u < 0xd800 || u > 0xdfff {
		return i + 6, nil
	}
	if u > 0xdbff || i+7 >= len(b) || b[i+6] != '\\' || b[i+7] != 'u' {
		return i, broken(i, "a lone surrogate in a string")
	}
	if low, ok := hex4(b, i+8); !ok || low < 0xdc00 || low > 0xdfff {
		return i, broken(i, "a lone surrogate in a string")
	}
	return i + 12, nil
}
