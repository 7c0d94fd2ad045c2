package detect

import "unicode/utf8"

// appendRune folds what begins b, a byte that is not ASCII: overlong UTF-8 to what it stands for, look-alikes to ASCII,
// invisible characters to nothing. n is how many bytes were folded; negative, how many stay as they are and were appended.
func appendRune(dst, b []byte) (out []byte, n int) {
	if c, n := overlong(b); n > 0 {
		return append(dst, c), n
	}
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size == 1 {
		if b[0] == 0xbc || b[0] == 0xbe { // US-ASCII read with its top bit: < and >
			return append(dst, b[0]&0x7f), 1
		}
		return append(dst, b[0]), -1
	}
	switch c := fold(r); {
	case c == 0:
		return dst, size
	case c > 0:
		return append(dst, byte(c)), size
	}
	return append(dst, b[:size]...), -size
}

// overlong reads an ASCII character in 2 to 6 bytes, also with a second byte that is no continuation, as old IIS did.
func overlong(b []byte) (byte, int) {
	size := 0
	switch c := b[0]; {
	case c == 0xc0 || c == 0xc1:
		if len(b) < 2 {
			return 0, 0
		}
		if c == 0xc1 && b[1] == 0xaf { // meant for /, in every list of them
			return '/', 2
		}
		return (c&1)<<6 | b[1]&0x3f, 2
	case c == 0xe0:
		size = 3
	case c == 0xf0:
		size = 4
	case c == 0xf8:
		size = 5
	case c == 0xfc:
		size = 6
	}
	if size == 0 || len(b) < size {
		return 0, 0
	}
	for _, c := range b[1 : size-2] {
		if c != 0x80 {
			return 0, 0
		}
	}
	hi, lo := b[size-2], b[size-1]
	if hi != 0x80 && hi != 0x81 || lo&0xc0 != 0x80 {
		return 0, 0
	}
	return (hi&1)<<6 | lo&0x3f, size
}

// lookalikes maps characters that some normalization (NFKC, best fit, a careless font) makes ASCII.
var lookalikes = map[rune]byte{
	0x2018: '\'', 0x2019: '\'', 0x201b: '\'', 0x2032: '\'', 0x02b9: '\'', 0x02bc: '\'', 0x02c8: '\'', 0x055a: '\'', 0x201c: '"', 0x201d: '"', 0x2033: '"', 0x02ba: '"',
	0x2039: '<', 0x203a: '>', 0x3008: '<', 0x3009: '>', 0x2329: '<', 0x232a: '>', 0xfe64: '<', 0xfe65: '>', 0x02c2: '<', 0x02c3: '>', 0x226e: '<', 0x226f: '>',
	0x2044: '/', 0x2215: '/', 0x29f8: '/', 0x2571: '/', 0x2216: '\\', 0xfe68: '\\', 0x29f5: '\\', 0x29f9: '\\',
	0x2024: '.', 0x3002: '.', 0xff61: '.', 0xfe52: '.', 0x2025: '.', 0x2026: '.', 0xfe55: ':', 0x2236: ':', 0xa789: ':', 0xfe54: ';', 0x037e: ';',
	0x207d: '(', 0x207e: ')', 0x208d: '(', 0x208e: ')', 0x2768: '(', 0x2769: ')', 0xfe59: '(', 0xfe5a: ')', 0x2212: '-', 0xfe63: '-', 0xfe66: '=', 0x207c: '=',
	0x00a0: ' ', 0x2028: '\n', 0x2029: '\n', 0x0085: '\n', 0x3000: ' ', 0x1680: ' ', 0x180e: ' ', 0x202f: ' ', 0x205f: ' ',
	0x560d: '\r', 0x560a: '\n', 0x563c: '<', 0x563e: '>', // a rune cut to its low byte
	0xefc8: '/', // %uEFC8, best fit of IIS
	0x0430: 'a', 0x0435: 'e', 0x043e: 'o', 0x0440: 'p', 0x0441: 'c', 0x0445: 'x', 0x0443: 'y', 0x0456: 'i', 0x0455: 's', 0x0458: 'j', 0x0501: 'd', 0x04bb: 'h',
	0x0410: 'a', 0x0415: 'e', 0x041e: 'o', 0x0420: 'p', 0x0421: 'c', 0x0425: 'x', 0x0406: 'i', 0x0405: 's', 0x03bf: 'o', 0x03b1: 'a', 0x017f: 's', 0x212a: 'k', 0x0131: 'i',
}

// fold returns the ASCII that r looks like, 0 for what shows nothing, or -1.
func fold(r rune) int {
	switch {
	case r >= 0xff01 && r <= 0xff5e: // fullwidth forms
		return int(r - 0xff01 + '!')
	case r >= 0x24b6 && r <= 0x24cf: // circled letters
		return int(r - 0x24b6 + 'a')
	case r >= 0x24d0 && r <= 0x24e9:
		return int(r - 0x24d0 + 'a')
	case r >= 0x2460 && r <= 0x2468:
		return int(r - 0x2460 + '1')
	case r >= 0x1d400 && r <= 0x1d6a3: // mathematical letters, 26 capital and 26 small in turn
		return int((r-0x1d400)%26 + 'a')
	case r >= 0x2000 && r <= 0x200a:
		return ' '
	case Invisible(r):
		return 0
	}
	if c, ok := lookalikes[r]; ok {
		return int(c)
	}
	return -1
}

// Invisible reports whether r shows nothing, or only turns the direction of what follows: zero-width characters,
// bidirectional controls, variation selectors of the tag plane, and the tags themselves (Unicode 16, 23.2 to 23.9).
func Invisible(r rune) bool {
	switch {
	case r == 0x00ad, r == 0x034f, r == 0x061c, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x3164, r == 0xfeff, r == 0xffa0:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r >= 0xfff0 && r <= 0xfff8, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

// Fold folds look-alikes in s to ASCII and drops what shows nothing; changed reports whether there was any.
func Fold(s string) (folded string, changed bool) {
	out, changed := appendDecoded(nil, []byte(s))
	return string(out), changed
}
