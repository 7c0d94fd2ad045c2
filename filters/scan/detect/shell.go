package detect

import "regexp"

// What may follow a program's name. file is an argument that looks like one of a shell; an English sentence has none.
const (
	shellEnd  = `[\s+]*$|\s*[;|&<>` + "`" + `\n\r}#,)]|\s*(\\n|\\r|%0a|%0d)`
	shellFile = `-{1,2}\w|[/~$*\\]|\.{1,2}/|\w:[\\/]|\w+://|[\w.*-]+/[\w.*]|[\w*-]+\.(txt|php\d?|sh|py|pl|rb|conf|cfg|ini|log|html?|xml|js|exe|bat|dll|db|sql|bak|key|pem)\b|\d+\.\d+\.\d+|%\w`
)

var (
	tailEnd   = regexp.MustCompile(`^(` + shellEnd + `)`)
	tailLine  = regexp.MustCompile(`^\s*(\\n|\\r|%0a|%0d|[\n\r]|$)`)
	tailArg   = regexp.MustCompile(`^[ +](-{1,2}\w|[/~$*]|\.{1,2}/|\w:[\\/]|\w+://)`)
	tailSure  = regexp.MustCompile(`^(` + shellEnd + `|[\s+]+(` + shellFile + `|[."'\d<>|{]|\w+[/.@=:(]\S|\S+\s*$|\S+[\s+]*([|;&\n]|\\n|\\r)|localgroup|user|view|share|start|stop|add|-\w)|[$%{<>*?\\/][^\s]{0,40}|=\$)`)
	tailWord  = regexp.MustCompile(`^([\s+]+(` + shellFile + `|\S+[\s+]*(\\n|\\r|>\s*/|\|\s*(sh|bash|nc|tee)\b)|\w+=\S)|[${<>\\]\S)`)
	tailTight = regexp.MustCompile(`^[\s+]+[\w.-]+\s*$`)
	tailNet   = regexp.MustCompile(`^[\s+]+(users?|use|view|localgroup|share|start|stop|a)\b`)
	tailSleep = regexp.MustCompile(`^[\s+]+[\d.]+[smh]?\s*($|[;|&` + "`" + `#)\n'"])`)
)

// ahead bounds how far behind a separator a command is looked for, and how much of what follows its name counts.
const ahead = 96

// separated reports whether a command of a shell follows a separator somewhere in text.
func separated(l *look) bool {
	if l.bytes&commandBytes == 0 {
		return false
	}
	text := l.text
	for i := 0; i < len(text); i++ {
		if bitOf[text[i]]&commandBytes == 0 {
			continue
		}
		n := separator(text, i)
		if n == 0 {
			continue
		}
		rest := text[i+n:]
		if len(rest) > ahead {
			rest = rest[:ahead]
		}
		if text[i] == '<' && n == 1 { // an element of HTML begins so too
			if word := wordLen(rest); programOf(rest[:word]) != noProgram && tailLine.Match(rest[word:]) {
				return true
			}
			continue
		}
		l.steps += len(rest)
		if command(rest, positionOf(text, i, n, rest)) {
			return true
		}
	}
	return false
}

// separator is the length of what separates two commands at text[i], or 0.
func separator(text []byte, i int) int {
	next := byte(0)
	if i+1 < len(text) {
		next = text[i+1]
	}
	switch c := text[i]; c {
	case ';', '|', '&', '\n', '\r':
		return 1
	case '`': // in prose a pair of them marks code, and blanks stand around it
		if i == 0 || !isBlank(text[i-1]) {
			return 1
		}
	case '$', '>':
		if next == '(' {
			return 2
		}
	case '<':
		if next == '(' {
			return 2
		}
		if leads(text, i) {
			return 1
		}
	case '{':
		if leads(text, i) {
			return 1
		}
	case '%':
		if next == '0' && i+2 < len(text) && (text[i+2] == 'a' || text[i+2] == 'd') {
			return 3
		}
	case '\\':
		if next == 'n' || next == 'r' {
			return 2
		}
	}
	return 0
}

