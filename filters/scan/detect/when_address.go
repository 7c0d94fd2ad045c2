package detect

import "bytes"

// The looks of rules that have a literal in every URL: what metadata hold most must meet no pattern.

// wholePath reports whether a value begins as a path of the server does, or as what a shell sends somewhere.
func wholePath(l *look) bool {
	text := l.text
	switch {
	case len(text) == 0:
		return false
	case text[0] == '/' || text[0] == '>' || text[0] == '|' || text[0] == '<' || text[0] == ';' || isBlank(text[0]):
		return true
	case len(text) > 1 && text[1] == ':':
		return true
	}
	return bytes.HasPrefix(text, []byte("file:"))
}

// remoteFile reports whether a URL ends as a script does, or in a question mark, or has a host in digits.
func remoteFile(l *look) bool {
	text := l.text
	if bytes.HasPrefix(text, []byte(`\\`)) || bytes.Contains(text, []byte("%00")) {
		return true
	}
	i := bytes.Index(text, []byte("://"))
	if i < 0 {
		return false
	}
	if i += 3; i < len(text) && text[i] >= '0' && text[i] <= '9' || text[len(text)-1] == '?' {
		return true
	}
	ext := text[bytes.LastIndexByte(text, '.')+1:]
	if n := len(ext); n == 4 && ext[3] >= '0' && ext[3] <= '9' {
		ext = ext[:3]
	}
	switch string(ext) {
	case "php", "txt", "inc", "jsp", "asp", "exe", "sh", "pl", "py", "ini", "dat", "bak", "dll":
		return true
	}
	return false
}

// globbed reports whether a bracket is there, or a question mark among the first four letters of a path's part.
func globbed(l *look) bool {
	text := l.text
	if bytes.IndexByte(text, '[') >= 0 {
		return true
	}
	for i := 1; i < len(text); i++ {
		if text[i] == '?' && bytes.IndexByte(text[max(i-3, 0):i], '/') >= 0 {
			return true
		}
	}
	return false
}

// cutsOff reports whether a comment is there that is more than the fragment of a URL or the number of an issue.
func cutsOff(l *look) bool {
	text := l.text
	if bytes.Contains(text, []byte("/*")) || l.bytes&hashByte != 0 && l.bytes&endingBytes != 0 || bytes.Contains(text, []byte(";\x00")) {
		return true
	}
	if i := bytes.LastIndex(text, []byte("--")); i >= 0 { // the last thing too, or behind a bracket
		if len(bytes.Trim(text[i:], "- \t\n\v\f\r")) == 0 || bytes.IndexByte(text, ')') >= 0 {
			return true
		}
	}
	i := bytes.LastIndexByte(text, '#') // the comment is the last thing in a value
	return i > 0 && (text[i-1] == ')' || isBlank(text[i-1]))
}

// prompted reports whether a user's name at a host's may be there.
func prompted(l *look) bool { return bytes.IndexByte(l.text, '@') >= 0 }
