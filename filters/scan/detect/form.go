package detect

import (
	"bytes"
	"slices"
)

// appendForm appends text, in lower case, in form f to dst, and reports whether the form is worth a look: Plain always
// is, the others where they differ from it.
func appendForm(dst, text []byte, f Form) ([]byte, bool) {
	switch f {
	case Plain:
		dst, _ = appendPlain(dst, text)
		return dst, true
	case Spaced:
		return appendSpaced(dst, text)
	case Squeezed:
		return appendSqueezed(dst, text)
	default:
		return appendUnquoted(dst, text)
	}
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0xa0 || c == 0 }

// appendSpaced makes one blank of every run of blanks and SQL comments. The content of /*! */ stays: MySQL runs it.
func appendSpaced(dst, text []byte) ([]byte, bool) {
	differs, space := false, false
	stop, line := -1, -1 // the next end of a comment and of a line, once looked for
	for i := 0; i < len(text); i++ {
		c := text[i]
		n := 0
		switch {
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			stop = nextAfter(text, commentEnd, i+2, stop)
			n = commentLen(text[i:], stop-i)
		case c == '*' && i+1 < len(text) && text[i+1] == '/':
			n = 2
		case c == '-' && i+1 < len(text) && text[i+1] == '-', c == '#':
			if line = nextAfter(text, newline, i+1, line); line-i < lineMax && line < len(text) {
				n = line - i + 1
			}
		case isBlank(c):
			if c == ' ' && !space {
				dst, space = append(dst, ' '), true
				continue
			}
			n = 1
		}
		if n == 0 {
			dst, space = append(dst, lower[c]), false
			continue
		}
		differs = true
		if !space {
			dst, space = append(dst, ' '), true
		}
		i += n - 1
	}
	return dst, differs
}

// Bounds on comments: what is longer hides nothing.
const (
	lineMax    = 64
	commentMax = 256
)

var (
	commentEnd = []byte("*/")
	newline    = []byte("\n")
)

// nextAfter is where what comes next in text at or after from, or len(text); known is an earlier answer, so that a text is
// looked through once.
func nextAfter(text, what []byte, from, known int) int {
	if known >= from {
		return known
	}
	if from >= len(text) {
		return len(text)
	}
	if i := bytes.Index(text[from:], what); i >= 0 {
		return from + i
	}
	return len(text)
}

// commentLen is how much of b, which begins with /*, is comment; stop is where the next */ begins.
func commentLen(b []byte, stop int) int {
	if len(b) > 2 && (b[2] == '!' || b[2] == '+') {
		n := 3
		for n < len(b) && n < 9 && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		return n
	}
	if stop < commentMax && stop < len(b) {
		return stop + 2
	}
	return 2
}

// appendSqueezed leaves out blanks, control bytes and comments. Without one of :(<= no rule of this form can hit.
func appendSqueezed(dst, text []byte) ([]byte, bool) {
	var seen byteSet
	stop, n := -1, len(dst)
	dst = slices.Grow(dst, len(text))
	out := dst[n : n+len(text)]
	n = 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		b := bitOf[c]
		if b&hiddenBytes == 0 {
			seen |= b
			out[n] = lower[c]
			n++
			continue
		}
		switch {
		case c <= ' ' || c == 0x7f || c == 0xa0:
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			stop = nextAfter(text, commentEnd, i+2, stop)
			i += commentLen(text[i:], stop-i) - 1
		case c == '\\' && i+1 < len(text) && !isHex(text[i+1]):
		case c == '?' && i+1 < len(text) && text[i+1] == '.': // optional chaining: a?.b is a.b, a?.(b) is a(b)
			if i+2 < len(text) && (text[i+2] == '(' || text[i+2] == '[' || text[i+2] == '`') {
				i++
			}
		default:
			out[n] = c
			n++
		}
	}
	return dst[:len(dst)+n], n < len(text) && seen&squeezeBytes != 0
}

// appendUnquoted leaves out what a shell does: quotes, backslashes, carets, $@ and empty expansions; ${IFS} is a blank.
func appendUnquoted(dst, text []byte) ([]byte, bool) {
	n := len(dst)
	dst = slices.Grow(dst, len(text))
	out := dst[n : n+len(text)]
	n = 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if bitOf[c]&quotingBytes == 0 || c == '`' && (i == 0 || !isAlnum(text[i-1]) && text[i-1] != '`') {
			out[n] = lower[c]
			n++
			continue
		}
		if c != '$' {
			continue
		}
		length, becomes := expansionLen(text[i:])
		if length == 0 {
			length, becomes = 1, "$"
		}
		n += copy(out[n:], becomes)
		i += length - 1
	}
	return dst[:len(dst)+n], n < len(text)
}

// expansionLen is the length of a shell expansion that is used to hide words, and what it becomes.
func expansionLen(b []byte) (int, string) {
	for _, e := range [...]struct{ in, out string }{
		{"${IFS}", " "}, {"${ifs}", " "}, {"$IFS$9", " "}, {"$IFS", " "}, {"$ifs", " "}, {"$@", ""}, {"$*", ""}, {"$()", ""}, {"${HOME:0:1}", "/"}, {"${PATH:0:1}", "/"},
	} {
		if len(b) >= len(e.in) && string(b[:len(e.in)]) == e.in {
			return len(e.in), e.out
		}
	}
	return 0, ""
}
