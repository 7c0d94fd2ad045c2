package injection

import "bytes"

// oddities counts characters that a reader does not see, or sees as others. What they hide is read by plain.
type oddities struct {
	tags, bidi, hidden, fancy int
	first                     int // where the first one is
}

func (o *oddities) any() bool { return o.tags|o.bidi|o.hidden|o.fancy != 0 }

func (o *oddities) note(n *int, at int) {
	if !o.any() {
		o.first = at
	}
	*n++
}

// blackFlag begins the flags of England, Scotland and Wales, which are spelled with tags.
var blackFlag = []byte("\U0001F3F4")

// see looks at the symbol or invisible character that begins at i with E2 or F3, and returns where its last byte is.
func (o *oddities) see(text []byte, i int) int {
	if text[i] == 0xf3 {
		end := min(i+3, len(text)-1)
		if end == i+3 && text[i+1] == 0xa0 && text[i+2] >= 0x80 && text[i+2] <= 0x87 {
			if !bytes.HasSuffix(text[:i], blackFlag) && !o.inFlag(text, i) {
				o.note(&o.tags, i)
			}
		}
		return end
	}
	if i+2 >= len(text) {
		return len(text) - 1
	}
	switch c := text[i+2]; {
	case text[i+1] == 0x80 && c == 0x8b, text[i+1] == 0x81 && c >= 0xa0 && c <= 0xa4:
		o.note(&o.hidden, i) // zero-width space, word joiner, invisible operators
	case text[i+1] == 0x80 && (c == 0xad || c == 0xae):
		o.note(&o.bidi, i) // overrides; marks and isolates belong to Arabic and Hebrew text
	}
	return i + 2
}

// inFlag reports whether the tag at i continues a flag: at most six tags stand between them.
func (o *oddities) inFlag(text []byte, i int) bool {
	for n := 0; n < 6 && i >= 4 && text[i-4] == 0xf3; n++ {
		if i -= 4; bytes.HasSuffix(text[:i], blackFlag) {
			return true
		}
	}
	return false
}

// wide looks at a character that begins with EF: full-width letters, and the byte order mark within a text.
func (o *oddities) wide(text []byte, i int) {
	if i+2 >= len(text) {
		return
	}
	switch b, c := text[i+1], text[i+2]; {
	case b == 0xbc && c >= 0xa1 && c <= 0xba, b == 0xbd && c >= 0x81 && c <= 0x9a:
		o.note(&o.fancy, i)
	case b == 0xbb && c == 0xbf && i > 0:
		o.note(&o.hidden, i)
	}
}

// styled looks at a word that begins with F0: letters of the mathematical alphabets (U+1D400 to U+1D7FF).
func (o *oddities) styled(w []byte) {
	for i := 0; i+3 < len(w); i += 4 {
		if w[i] == 0xf0 && w[i+1] == 0x9d && w[i+2] >= 0x90 && w[i+2] <= 0x9f {
			o.fancy++
		}
	}
}
