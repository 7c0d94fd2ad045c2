package detect

import "blaze/filters/scan/dfa"

// What may follow a program's name. file is an argument that looks like one of a shell; an English sentence has none.
const (
	shellEnd  = `[\s+]*$|\s*[;|&<>` + "`" + `\n\r}#,)]|\s*(\\n|\\r|%0a|%0d)`
	shellFile = `-{1,2}\w|[/~$*\\]|\.{1,2}/|\w:[\\/]|\w+://|[\w.*-]+/[\w.*]|[\w*-]+\.(txt|php\d?|sh|py|pl|rb|conf|cfg|ini|log|html?|xml|js|exe|bat|dll|db|sql|bak|key|pem)\b|\d+\.\d+\.\d+|%\w`
)

var (
	tailEnd   = tailOf(`^(` + shellEnd + `)`)
	tailLine  = tailOf(`^\s*(\\n|\\r|%0a|%0d|[\n\r]|$)`)
	tailArg   = tailOf(`^[ +](-{1,2}\w|[/~$*]|\.{1,2}/|\w:[\\/]|\w+://)`)
	tailSure  = tailOf(`^(` + shellEnd + `|[\s+]+(` + shellFile + `|[."'\d<>|{]|\w+[/.@=:(]\S|\S+\s*$|\S+[\s+]*([|;&\n]|\\n|\\r)|localgroup|user|view|share|start|stop|add|-\w)|[$%{<>*?\\/][^\s]{0,40}|=\$)`)
	tailWord  = tailOf(`^([\s+]+(` + shellFile + `|\S+[\s+]*(\\n|\\r|>\s*/|\|\s*(sh|bash|nc|tee)\b)|\w+=\S)|[${<>\\]\S)`)
	tailTight = tailOf(`^[\s+]+[\w.-]+\s*$`)
	tailNet   = tailOf(`^[\s+]+(users?|use|view|localgroup|share|start|stop|a)\b`)
	tailSleep = tailOf(`^[\s+]+[\d.]+[smh]?\s*($|[;|&` + "`" + `#)\n'"])`)
)

// ending is what a program's name may be followed by. It reads no more than ahead bytes.
type ending struct{ *dfa.Matcher }

func tailOf(expr string) ending {
	m, err := dfa.New(expr)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return ending{m}
}

func (e ending) is(text []byte) bool {
	found, _ := e.Match(text)
	return found
}

// ahead bounds how much of what a separator is followed by counts, and how far into a value its beginning reaches.
const ahead = 96

// separated reports whether a command of a shell follows a separator somewhere in text.
func separated(l *look) bool {
	if l.bytes&commandBytes == 0 {
		return false
	}
	text := l.text
	leading, word := true, -1 // whether only blanks stand before i; the last byte that is none
	from := 0                 // where the command behind the separators up to i begins
	var tried uint8           // in which positions it has been judged
	for i, c := range text {
		if bitOf[c]&commandBytes != 0 {
			if n := separator(text, i, leading); n > 0 {
				if from < i+n {
					from, tried = i+n, 0
					for from < len(text) && indents(text[from]) {
						from++
					}
				}
				where := positionOf(text, i, n, leading, word)
				if c == '<' && n == 1 { // an element of HTML begins so too
					rest := text[i+1 : min(i+1+ahead, len(text))]
					if end := wordLen(rest); programOf(rest[:end]) != noProgram && tailLine.is(rest[end:]) {
						return true
					}
				} else if tried&(1<<where) == 0 {
					tried |= 1 << where
					rest := text[from:min(from+ahead, len(text))]
					l.steps += len(rest)
					if command(rest, where) {
						return true
					}
				}
			}
		}
		if c != ' ' && c != '+' || i+1 >= ahead {
			leading = false
		}
		if !isBlank(c) {
			word = i
		}
	}
	return false
}

// indents reports whether c may stand between a separator and a command.
func indents(c byte) bool {
	return isBlank(c) || c == '+' || c == '(' || c == '{' || c == '!' || c == '\\' || c == ','
}

// separator is the length of what separates two commands at text[i], or 0; leading says that only blanks stand before it.
func separator(text []byte, i int, leading bool) int {
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
		if leading {
			return 1
		}
	case '{':
		if leading {
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

// position says how a separator stands: what may be punctuation of a sentence, and what cannot.
type position uint8

const (
	within position = iota // as a sentence would have it
	apart                  // behind other punctuation, or doubled
	tight                  // touching the word behind it
	first                  // before all else in the value
	opens                  // the same, and no line end, brace or backtick: nothing but a shell's begins so
)

// positionOf is the position of the separator of n bytes at text[i]; word is the last byte before it that is no blank.
func positionOf(text []byte, i, n int, leading bool, word int) position {
	c := text[i]
	if leading {
		if c == ';' || c == '|' || c == '&' && i+1 < len(text) && text[i+1] == '&' {
			return opens
		}
		return first
	}
	if c != '&' && i+n < len(text) && text[i+n] != ' ' && text[i+n] != '+' {
		return tight
	}
	if n == 1 && text[i-1] == c {
		return apart
	}
	if word < 0 || text[word] >= 0x80 || isAlnum(text[word]) {
		return within
	}
	switch text[word] {
	case '_', '+', '%', ';', '|', '&':
		return within
	}
	return apart
}

// command reports whether rest begins with a command.
func command(rest []byte, where position) bool {
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

// follows reports whether word is a program and rest what may follow one.
func follows(word, rest []byte, where position) bool {
	if len(word) == 0 {
		return false
	}
	switch programOf(word) {
	case surely:
		return tailSure.is(rest) || where >= first && len(rest) > 0 && isBlank(rest[0])
	case perhaps:
		return tailWord.is(rest) || where >= apart && tailEnd.is(rest) || where == opens && len(rest) > 0 && isBlank(rest[0]) || where == tight && tailTight.is(rest) || string(word) == "sleep" && tailSleep.is(rest) ||
			(string(word) == "net" || string(word) == "ip") && tailNet.is(rest)
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
	return programOf(rest[:n]) == surely && (timed || tailArg.is(rest[n:]))
}
