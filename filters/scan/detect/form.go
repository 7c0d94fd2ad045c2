package detect

// appendForm appends text, in lower case, in form f to dst, and reports whether the form is worth a look: Plain always
// is, the others where they differ from it.
func appendForm(dst, text []byte, f Form) ([]byte, bool) {
	switch f {
	case Plain:
		for _, c := range text {
			dst = append(dst, lower[c])
		}
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
	for i := 0; i < len(text); i++ {
		c := text[i]
		n := 0
		switch {
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			n = commentLen(text[i:])
		case c == '*' && i+1 < len(text) && text[i+1] == '/':
			n = 2
		case (c == '-' && i+1 < len(text) && text[i+1] == '-' || c == '#') && lineEnds(text[i:]) > 0:
			n = lineEnds(text[i:])
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

// lineEnds is the length of an SQL line comment that a later line follows, or 0.
func lineEnds(b []byte) int {
	for i := 1; i < len(b) && i < 64; i++ {
		if b[i] == '\n' {
			return i + 1
		}
	}
	return 0
}

// commentLen is how much of b, which begins with /*, is comment.
func commentLen(b []byte) int {
	if len(b) > 2 && (b[2] == '!' || b[2] == '+') {
		n := 3
		for n < len(b) && n < 9 && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		return n
	}
	for i := 2; i+1 < len(b) && i < 256; i++ {
		if b[i] == '*' && b[i+1] == '/' {
			return i + 2
		}
	}
	return 2
}

// appendSqueezed leaves out blanks, control bytes and comments. Without one of :(<= no rule of this form can hit.
func appendSqueezed(dst, text []byte) ([]byte, bool) {
	worth, differs := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c <= ' ' || c == 0x7f || c == 0xa0:
			differs = true
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			differs = true
			i += commentLen(text[i:]) - 1
		case c == '\\' && i+1 < len(text) && !isHex(text[i+1]):
			differs = true
		case c == '?' && i+1 < len(text) && text[i+1] == '.': // optional chaining: a?.b is a.b, a?.(b) is a(b)
			differs = true
			if i+2 < len(text) && (text[i+2] == '(' || text[i+2] == '[' || text[i+2] == '`') {
				i++
			}
		default:
			if c == ':' || c == '(' || c == '<' || c == '=' {
				worth = true
			}
			dst = append(dst, lower[c])
		}
	}
	return dst, worth && differs
}

// appendUnquoted leaves out what a shell does: quotes, backslashes, carets, $@ and empty expansions; ${IFS} is a blank.
func appendUnquoted(dst, text []byte) ([]byte, bool) {
	differs := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'' || c == '"' || c == '\\' || c == '^' || c == '`' && i > 0 && (isAlnum(text[i-1]) || text[i-1] == '`'):
			differs = true
		case c == '$' && i+1 < len(text):
			n, out := expansionLen(text[i:])
			if n == 0 {
				dst = append(dst, c)
				continue
			}
			differs = true
			dst = append(dst, out...)
			i += n - 1
		default:
			dst = append(dst, lower[c])
		}
	}
	return dst, differs
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
