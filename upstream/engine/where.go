package engine

import "strconv"

// PathAt renders the JSON path of the value at offset off, such as messages[0].content, and for an offset in a key the
// path of its member; for denials only: it walks the body again. Names that are not plain are cut and quoted.
func (d *Document) PathAt(off uint32) string {
	w := walk{body: d.Body, off: int(off)}
	at := skipSpace(d.Body, 0)
	if at >= len(d.Body) || d.Body[at] != '{' || int(off) >= len(d.Body) {
		return ""
	}
	w.value(at)
	return string(w.path)
}

// walk goes through a body that Parse has accepted, or has refused from some place on, where the walk ends. Parse has
// bounded its depth, so that it may recurse.
type walk struct {
	body []byte
	off  int
	path []byte
	done bool
}

// value walks the value at at and returns where it ends.
func (w *walk) value(at int) int {
	if at >= len(w.body) {
		w.done = true
		return at
	}
	switch w.body[at] {
	case '{', '[':
		return w.container(at)
	case '"':
		return w.str(at + 1)
	}
	for at < len(w.body) && w.body[at] != ',' && w.body[at] != '}' && w.body[at] != ']' && w.body[at] > ' ' {
		at++
	}
	return at
}

// str returns what follows the string whose first byte is at at.
func (w *walk) str(at int) int {
	for {
		at, _ = plainRun(w.body, at)
		if at >= len(w.body) || w.body[at] == '"' {
			return at + 1
		}
		at += 2
	}
}

func (w *walk) container(at int) int {
	object := w.body[at] == '{'
	base := len(w.path)
	at = skipSpace(w.body, at+1)
	for n := 0; at < len(w.body) && w.body[at] != '}' && w.body[at] != ']'; n++ {
		from := at
		if object {
			end := w.str(at + 1)
			if w.body[at] != '"' || end > len(w.body) {
				w.done = true // no member: the body was refused here
				return len(w.body)
			}
			w.name(w.body[at+1 : end-1])
			at = skipSpace(w.body, end)
			at = skipSpace(w.body, at+1)
		} else {
			w.path = append(strconv.AppendInt(append(w.path, '['), int64(n), 10), ']')
		}
		at = w.value(at)
		if w.done || w.off >= from && w.off < at {
			w.done = true
			return at
		}
		w.path = w.path[:base]
		if at = skipSpace(w.body, at); at < len(w.body) && w.body[at] == ',' {
			at = skipSpace(w.body, at+1)
		} else if at < len(w.body) && w.body[at] != '}' && w.body[at] != ']' {
			w.done = true
			return len(w.body)
		}
	}
	return at + 1
}

// name appends a member's name: plain ones after a dot, others in brackets, escaped and cut.
func (w *walk) name(raw []byte) {
	const longest = 40
	cut := len(raw) > longest
	if cut {
		raw = raw[:longest]
	}
	plain := len(raw) > 0
	for _, c := range raw {
		plain = plain && (c == '_' || c == '-' || c-'0' < 10 || c|0x20-'a' < 26)
	}
	switch {
	case !plain:
		w.path = strconv.AppendQuoteToASCII(append(w.path, '['), string(raw))
		w.path = append(w.path, ']')
	case len(w.path) > 0:
		w.path = append(append(w.path, '.'), raw...)
	default:
		w.path = append(w.path, raw...)
	}
	if cut {
		w.path = append(w.path, "..."...)
	}
}
