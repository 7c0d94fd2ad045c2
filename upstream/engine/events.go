package engine

import "bytes"

// eventReader takes a text/event-stream apart (HTML Living Standard, 9.2.6), split anywhere: lines end in LF, CR or
// both, a field is followed by a colon and at most one blank, data may go over several lines.
type eventReader struct {
	state eventState
	cr    bool // the last byte was a CR
	bom   int  // bytes of a byte order mark seen at the very start; -1 when past it
	field [8]byte
	n     int // length of the field's name
	done  [6]byte
	dlen  int // length of the frame's data
	lines int // of data in the frame
	ename [16]byte
	elen  int
}

type eventState uint8

const (
	lineStart eventState = iota
	inField
	afterColon
	inData
	inEvent
	inOther
)

func (r *eventReader) reset() { *r = eventReader{} }

func (r *eventReader) feed(m *Meter, p []byte) {
	for i := 0; i < len(p); {
		c := p[i]
		if r.bom >= 0 && r.skipBOM(c) {
			i++
			continue
		}
		if c == '\n' || c == '\r' {
			if !(c == '\n' && r.cr) {
				r.endLine(m)
			}
			r.cr = c == '\r'
			i++
			continue
		}
		r.cr = false
		i = r.bytes(m, p, i)
	}
}

// skipBOM passes over a byte order mark at the start of the stream.
func (r *eventReader) skipBOM(c byte) bool {
	if r.bom < 3 && c == "\xef\xbb\xbf"[r.bom] {
		r.bom++
		return true
	}
	r.bom = -1
	return false
}

// bytes takes what stands on a line from i on and returns where it stopped.
func (r *eventReader) bytes(m *Meter, p []byte, i int) int {
	switch r.state {
	case lineStart:
		r.n, r.state = 0, inField
		if p[i] == ':' {
			r.state = inOther // a comment
		}
		return i
	case inField:
		if p[i] == ':' {
			r.state = afterColon
		} else {
			if r.n < len(r.field) {
				r.field[r.n] = p[i]
			}
			r.n++
		}
		return i + 1
	case afterColon:
		r.state = r.value()
		if p[i] == ' ' {
			i++
		}
		return i
	}
	end, _ := indexLine(p[i:])
	end += i
	switch r.state {
	case inData:
		r.data(m, p[i:end])
	case inEvent:
		r.elen += copy(r.ename[min(r.elen, len(r.ename)):], p[i:end])
	}
	return end
}

// value says what the field that has just been read is for.
func (r *eventReader) value() eventState {
	switch string(r.field[:min(r.n, len(r.field))]) {
	case "data":
		r.lines++
		return inData
	case "event":
		r.elen = 0
		return inEvent
	}
	return inOther
}

func (r *eventReader) data(m *Meter, p []byte) {
	if r.dlen < len(r.done) {
		copy(r.done[r.dlen:], p)
	}
	r.dlen += len(p)
	m.json.feed(p)
}

func (r *eventReader) endLine(m *Meter) {
	switch r.state {
	case lineStart: // a blank line dispatches the event
		r.endEvent(m)
	case inData:
		switch {
		case r.isDone():
			m.ended = true
			m.json.reset(Events)
		case m.json.state == atEnd: // an engine that forgets the blank line
			m.endFrame()
			r.dlen, r.lines = 0, 0
		default:
			m.json.feed([]byte{'\n'})
		}
	}
	r.state = lineStart
}

// isDone reports whether the frame's data is OpenAI's end mark.
func (r *eventReader) isDone() bool {
	return r.lines == 1 && r.dlen == len(r.done) && string(r.done[:]) == "[DONE]"
}

func (r *eventReader) endEvent(m *Meter) {
	if string(r.ename[:min(r.elen, len(r.ename))]) == "error" {
		m.failed = true
	}
	if !r.isDone() {
		m.endFrame()
	}
	r.dlen, r.lines, r.elen = 0, 0, 0
}

// indexLine is the position of the first line end in p, or len(p).
func indexLine(p []byte) (end int, found bool) {
	lf := bytes.IndexByte(p, '\n')
	if lf < 0 {
		lf = len(p)
	}
	if cr := bytes.IndexByte(p[:lf], '\r'); cr >= 0 {
		return cr, true
	}
	return lf, lf < len(p)
}
