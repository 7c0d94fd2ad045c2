package injection

import (
	"encoding/binary"
	"math/bits"
)

// What a byte is to the tokenizer.
const (
	gap  = iota // between words
	stop        // between words, and ends a sentence or a line
	odd         // begins a character that may be invisible; between words
	word        // part of a word
	wide        // begins a character of a script written without blanks, or with many endings: a word of its own
)

// classOf is the class of a byte. The bytes of longer UTF-8 sequences are parts of words, but for the leads of symbols
// and invisible characters (E2, F3) and those of Indic, Thai, Korean, Chinese and Japanese letters.
var classOf = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= 0xe0 && c <= 0xef && c != 0xe1:
			t[c] = wide
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x80:
			t[c] = word
		}
	}
	for _, c := range ".!?;\n\r|" {
		t[c] = stop
	}
	t[0xe2], t[0xf3] = odd, odd
	return t
}()

// Odd constants, for hashing by multiplication.
const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xd6e8feb86659fd93
	// number stands for every number: which one says nothing.
	number = 0x2545f4914f6cdd1d
	// lower sets bit 5 of every byte: lower case for ASCII, and for Latin-1 and most of Cyrillic and Greek too.
	lower = 0x2020202020202020
	// wordMax is how much of a word counts; no word of a language is longer.
	wordMax = 32
	// wordLen is the length of a word in thirds: a character of a script without blanks is one third.
	wordLen = 3
)

// tokens divides text into words. Text may be anything, UTF-8 or not.
type tokens struct {
	text []byte
	at   int
	from int    // where the last word began; it ended at at
	cut  bool   // a sentence, a line or the text began since the word before
	size int32  // of the last word, in thirds
	stem uint64 // the hash of its first eight bytes; 0 when it has no more
	odd  oddities
}

// next returns the hash of the next word; false at the end.
func (t *tokens) next() (uint64, bool) {
	text, i := t.text, t.at
	t.cut = i == 0
	var c uint8
	for ; i < len(text); i++ {
		if c = classOf[text[i]]; c >= word {
			break
		}
		if c == stop {
			t.cut = true
		} else if c == odd {
			i = t.odd.see(text, i)
		}
	}
	t.from, t.stem, t.size = i, 0, wordLen
	if i >= len(text) {
		t.at = len(text)
		return 0, false
	}
	if i+8 <= len(text) {
		if h := t.short(binary.LittleEndian.Uint64(text[i:])); h != 0 {
			return h, true
		}
	}
	first := text[i]
	if c == wide {
		t.at, t.size = min(i+3, len(text)), 1
		if first == 0xef {
			t.odd.wide(text, i)
		}
		return hash(text[i:t.at], 0), true
	}
	for i++; i < len(text) && classOf[text[i]] == word; i++ {
	}
	t.at = i
	return t.hash(text[t.from:i]), true
}

// short is the hash of a word of up to seven ASCII letters and digits, a letter first, which is most of them, from the
// eight bytes that it begins; 0 for any other. There is no loop in it to be predicted wrongly.
func (t *tokens) short(b uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	if b&highs != 0 || byte(b) <= '9' {
		return 0
	}
	folded := b | lower
	letter := (folded + (0x80-'a')*ones) &^ (folded + (0x7f-'z')*ones)
	digit := (b + (0x80-'0')*ones) &^ (b + (0x7f-'9')*ones)
	other := ^(letter | digit) & highs
	if other == 0 {
		return 0
	}
	n := bits.TrailingZeros64(other) / 8
	t.at = t.from + n
	h := uint64(n) * mixA
	h = (h ^ (b&(1<<(8*n)-1) | lower)) * mixB
	return h ^ h>>32
}

// hash is the hash of the word w, and sets its stem.
func (t *tokens) hash(w []byte) uint64 {
	switch first := w[0]; {
	case first <= '9' && digits(w):
		return number
	case first >= 0xe0:
		if first == 0xf0 {
			t.odd.styled(w)
		}
		return hash(w, 0)
	}
	if len(w) > 8 {
		t.stem = stemOf(w)
	}
	return hash(w, lower)
}

func digits(w []byte) bool {
	for _, c := range w {
		if c > '9' {
			return false
		}
	}
	return true
}

// stemOf is the hash of what a word of eight bytes and more begins with.
func stemOf(w []byte) uint64 {
	h := (binary.LittleEndian.Uint64(w)|lower)*mixA ^ mixB
	return h ^ h>>32
}

// hash is the hash of a word, with the bits of fold set in its bytes.
func hash(w []byte, fold uint64) uint64 {
	h := uint64(len(w)) * mixA
	w = w[:min(len(w), wordMax)]
	for len(w) >= 8 {
		h = (h ^ (binary.LittleEndian.Uint64(w) | fold)) * mixB
		h ^= h >> 32
		w = w[8:]
	}
	h = (h ^ (tail(w) | fold)) * mixB
	return h ^ h>>32
}

// tail is up to seven bytes as a number. What lies behind them is read along and cut off, where the text goes on.
func tail(w []byte) (v uint64) {
	n := len(w)
	if cap(w) >= 8 {
		return binary.LittleEndian.Uint64(w[:8]) & (1<<(8*n) - 1)
	}
	for i, c := range w {
		v |= uint64(c) << (8 * i)
	}
	return v
}

// join is the hash of words in a row, from that of the first ones.
func join(h, next uint64) uint64 { return (h*mixA ^ next) * mixB }
