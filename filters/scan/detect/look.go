package detect

import "bytes"

// look is one form of a value on its way past the rules: what several of them ask about it is found out once.
type look struct {
	text  []byte
	bytes byteSet
	// statement is set when one of the words of statements is in text; the search for literals tells.
	statement bool

	asked, yes question
	steps      int // bytes that looks and judges went through
}

// question is one of the looks that several rules share.
type question uint8

const (
	asksQuote     question = 1 << iota // afterQuote
	asksCondition                      // condition
	asksSentence                       // sentence
)

func (l *look) once(q question, ask func([]byte) bool) bool {
	if l.asked&q == 0 {
		l.asked |= q
		l.steps += len(l.text)
		if ask(l.text) {
			l.yes |= q
		}
	}
	return l.yes&q != 0
}

func (l *look) afterQuote() bool { return l.bytes&quoteBytes != 0 && l.once(asksQuote, afterQuote) }
func (l *look) condition() bool {
	return l.bytes&conditionBytes != 0 && l.once(asksCondition, condition)
}
func (l *look) sentence() bool { return l.once(asksSentence, sentence) }

// byteSet says which bytes are in a text: a bit for each mark of ASCII's, one for all digits, letters, controls, and so on. What
// is not in the set is not in the text.
type byteSet uint64

// Bits that stand for many bytes.
const (
	letterBit byteSet = 1 << iota
	digitBit
	blankBit
	controlBit // 0 to 0x1f, and 0x7f
	highBit    // 0x80 and up
	doubleBit  // two blanks in a row
	firstMark  = iota
)

// bitOf is each byte's bit; capitals have that of letters.
var bitOf = func() (t [256]byteSet) {
	mark := firstMark
	for i := range t {
		switch c := byte(i); {
		case isAlnum(c) && c <= '9':
			t[i] = digitBit
		case isAlnum(c):
			t[i] = letterBit
		case c == ' ':
			t[i] = blankBit
		case c < ' ' || c == 0x7f:
			t[i] = controlBit
		case c >= 0x80:
			t[i] = highBit
		default:
			t[i] = 1 << mark
			mark++
		}
	}
	return t
}()

func setOf(chars string) (s byteSet) {
	for i := 0; i < len(chars); i++ {
		s |= bitOf[chars[i]]
	}
	return s
}

// telling are the marks of which one is enough for libinjection to be asked.
const telling = `=<>#@^~*\`

// Bytes without which a look or a form has nothing to see.
var (
	quoteBytes     = setOf("'\"`") | highBit
	tellingBytes   = setOf(telling)
	joiningBytes   = setOf("-/|&+(")
	conditionBytes = setOf("|&") | letterBit // of what joins conditions
	commentBytes   = setOf("/*-#") | controlBit | highBit | doubleBit
	squeezeBytes   = setOf(":(<=")
	hiddenBytes    = setOf("\\?/") | blankBit | controlBit | highBit
	quotingBytes   = setOf("'\"\\^`$")
	madeBytes      = setOf("/") | blankBit // what a form may have that the plain one has not
	commandBytes   = setOf(";|&`$><{%\\") | controlBit
)

// appendPlain appends text in lower case to dst, and says which bytes it has.
func appendPlain(dst, text []byte) ([]byte, byteSet) {
	n := len(dst)
	dst = append(dst, text...)
	var set byteSet
	last := byteSet(0)
	for i, c := range dst[n:] {
		b := bitOf[c]
		if b&last == blankBit {
			set |= doubleBit
		}
		set |= b
		last = b
		dst[n+i] = lower[c]
	}
	return dst, set
}

// worth reports whether form f of a text with these bytes can differ from the plain one, and hold what its rules look for.
func (s byteSet) worth(f Form) bool {
	switch f {
	case Spaced:
		return s&commentBytes != 0
	case Squeezed:
		return s&squeezeBytes != 0 && s&hiddenBytes != 0
	case Unquoted:
		return s&quotingBytes != 0
	}
	return true
}

// statements are words that begin a query or go on one; one of them is enough for libinjection to be asked.
var statements = [...]string{"select", "union", "insert", "having", "update", "delete", "drop", "exec", "like", "where", "load"}

func hasStatement(text []byte) bool {
	for _, word := range statements {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}
