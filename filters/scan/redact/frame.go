package redact

import (
	"bytes"

	"blaze/upstream/engine"
)

// frame reads one event or line, or what an upstream that broke off has left of one.
func (a *Answer) frame(piece []byte) {
	at := len(a.buf)
	a.buf = append(a.buf, piece...)
	it := a.push(len(piece))
	from, end := at, len(a.buf)
	single := true
	if a.kind == events {
		from, end, single = a.data(at)
	}
	if from == end {
		return // a comment, or an event that says nothing
	}
	body := a.buf[from:end]
	if string(bytes.TrimSpace(body)) == "[DONE]" {
		a.decideAll()
		return
	}
	w := &a.walk
	w.reset(body)
	w.sse, w.answers = !single, a.shape == engine.LlamaCompletion
	w.space()
	if !w.value() {
		a.bare(it, at, single, from, end)
		a.settleBare()
		return
	}
	a.strings(it, from)
	a.settle()
}

// data finds the data of the event that begins at at: from the first data line's value to the end of the last's. single
// says that there is one such line.
func (a *Answer) data(at int) (from, end int, single bool) {
	n := 0
	for line := at; line < len(a.buf); {
		stop, next := lineEnd(a.buf, line)
		if value, ok := dataValue(a.buf, line, stop); ok {
			if n++; n == 1 {
				from = value
			}
			end = stop
		}
		line = next
	}
	if n == 0 {
		return at, at, true
	}
	return from, end, n == 1
}

// lineEnd is where the line at i ends, and where the next begins.
func lineEnd(b []byte, i int) (stop, next int) {
	n := bytes.IndexAny(b[i:], "\r\n")
	if n < 0 {
		return len(b), len(b)
	}
	stop = i + n
	next = stop + 1
	if b[stop] == '\r' && next < len(b) && b[next] == '\n' {
		next++
	}
	return stop, next
}

// dataValue is where the value of a data line begins.
func dataValue(b []byte, line, stop int) (from int, ok bool) {
	if !bytes.HasPrefix(b[line:stop], []byte("data")) {
		return 0, false
	}
	from = line + 4
	switch {
	case from == stop: // a field without a value
		return from, true
	case b[from] != ':':
		return 0, false
	}
	if from++; from < stop && b[from] == ' ' {
		from++
	}
	return from, true
}

// strings gives every string that was found in the frame to its text. base is where the frame's JSON begins in buf.
func (a *Answer) strings(it *item, base int) {
	w := &a.walk
	for _, e := range w.drop {
		a.nulls = append(a.nulls, extent{base + e.off, base + e.end, e.always})
	}
	it.endNull = len(a.nulls)
	for i := range w.found {
		p := &w.found[i]
		s := segment{off: base + p.off, end: base + p.end, escaped: p.escaped}
		if !p.goesOn || w.typed && !w.delta || a.kind == oneJSON {
			a.segment(it, 0, s, true)
			continue
		}
		a.segment(it, a.say(mix(p.key, p.numbers)|2, p.key, p.choice), s, false)
	}
}

// bare takes an event whose data is no JSON as text: each of its lines, all of one text.
func (a *Answer) bare(it *item, at int, single bool, from, end int) {
	text := a.say(rawText, rawText, 0)
	if a.kind != events || single {
		a.segment(it, text, segment{off: from, end: end}, false)
		return
	}
	for line := at; line < len(a.buf); {
		stop, next := lineEnd(a.buf, line)
		if value, ok := dataValue(a.buf, line, stop); ok && value < stop {
			a.segment(it, text, segment{off: value, end: stop}, false)
		}
		line = next
	}
}

// settleBare ends the turn of a frame that was no JSON.
func (a *Answer) settleBare() {
	for i := range a.texts {
		a.texts[i].fed = false
	}
}
