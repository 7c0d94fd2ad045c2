package redact

import "bytes"

// sniff tells by its first byte whether a body is JSON, as it is said to be.
func (a *Answer) sniff(piece []byte) {
	rest := bytes.TrimLeft(piece, " \t\r\n\xef\xbb\xbf")
	if len(rest) == 0 {
		return
	}
	a.begun = true
	if rest[0] == '{' || rest[0] == '[' || rest[0] == '"' {
		return
	}
	a.kind = plainText
	if len(a.buf) > 0 {
		a.push(len(a.buf)) // the blanks before it
	}
}

// ending reads what could only be read at the end.
func (a *Answer) ending() {
	switch {
	case a.kind == oneJSON && len(a.buf) > 0:
		a.wholeJSON()
	case a.kind == longJSON && len(a.late) > 0:
		a.buf = append(a.buf, a.late...)
		a.push(len(a.late))
		a.late = a.late[:0]
	}
}

// wholeJSON reads a JSON answer that has come whole; what only looked like one is text.
func (a *Answer) wholeJSON() {
	it := a.push(len(a.buf))
	w := &a.walk
	from := 0
	if bytes.HasPrefix(a.buf, []byte("\xef\xbb\xbf")) {
		from = 3
	}
	w.reset(a.buf[from:])
	w.space()
	if w.value() {
		a.strings(it, from)
		return
	}
	a.segment(it, a.say(rawText, rawText, 0), segment{off: it.off, end: it.end}, false)
}

// longJSON reads a piece of a JSON value that is too long to be held, knowing only where strings are. It gives them, or the
// parts of them that have come, to a text: each to its own. An escape that the piece cuts waits for the next.
func (a *Answer) longJSON(it *item) {
	a.late = a.late[:0]
	text := a.say(rawText, rawText, 0)
	t := &a.texts[text]
	for at := it.off; at < it.end; {
		if !a.inString {
			i := bytes.IndexByte(a.buf[at:it.end], '"')
			if i < 0 {
				return
			}
			a.inString = true
			at += i + 1
			continue
		}
		end, closed, escaped := stringEnd(a.buf[:it.end], at)
		if end > at {
			a.segment(it, text, segment{off: at, end: end, escaped: escaped}, false)
		}
		if !closed {
			a.carry(it, end)
			return
		}
		a.decide(t)
		t.Break()
		a.inString = false
		at = end + 1
	}
}

// stringEnd is where the inside of a string ends that goes on at at: at its quote, or, where it goes on behind b, before an
// escape that is not all there.
func stringEnd(b []byte, at int) (end int, closed, escaped bool) {
	for i := at; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i, true, escaped
		case '\\':
			size := 2
			if i+1 < len(b) && b[i+1] == 'u' {
				size = 6
			}
			if i+size > len(b) {
				return i, false, escaped
			}
			escaped = true
			i += size - 1
		}
	}
	return len(b), false, escaped
}

// carry takes what stands behind end out of it, so that it is read with the next piece.
func (a *Answer) carry(it *item, end int) {
	it.end = end
	if rest := a.buf[end:]; len(rest) > 0 {
		a.late = append(a.late[:0], rest...)
		a.buf = a.buf[:end]
	}
}
