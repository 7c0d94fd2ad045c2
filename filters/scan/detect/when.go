package detect

import "bytes"

// The functions of this file are cheap looks that spare prose the patterns: each passes everything that its rules could hit,
// which the fuzz target FuzzFastAgainstSlow holds them to.

// afterQuote reports whether a quote is followed, behind blanks and brackets, by an operator, another quote, a
// comment or a keyword of SQL: in prose a letter or the end of the sentence follows.
func afterQuote(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\'', '"', '`', 0xc2: // ´ is c2 b4
		default:
			continue
		}
		from := i + 1
		if text[i] == 0xc2 {
			from++
		}
		for from < len(text) && (isBlank(text[from]) || text[from] == ')') && text[from] != 0 {
			from++
		}
		if from >= len(text) {
			return false
		}
		if follow := text[from]; follow == '.' || follow == ',' {
			for from < len(text) && (text[from] == '.' || text[from] == ',') {
				from++
			}
			if from < len(text) && (text[from] == '(' || text[from] == '\'' || text[from] == '"') {
				return true
			}
		} else if !isAlnum(follow) && follow < 0x80 || sqlWord(text[from:]) {
			return true
		}
	}
	return false
}

// sqlWord reports whether b begins with a word that goes on a condition or a query.
func sqlWord(b []byte) bool {
	n := 0
	for n < len(b) && b[n] >= 'a' && b[n] <= 'z' {
		n++
	}
	switch string(b[:n]) {
	case "or", "and", "xor", "mod", "div", "is", "not", "like", "rlike", "regexp", "between", "having", "where", "limit", "order", "group", "procedure", "sounds", "in", "for", "union":
		return true
	}
	return false
}

// condition reports whether a word that joins conditions is followed by what could be compared: a number, a string, a
// literal, a call.
func condition(text []byte) bool {
	leading := 0
	for leading < len(text) && (isBlank(text[leading]) || text[leading] == '(') {
		leading++
	}
	for i := 0; i < len(text); {
		if c := text[i]; (c == '|' || c == '&') && i+1 < len(text) && text[i+1] == c {
			if comparable(text[i+2:]) {
				return true
			}
			i += 2
			continue
		} else if !isLetter(c) && c != '_' {
			i++
			continue
		}
		from := i
		for i < len(text) && isLetter(text[i]) {
			i++
		}
		if i == from { // an underscore
			i++
			continue
		}
		if from > 0 && text[from-1] == '_' || i < len(text) && text[i] == '_' {
			continue
		}
		switch string(text[from:i]) {
		case "or", "and", "xor":
			if from > 0 && text[from-1] >= '0' && text[from-1] <= '9' || from <= leading {
				return true
			}
			if comparable(text[i:]) {
				return true
			}
		case "having", "where", "when", "not", "if":
			if comparable(text[i:]) {
				return true
			}
		}
	}
	return false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }

// comparable reports whether b begins, behind blanks, brackets and signs, with a number, a string, a literal or a call.
func comparable(b []byte) bool {
	i := 0
	for i < len(b) && (isBlank(b[i]) || b[i] == '(' || b[i] == '!' || b[i] == '~' || b[i] == '+' || b[i] == '-') {
		i++
	}
	if i == len(b) {
		return false
	}
	if c := b[i]; c >= '0' && c <= '9' || c == '\'' || c == '"' {
		return true
	}
	n := i
	for n < len(b) && (isAlnum(b[n]) || b[n] == '_') {
		n++
	}
	switch string(b[i:n]) {
	case "true", "false", "null":
		return true
	}
	if n < len(b) && b[n] == ' ' {
		n++
	}
	return n > i && n < len(b) && b[n] == '('
}

// grammatical reports whether l has what libinjection's fingerprints need: a comparison, a comment, a condition, a quote
// that something other than prose follows, or a statement.
func grammatical(l *look) bool {
	if l.statement || l.bytes&tellingBytes != 0 && bytes.ContainsAny(l.text, telling) {
		return true
	}
	if l.bytes&joiningBytes != 0 {
		for i, c := range l.text {
			if bitOf[c]&joiningBytes != 0 && i+1 < len(l.text) && joined(c, l.text[i+1]) {
				return true
			}
		}
	}
	return l.afterQuote() || l.condition() || bytes.Contains(l.text, doubleColon)
}

var doubleColon = []byte("::")

// joined reports whether c, an operator or a bracket, and what follows it are more than punctuation.
func joined(c, next byte) bool {
	if c == '(' {
		return next == '(' || next == '\'' || next >= '0' && next <= '9'
	}
	return next == c || next == '*' || next == '(' || next == '\'' || next == '"'
}

// stacked reports whether a semicolon is followed by a word that begins a statement.
func stacked(l *look) bool {
	text := l.text
	for i := 0; i < len(text); i++ {
		if text[i] != ';' {
			continue
		}
		n := i + 1
		for n < len(text) && isBlank(text[n]) {
			n++
		}
		from := n
		for n < len(text) && isLetter(text[n]) {
			n++
		}
		if bytes.HasPrefix(text[from:n], []byte("exec")) { // execxp_cmdshell
			return true
		}
		switch string(text[from:n]) {
		case "select", "insert", "update", "delete", "drop", "alter", "create", "declare", "shutdown", "truncate", "grant", "waitfor",
			"if", "begin", "copy", "return", "merge", "end", "iif":
			return true
		}
		i = max(i, from-1)
	}
	return false
}

// batch reports whether one of the words of a Windows batch is in text.
func batch(l *look) bool {
	text := l.text
	return bytes.Contains(text, []byte("if")) || bytes.Contains(text, []byte("for "))
}