// leads reports whether only blanks stand before text[i].
func leads(text []byte, i int) bool {
	for _, c := range text[:min(i, ahead)] {
		if c != ' ' && c != '+' {
			return false
		}
	}
	return i < ahead
}

// position says how a separator stands: what may be punctuation of a sentence, and what cannot.
type position uint8

const (
	within position = iota // as a sentence would have it
	apart                  // behind other punctuation, or doubled
	tight                  // touching the word behind it
	first                  // before all else in the value
	opens                  // the same, and no line end, brace or backtick: nothing but a shell's begins so
)

// positionOf is the position of the separator of n bytes at text[i]; rest is what follows it.
func positionOf(text []byte, i, n int, rest []byte) position {
	if leads(text, i) {
		if c := text[i]; c == ';' || c == '|' || c == '&' && i+1 < len(text) && text[i+1] == '&' {
			return opens
		}
		return first
	}
	if text[i] != '&' && len(rest) > 0 && rest[0] != ' ' && rest[0] != '+' {
		return tight
	}
	if n == 1 && text[i-1] == text[i] {
		return apart
	}
	for i--; i >= 0 && isBlank(text[i]); i-- {
	}
	if i < 0 || text[i] >= 0x80 || isAlnum(text[i]) {
		return within
	}
	switch text[i] {
	case '_', '+', '%', ';', '|', '&':
		return within
	}
	return apart
}

// command reports whether rest, behind a separator, begins with a command.
func command(rest []byte, where position) bool {
	from := 0
	for from < len(rest) && (isBlank(rest[from]) || rest[from] == '+' || rest[from] == '(' || rest[from] == '{' || rest[from] == '!' || rest[from] == '\\' || rest[from] == ',') {
		from++
	}
	rest = rest[from:]
	if program := wordLen(rest); follows(rest[:program], rest[program:], where) {
		return true
	}
	dir := directory(rest)
	program := dir + wordLen(rest[dir:])
	return dir > 0 && follows(rest[dir:program], rest[program:], where)
}

// directory is the length of the path that b begins with, globs and all, up to its last slash.
func directory(b []byte) (dir int) {
	for i, c := range b {
		switch {
		case c == '/':
			dir = i + 1
		case !isAlnum(c) && c != '_' && c != '.' && c != '*' && c != '?' && c != '[' && c != ']' && c != '-':
			return dir
		}
	}
	return dir
}

// wordLen is how much of b could be a program's name.
func wordLen(b []byte) int {
	n := 0
	for n < len(b) && (isAlnum(b[n]) || b[n] == '_' || b[n] == '.' || b[n] == '-') {
		n++
	}
	return n
}

// follows reports whether word is a program and tail what may follow one.
func follows(word, tail []byte, where position) bool {
	if len(word) == 0 {
		return false
	}
	switch programOf(word) {
	case surely:
		return tailSure.Match(tail) || where >= first && len(tail) > 0 && isBlank(tail[0])
	case perhaps:
		return tailWord.Match(tail) || where >= apart && tailEnd.Match(tail) || where == opens && len(tail) > 0 && isBlank(tail[0]) || where == tight && tailTight.Match(tail) || string(word) == "sleep" && tailSleep.Match(tail) ||
			(string(word) == "net" || string(word) == "ip") && tailNet.Match(tail)
	}
	return false
}

// commanded reports whether text as a whole is a command with an argument.
func commanded(l *look) bool {
	text := l.text
	from := 0
	for from < len(text) && (isBlank(text[from]) || text[from] == '+' || text[from] == '"' || text[from] == '\'') {
		from++
	}
	rest := text[from:min(len(text), from+ahead)]
	timed := len(rest) > 5 && string(rest[:4]) == "time" && (rest[4] == ';' || rest[4] == ' ')
	if timed {
		for rest = rest[5:]; len(rest) > 0 && isBlank(rest[0]); rest = rest[1:] {
		}
	}
	if len(rest) > 0 && rest[0] == '/' {
		rest = rest[directory(rest):]
	}
	n := wordLen(rest)
	return programOf(rest[:n]) == surely && (timed || tailArg.Match(rest[n:]))
}
