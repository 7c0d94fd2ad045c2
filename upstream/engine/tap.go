package engine

// tap reads one JSON value byte by byte, split anywhere, and notes in frame what an answer says of usage, output, end
// and failure. It keeps the kinds of the open containers and the current key, nothing else.
type tap struct {
	frame   saying
	begun   bool // a byte of the value was seen
	mute    bool // what came is not JSON, in an answer that need not be
	state   tapState
	escaped bool // the next byte of the string belongs to an escape
	isKey   bool // the string being read is a key
	depth   int
	stack   [tapDepth]place
	arrays  [tapDepth]bool
	key     [tapKey]byte
	keyLen  int
	val     [tapKey]byte // the first bytes of a string or literal
	valLen  int          // the length of the string or literal, beyond what val holds too
}

const (
	tapDepth = 64
	tapKey   = 32
)

type tapState uint8

const (
	wantValue tapState = iota // or the end of an empty array
	wantKey                   // or the end of an object
	wantColon
	wantComma
	inString
	inLiteral
	atEnd // a whole value was read
	broke
)

func (t *tap) reset(f Framing) {
	t.frame = saying{framing: f}
	t.begun, t.state, t.escaped, t.depth, t.keyLen, t.valLen = false, wantValue, false, 0, 0, 0
}

// complete reports whether the value was read to its end and nothing came after it.
func (t *tap) complete() bool {
	return t.state == atEnd || t.state == inLiteral && t.depth == 0
}

func (t *tap) feed(p []byte) {
	for i := 0; i < len(p) && !t.mute && t.state != broke; i++ {
		switch t.state {
		case inString:
			if i = t.string(p, i); i < len(p) {
				t.stringByte(p[i])
			}
			continue
		case inLiteral:
			if i = t.literal(p, i); i == len(p) {
				return
			}
			t.scalar(false)
		}
		switch c := p[i]; {
		case c > ' ':
			if !t.begun {
				t.begun = true
				t.mute = t.frame.framing == Whole && c != '{' && c != '['
			}
			t.token(c)
		case c != ' ' && c != '\n' && c != '\r' && c != '\t':
			t.state = broke
		}
	}
}

// string skips what a string holds, and returns the position of a byte that matters.
func (t *tap) string(p []byte, i int) int {
	if t.escaped {
		return i
	}
	end, _ := plainRun(p, i)
	if t.valLen < tapKey {
		copy(t.val[t.valLen:], p[i:end])
	}
	t.valLen += end - i
	return end
}

// literal reads a number or word on, and returns the position of the byte that ends it.
func (t *tap) literal(p []byte, i int) int {
	for ; i < len(p) && p[i] > ' ' && p[i] != ',' && p[i] != '}' && p[i] != ']'; i++ {
		t.keep(p[i])
	}
	return i
}

func (t *tap) stringByte(c byte) {
	switch {
	case t.escaped:
		t.escaped = false
		t.keep(c)
	case c == '\\':
		t.escaped = true
		t.keep(c)
	case c != '"':
		t.state = broke // a control byte
	case t.isKey:
		t.keyLen, t.state = copy(t.key[:], t.val[:min(t.valLen, tapKey)]), wantColon
		if t.valLen > tapKey {
			t.keyLen = 0
		}
	default:
		t.scalar(true)
	}
}

func (t *tap) keep(c byte) {
	if t.valLen < tapKey {
		t.val[t.valLen] = c
	}
	t.valLen++
}

// token takes a byte outside of strings and literals.
func (t *tap) token(c byte) {
	switch {
	case (c == '}' || c == ']') && t.closes(c):
		t.depth--
		t.after()
	case t.state == wantKey && c == '"':
		t.isKey, t.state, t.valLen = true, inString, 0
	case t.state == wantColon && c == ':':
		t.state = wantValue
	case t.state == wantComma && c == ',':
		t.state, t.keyLen = wantValue, 0
		if !t.inArray() {
			t.state = wantKey
		}
	case t.state != wantValue:
		t.state = broke
	case c == '{' || c == '[':
		t.open(c)
	case c == '"':
		t.isKey, t.state, t.valLen = false, inString, 0
	default:
		t.state, t.valLen = inLiteral, 0
		t.keep(c)
	}
}

// closes reports whether the bracket c may come here. A comma before it is let pass: the meter is no judge of JSON.
func (t *tap) closes(c byte) bool {
	if t.depth == 0 || t.depth <= tapDepth && t.inArray() != (c == ']') {
		return false
	}
	return t.state == wantComma || t.state == wantKey || t.state == wantValue && c == ']'
}

func (t *tap) inArray() bool { return t.depth > 0 && t.depth <= tapDepth && t.arrays[t.depth-1] }

func (t *tap) open(c byte) {
	where := nowhere
	switch {
	case t.depth == 0:
		where = atTop
	case t.depth <= tapDepth && t.inArray():
		where = t.stack[t.depth-1]
	case t.depth <= tapDepth:
		where = t.frame.enter(t.stack[t.depth-1], t.key[:t.keyLen])
	}
	if t.depth >= tapDepth {
		t.state = broke
		return
	}
	t.stack[t.depth], t.arrays[t.depth] = where, c == '['
	t.depth++
	t.keyLen = 0
	t.state = wantKey
	if c == '[' {
		t.state = wantValue
	}
}

// scalar accounts for the string or literal that has ended.
func (t *tap) scalar(str bool) {
	if t.depth > 0 && t.depth <= tapDepth {
		t.frame.scalar(t.stack[t.depth-1], t.key[:t.keyLen], t.val[:min(t.valLen, tapKey)], t.valLen, str)
	}
	t.after()
}

func (t *tap) after() {
	t.state = wantComma
	if t.depth == 0 {
		t.state = atEnd
	}
}
