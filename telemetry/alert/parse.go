package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// defaultWindow is the time over which a rate or a quantile is taken when none is given.
const defaultWindow = time.Minute

// parser is a recursive descent over tokens.
type parser struct {
	src   Source
	rest  string
	token string // the one to be read next; empty at the end
	depth int
}

// next reads a token: a word (name, number with unit), a quoted string, or a sign.
func (p *parser) next() {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		p.token = ""
		return
	}
	end := 1
	switch c := p.rest[0]; {
	case isWord(rune(c)):
		for end < len(p.rest) && (isWord(rune(p.rest[end])) || p.rest[end] == '%') {
			end++
		}
	case c == '"':
		if close := strings.IndexByte(p.rest[1:], '"'); close >= 0 {
			end = close + 2
		}
	case strings.ContainsRune("<>=!", rune(c)) && len(p.rest) > 1 && p.rest[1] == '=':
		end = 2
	}
	p.token, p.rest = p.rest[:end], p.rest[end:]
}

func isWord(c rune) bool {
	return c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' || c == '.' || c == ':')
}

// level parses left-associative operators.
func (p *parser) level(operand func() (node, error), truths bool, ops ...string) (node, error) {
	left, err := operand()
	for err == nil && slices.Contains(ops, p.token) {
		op := p.token
		p.next()
		var right node
		if right, err = operand(); err != nil {
			break
		}
		if isTruth(left) != truths || isTruth(right) != truths {
			kind := "a number"
			if truths {
				kind = "a condition"
			}
			return nil, fmt.Errorf("want %s on both sides of %s", kind, op)
		}
		if s, ok := left.(*Selector); ok && p.src.Share(s) && !truths {
			if n, ok := right.(constant); ok && n > 1 && slices.Contains([]string{">", ">=", "=="}, op) {
				return nil, fmt.Errorf("%s is a share and never over 1: want one such as 5%%; got %v", s.Name, float64(n))
			}
		}
		left = &binary{op, left, right}
	}
	return left, err
}

func (p *parser) or() (node, error)  { return p.level(p.and, true, "or") }
func (p *parser) and() (node, error) { return p.level(p.comparison, true, "and") }
func (p *parser) comparison() (node, error) {
	return p.level(p.sum, false, ">", ">=", "<", "<=", "==", "!=")
}
func (p *parser) sum() (node, error)     { return p.level(p.product, false, "+", "-") }
func (p *parser) product() (node, error) { return p.level(p.unary, false, "*", "/") }

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	token := p.token
	switch {
	case token == "":
		return nil, fmt.Errorf("ends where a value is wanted")
	case token == "(":
		p.next()
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case token == "-":
		p.next()
		inner, err := p.unary()
		return &binary{"-", constant(0), inner}, err
	case token[0] >= '0' && token[0] <= '9' || token[0] == '.':
		n, ok := number(token)
		if !ok {
			return nil, fmt.Errorf("%q is not a number, share, time or size", token)
		}
		p.next()
		return constant(n), nil
	case !isWord(rune(token[0])):
		return nil, fmt.Errorf("unexpected %q", token)
	}
	p.next()
	if p.token == "(" {
		return p.call(token)
	}
	return p.selector("", token)
}

func (p *parser) expect(token string) error {
	if p.token != token {
		got := p.token
		if got == "" {
			got = "the end"
		}
		return fmt.Errorf("want %q; got %s", token, got)
	}
	p.next()
	return nil
}

// call parses rate(name{label="value"}[5m]).
func (p *parser) call(fn string) (node, error) {
	p.next()
	name := p.token
	if name == "" || !isWord(rune(name[0])) {
		return nil, fmt.Errorf("want a metric's name after %s(", fn)
	}
	p.next()
	s, err := p.selector(fn, name)
	if err != nil {
		return nil, err
	}
	return s, p.expect(")")
}

func (p *parser) selector(fn, name string) (node, error) {
	s := &Selector{Func: fn, Name: name, Match: map[string]string{}, Window: defaultWindow}
	if p.token == "{" {
		if err := p.labels(s); err != nil {
			return nil, err
		}
	}
	if p.token == "[" {
		p.next()
		d, err := time.ParseDuration(p.token)
		if err != nil || d < 10*time.Second || d > 24*time.Hour {
			return nil, fmt.Errorf("want a time from 10s to 24h in [ ]; got %q", p.token)
		}
		s.Window = d
		p.next()
		if err := p.expect("]"); err != nil {
			return nil, err
		}
	}
	return s, p.src.Check(s)
}

func (p *parser) labels(s *Selector) error {
	p.next()
	for p.token != "}" {
		label := p.token
		p.next()
		if err := p.expect("="); err != nil {
			return err
		}
		v := p.token
		if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
			return fmt.Errorf("want a label's value in quotes; got %q", v)
		}
		s.Match[label] = v[1 : len(v)-1]
		p.next()
		if p.token == "," {
			p.next()
		} else if p.token != "}" {
			return fmt.Errorf("want , or } between labels; got %q", p.token)
		}
	}
	p.next()
	return nil
}
