package detect

import "bytes"

// The looks of rules that have a literal in what metadata, schemas and headers are full of: signs of percent, braces and
// brackets, versions, names with underscores.

// entityFirst reports whether a value begins as a parameter entity does.
func entityFirst(l *look) bool {
	text := bytes.TrimLeft(l.text, " \t\n\v\f\r")
	return len(text) > 1 && text[0] == '%' && isLetter(text[1])
}

// pathExpression reports whether an axis, a test of nodes, a function or an attribute of XPath may be there.
func pathExpression(l *look) bool {
	text := l.text
	for i, c := range text {
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case c == ':' && next == ':' && i > 3:
			switch string(text[i-4 : i]) { // of child, parent, ancestor, or-self, attribute, following, sibling, preceding
			case "hild", "rent", "stor", "dant", "self", "bute", "wing", "ling", "ding":
				return true
			}
		case c == '(' && (next == ')' || i > 2 && functionEnd(text[:i])), c == '[' && next == '@', c == '/' && next == '@':
			return true
		case c == '[' && bytes.Contains(text, []byte("//")):
			return true
		}
	}
	return false
}

// functionEnd reports whether text ends as a function of XPath's name does: count, doc, name, string-length.
func functionEnd(text []byte) bool {
	text = bytes.TrimRight(text, " ")
	for _, name := range [...]string{"count", "doc", "name", "length"} {
		if len(text) >= len(name) && string(text[len(text)-len(name):]) == name {
			return true
		}
	}
	return false
}

// chained reports whether something that separates two commands is there.
func chained(l *look) bool {
	return bytes.IndexByte(l.text, ';') >= 0 || bytes.IndexByte(l.text, '|') >= 0 || bytes.Contains(l.text, []byte("&&"))
}

// substituted reports whether an expansion or a substitution of a shell may be there, more than a brace.
func substituted(l *look) bool {
	text := l.text
	for i, c := range text {
		if i+1 == len(text) {
			break
		}
		switch next := text[i+1]; c {
		case '$':
			switch next {
			case '(', '{', '\'', '"', '\\', 's', 'b':
				return true
			}
		case '(':
			if next == ')' || i > 0 && (text[i-1] == '<' || text[i-1] == '>') {
				return true
			}
		case ',':
			if next == '-' || next == '/' {
				return true
			}
		case ';', '|', '&':
			n := i + 1
			for n < len(text) && isBlank(text[n]) {
				n++
			}
			if n < len(text) && text[n] == '{' {
				return true
			}
		}
	}
	return false
}

// interpreted reports whether more is there than the name of a shell or of a script interpreter: a folder of programs, a switch, a
// variable of Windows, or a program that runs others.
func interpreted(l *look) bool {
	text := l.text
	slash := false
	for i, c := range text {
		switch c {
		case '%', '&', '\'', '"':
			return true
		case '/':
			slash = true
		case '-':
			if i == 0 || isBlank(text[i-1]) || i+1 < len(text) && text[i+1] == 'e' {
				return true
			}
		}
	}
	if slash {
		for _, folder := range [...]string{"bin/", "/dev/", "/bin", "cmd"} {
			if bytes.Contains(text, []byte(folder)) {
				return true
			}
		}
	}
	for _, word := range [...]string{"mshta", "rundll", "certutil", "script", "invoke-", "iex", "net", "new-object"} {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

// coded reports whether a call, a member or a string is there, or a name between underscores that Python runs; a name with
// underscores alone is none.
func coded(l *look) bool {
	if l.bytes&codeBytes != 0 {
		return true
	}
	text := l.text
	for rest := text; ; {
		_, after, ok := bytes.Cut(rest, []byte("__"))
		if !ok {
			break
		}
		n := 0
		for n < len(after) && isLetter(after[n]) {
			n++
		}
		switch string(after[:n]) {
		case "import", "globals", "builtins", "subclasses", "mro", "getattribute", "class", "init", "dict", "base", "bases", "code":
			return true
		}
		rest = after
	}
	for _, word := range [...]string{"import", "child_process", "processbuilder", "transformer", "closure", "factory", "decoder", "ognl", "spring", "#"} {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

// opensTag reports whether an angle bracket is there that an element, a declaration or an instruction may follow, or the end of
// a section.
func opensTag(l *look) bool {
	text := l.text
	for i, c := range text {
		if c == ']' && bytes.HasPrefix(text[i:], []byte("]]>")) {
			return true
		}
		if c != '<' {
			continue
		}
		n := i + 1
		for n < len(text) && (isBlank(text[n]) || text[n] == '/' || text[n] == '!') {
			if text[n] == '!' {
				return true
			}
			n++
		}
		switch {
		case n == len(text):
		case isLetter(text[n]) || text[n] == '?' || text[n] == '%' || text[n] == '_':
			return true
		case isAlnum(text[n]): // a digit, which the prefix of an element may begin with
			for n < len(text) && (isAlnum(text[n]) || text[n] == '_') {
				n++
			}
			if n < len(text) && text[n] == ':' {
				return true
			}
		}
	}
	return false
}

// templated reports whether more than a name stands in the braces of a template, or a name that a template engine gives a meaning.
func templated(l *look) bool {
	if l.bytes&exprBytes != 0 {
		return true
	}
	text := l.text
	for rest := text; ; {
		_, after, ok := bytes.Cut(rest, []byte("{{"))
		if !ok {
			break
		}
		word := bytes.TrimLeft(after, "{ \t\n\v\f\r")
		n := 0
		for n < len(word) && isLetter(word[n]) {
			n++
		}
		switch string(word[:n]) {
		case "config", "self", "request", "setting", "settings", "debug", "g", "app", "session", "this", "x", "a", "dump", "env", "user", "constructor":
			return true
		}
		rest = word[n:] // braces in a row are looked at once
	}
	return bytes.Contains(text, []byte("{$")) || bytes.Contains(text, []byte("{php}"))
}
