package auth

import (
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of the JSON in a token's header and claims, and in a key set; far over what issuers write.
const (
	maxDepth   = 16
	maxMembers = 4096
	maxNumber  = 64
)

// errJSON is the one answer to JSON that is not acceptable. Where and why is of no use to anybody but an attacker.
var errJSON = errors.New("not acceptable JSON")

// parseObject reads a JSON object (RFC 8259) as two parsers can only read it in one way: valid UTF-8, no duplicate
// members at any depth, no lone surrogates, nothing after it (RFC 8725 section 3.7, RFC 7519 section 4). Names are
// compared as they are, unlike encoding/json, which also takes "EXP" for exp.
// Values are nil, bool, float64, string, []any and map[string]any.
func parseObject(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) {
		return nil, errJSON
	}
	p := parser{in: text}
	p.space()
	v, ok := p.object(0)
	p.space()
	if !ok || p.at != len(p.in) {
		return nil, errJSON
	}
	return v, nil
}

type parser struct {
	in      []byte
	at      int
	members int // members and elements so far, bounded over the whole text
}

func (p *parser) space() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// take consumes c, if it is next.
func (p *parser) take(c byte) bool {
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) word(w string) bool {
	if len(p.in)-p.at < len(w) || string(p.in[p.at:p.at+len(w)]) != w {
		return false
	}
	p.at += len(w)
	return true
}

func (p *parser) value(depth int) (any, bool) {
	if p.at >= len(p.in) || depth > maxDepth {
		return nil, false
	}
	switch p.in[p.at] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.str()
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	}
	return p.number()
}

func (p *parser) object(depth int) (map[string]any, bool) {
	if !p.take('{') {
		return nil, false
	}
	m := map[string]any{}
	p.space()
	if p.take('}') {
		return m, true
	}
	for {
		p.space()
		name, ok := p.str()
		if _, twice := m[name]; !ok || twice {
			return nil, false
		}
		if p.space(); !p.take(':') {
			return nil, false
		}
		if m[name], ok = p.element(depth); !ok {
			return nil, false
		}
		if p.take('}') {
			return m, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

func (p *parser) array(depth int) ([]any, bool) {
	p.at++
	list := []any{}
	p.space()
	if p.take(']') {
		return list, true
	}
	for {
		v, ok := p.element(depth)
		if !ok {
			return nil, false
		}
		list = append(list, v)
		if p.take(']') {
			return list, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

// element reads a value with the blanks round it.
func (p *parser) element(depth int) (any, bool) {
	if p.members++; p.members > maxMembers {
		return nil, false
	}
	p.space()
	v, ok := p.value(depth + 1)
	p.space()
	return v, ok
}

func (p *parser) str() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	from := p.at
	for p.at < len(p.in) {
		switch c := p.in[p.at]; {
		case c == '"':
			p.at++
			return string(p.in[from : p.at-1]), true
		case c == '\\':
			return p.escaped(append([]byte(nil), p.in[from:p.at]...))
		case c < ' ':
			return "", false
		}
		p.at++
	}
	return "", false
}

// escaped reads on from the first backslash of a string, the rest of which is in out.
func (p *parser) escaped(out []byte) (string, bool) {
	for p.at < len(p.in) {
		c := p.in[p.at]
		p.at++
		switch {
		case c == '"':
			return string(out), true
		case c < ' ':
			return "", false
		case c != '\\':
			out = append(out, c)
			continue
		}
		r, ok := p.escape()
		if !ok {
			return "", false
		}
		out = utf8.AppendRune(out, r)
	}
	return "", false
}

func (p *parser) escape() (rune, bool) {
	if p.at >= len(p.in) {
		return 0, false
	}
	c := p.in[p.at]
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return p.unicode()
	}
	return 0, false
}

// unicode reads the four digits of \u, and the second escape of a surrogate pair.
func (p *parser) unicode() (rune, bool) {
	high, ok := p.hex4()
	if !ok || !utf16.IsSurrogate(high) {
		return high, ok
	}
	if !p.word(`\u`) {
		return 0, false
	}
	low, ok := p.hex4()
	r := utf16.DecodeRune(high, low)
	return r, ok && r != utf8.RuneError
}

func (p *parser) hex4() (rune, bool) {
	if len(p.in)-p.at < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.in[p.at:p.at+4]), 16, 16)
	p.at += 4
	return rune(n), err == nil
}

// number reads -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
func (p *parser) number() (float64, bool) {
	from := p.at
	p.take('-')
	if !p.take('0') && !p.digits() {
		return 0, false
	}
	if p.take('.') && !p.digits() {
		return 0, false
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return 0, false
		}
	}
	if p.at-from > maxNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(p.in[from:p.at]), 64)
	return f, err == nil
}

func (p *parser) digits() bool {
	from := p.at
	for p.at < len(p.in) && p.in[p.at] >= '0' && p.in[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}
