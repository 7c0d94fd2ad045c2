// Package alert turns conditions over metrics into alerts that fire and resolve, and tells webhooks. It knows where a
// value comes from only through Source, and sends nothing from the goroutine that evaluates.
package alert

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Selector names a value: a metric, the labels its series must have, and what is asked of it over which time.
type Selector struct {
	Func   string // rate, increase, avg, value or a quantile such as p99
	Name   string
	Match  map[string]string
	Window time.Duration
}

// Source knows values. NaN says that there is none, and nothing compares to it.
type Source interface {
	// Value is the selector's value now.
	Value(s Selector) float64
	// Check says why a selector can never have a value; nil when it can.
	Check(s *Selector) error
	// Share reports whether the selector's value is a share, so never over 1.
	Share(s *Selector) bool
}

// Expr is a condition such as: error_rate > 5% and rate(blaze_requests_total[1m]) > 1.
type Expr struct {
	text string
	root node
}

func (e *Expr) String() string { return e.text }

// Holds reports whether the condition is true now, and the value on its left.
func (e *Expr) Holds(src Source) (bool, float64) {
	v := e.root.eval(src)
	return v.holds, v.number
}

// value is a number, or a truth with the number that it is about.
type value struct {
	number float64
	holds  bool
	truth  bool
}

type node interface{ eval(src Source) value }

type constant float64

func (c constant) eval(Source) value { return value{number: float64(c)} }

func (s *Selector) eval(src Source) value { return value{number: src.Value(*s)} }

type binary struct {
	op          string
	left, right node
}

func (b *binary) eval(src Source) value {
	l, r := b.left.eval(src), b.right.eval(src)
	switch b.op {
	case "and":
		return value{truth: true, holds: l.holds && r.holds, number: l.number}
	case "or":
		if r.holds && !l.holds {
			return r
		}
		return value{truth: true, holds: l.holds || r.holds, number: l.number}
	case "+", "-", "*", "/":
		return value{number: calculate(b.op, l.number, r.number)}
	}
	return value{truth: true, holds: compare(b.op, l.number, r.number), number: l.number}
}

func calculate(op string, a, b float64) float64 {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

func compare(op string, a, b float64) bool {
	switch op {
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case "==":
		return a == b
	}
	return a != b && a == a && b == b
}

// isTruth tells conditions from numbers while parsing.
func isTruth(n node) bool {
	b, ok := n.(*binary)
	return ok && !slices.Contains([]string{"+", "-", "*", "/"}, b.op)
}

// Bounds of an expression.
const (
	maxLength = 1000
	maxDepth  = 50
)

// Parse reads a condition. Names are checked against src. The error says what is wrong and where.
func Parse(text string, src Source) (e *Expr, err error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("longer than %d bytes", maxLength)
	}
	p := &parser{src: src, rest: text}
	p.next()
	root, err := p.or()
	switch {
	case err != nil:
		return nil, err
	case p.token != "":
		return nil, fmt.Errorf("unexpected %q", p.token)
	case !isTruth(root):
		return nil, fmt.Errorf("not a condition: compare it with something, such as %s > 5", text)
	}
	return &Expr{text, root}, nil
}

// number reads 85, 5%, 250ms, 2m, 64MiB; shares are of one, times seconds, sizes bytes.
func number(s string) (float64, bool) {
	if f, err := strconv.ParseFloat(s, 64); err == nil && s[0] >= '0' && s[0] <= '9' && !math.IsInf(f, 0) {
		return f, true
	}
	if digits, ok := strings.CutSuffix(s, "%"); ok {
		f, err := strconv.ParseFloat(digits, 64)
		return f / 100, err == nil
	}
	for i, unit := range [...]string{"KiB", "MiB", "GiB"} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			f, err := strconv.ParseFloat(digits, 64)
			return f * float64(int64(1)<<(10*(i+1))), err == nil
		}
	}
	d, err := time.ParseDuration(s)
	return d.Seconds(), err == nil
}
