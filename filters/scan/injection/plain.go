package injection

import "unicode/utf8"

// plainMax bounds how much of a text is read a second time, in plain letters.
const plainMax = 32 << 10

// appendPlain appends text the way a model may well understand it: invisible characters gone, tags and letters of other
// alphabets that look like ASCII turned into it, letters that stand alone drawn together.
func appendPlain(dst, text []byte) []byte {
	base := len(dst)
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			dst = append(dst, text[i])
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		switch p := plainRune(r); p {
		case drop:
		case 0:
			dst = append(dst, text[i:i+n]...)
		default:
			dst = append(dst, p)
		}
		i += n
	}
	return dst[:base+unspace(dst[base:])]
}

// drop says that a character leaves nothing.
const drop = 0xff

// plainRune is the ASCII character that r stands for, drop for none at all, 0 for r itself.
func plainRune(r rune) (c byte) {
	switch {
	case r >= 0xe0020 && r <= 0xe007e: // tags
		return byte(r - 0xe0000)
	case r >= 0xe0100+16 && r <= 0xe01ef && r-0xe0100+16 < 0x7f: // variation selectors that carry bytes
		return byte(r - 0xe0100 + 16)
	case r >= 0xe0000 && r <= 0xe01ef, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff:
		return drop
	case r >= 0xff01 && r <= 0xff5e: // full width
		return byte(r - 0xff01 + '!')
	case r >= 0x1d400 && r < 0x1d6a4: // mathematical alphabets, of 52 letters each
		if r = (r - 0x1d400) % 52; r < 26 {
			return byte('A' + r)
		}
		return byte('a' + r - 26)
	case r >= 0x1d7ce && r <= 0x1d7ff:
		return byte('0' + (r-0x1d7ce)%10)
	}
	return 0
}

// spaced is how many letters in a row stand alone before they are taken for a word spelled out.
const spaced = 5

// unspace draws together letters that stand alone, "i g n o r e" or "i-g-n-o-r-e", in place, and returns the new length.
// Two blanks divide words.
func unspace(b []byte) int {
	out := 0
	for i := 0; i < len(b); {
		n := spell(b[i:])
		if n < 3 || i > 0 && isLetter(b[i-1]) {
			b[out] = b[i]
			out++
			i++
			continue
		}
		for k := 0; k < n; k += 2 {
			b[out] = b[i+k]
			out++
		}
		i += n
	}
	return out
}

// spell is the length of letters divided by one and the same byte that b begins with.
func spell(b []byte) int {
	if len(b) < 3 || !isLetter(b[0]) || isLetter(b[1]) || b[1] >= utf8.RuneSelf {
		return 0
	}
	n := 1
	for n+1 < len(b) && b[n] == b[1] && isLetter(b[n+1]) && (n+2 == len(b) || !isLetter(b[n+2])) {
		n += 2
	}
	return n
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
