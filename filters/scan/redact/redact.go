// Package redact hides secrets in an answer on its way to the client: a stream of events or JSON lines, a JSON value, or
// any text, arriving in pieces. A text that is said piece by piece, in the deltas of many frames, is looked at as one: a
// frame in which something may begin waits until what follows has decided, and leaves as it came when it was nothing.
// Frames never overtake each other. What holds no secret leaves byte for byte.
//
// The package knows the places where engines put text into frames; it knows no request and no policy.
package redact

import (
	"blaze/filters/scan/secrets"
	"blaze/upstream/engine"
)

// Effect says what becomes of what is found.
type Effect uint8

// The effects.
const (
	Watch Effect = iota // it is told; nothing is changed and nothing waits
	Hide                // its label stands in its place
	Cut                 // the answer ends before it
)

// Bounds on what waits. Beyond one, whatever is not decided is hidden: a stream that interleaves thousands of frames with
// half a secret does not get the half through. The first frame that waits may be of any size.
const (
	maxHeld   = 256 << 10
	maxFrames = 512
	// maxTexts bounds how many texts one answer may say at the same time: choices, tool calls, content parts.
	maxTexts = 1024
)

// Answer is one answer. Reuse it with Reset; it must not be used by two goroutines at once.
type Answer struct {
	finder *secrets.Finder
	effect Effect
	found  func(kind int)
	shape  engine.Shape
	kind   front
	begun  bool // the first byte has told what a body without frames is
	cut    bool

	texts    []said
	walk     walk
	inString bool   // of an answer that is longJSON: the last piece ended inside a string
	late     []byte // the begin of an escape, which waits for the rest of it
	hid      bool   // something was hidden
	text     []byte // a string, decoded

	// What waits, in order: the bytes of all pieces, the pieces, their strings and their values to be dropped.
	buf   []byte
	items []item
	segs  []segment
	nulls []extent
}

// front is how an answer is taken apart.
type front uint8

const (
	events    front = iota // text/event-stream
	lines                  // JSON lines
	oneJSON                // one JSON value, to be read whole if it is not too long
	longJSON               // one JSON value that is too long for that
	plainText              // anything else
)

// item is a piece that waits: a frame, or whatever has come of an answer without frames.
type item struct {
	off, end     int // in buf
	segs, endSeg int
	nulls        int
	endNull      int
}

// segment is a string in an item, or a stretch of text.
type segment struct {
	text     int // index into texts
	from, to int // where it stands in that text
	off, end int // where it stands in buf, as it came
	escaped  bool
}

// extent is a value that says a text once more in another form. always says that it may say what earlier pieces hid.
type extent struct {
	off, end int
	always   bool
}

// said is one text that the answer says: in one string, or piece by piece in many.
type said struct {
	secrets.Stream
	id, key uint64 // of the place where it stands: with the numbers of choices and parts, and without
	choice  uint64 // of the outermost numbered thing that it belongs to
	fed     bool   // by the frame that is being read
	let     int    // up to here it has left undecided
	whole   whole
}

// Reset prepares a for one answer; json says that one without frames is said to be JSON. found is told the kind of each
// thing that is found, once; -1 for what is hidden because it could not be decided.
func (a *Answer) Reset(f *secrets.Finder, effect Effect, shape engine.Shape, framing engine.Framing, json bool, found func(kind int)) {
	a.finder, a.effect, a.found, a.shape = f, effect, found, shape
	a.begun, a.cut, a.hid, a.inString, a.kind = false, false, false, false, plainText
	switch {
	case framing == engine.Events:
		a.kind = events
	case framing == engine.Lines:
		a.kind = lines
	case json:
		a.kind = oneJSON
	}
	a.texts, a.late = a.texts[:0], a.late[:0]
	a.clear()
	a.say(0, 0, 0) // the text that strings are whose own they are
}

// clear forgets what waits.
func (a *Answer) clear() {
	a.buf, a.items, a.segs, a.nulls = a.buf[:0], a.items[:0], a.segs[:0], a.nulls[:0]
}

// keepBytes is the largest buffer that is kept for the next answer.
const keepBytes = 64 << 10

// Trim lets go of memory that a long answer has needed, and of everything it said.
func (a *Answer) Trim() {
	a.clear()
	clear(a.text[:cap(a.text)])
	for _, b := range []*[]byte{&a.buf, &a.text} {
		if cap(*b) > keepBytes {
			*b = nil
		}
	}
	if cap(a.walk.found) > 1024 {
		a.walk = walk{}
	}
	a.walk.b = nil
	if cap(a.texts) > 16 || cap(a.segs) > 1024 || cap(a.items) > maxFrames {
		a.texts, a.segs, a.items, a.nulls = nil, nil, nil, nil
	}
	a.finder, a.found = nil, nil
}

// Read takes the next piece, a whole frame where the answer has frames, and appends to dst what may leave. last says that
// nothing follows. It reports whether the answer goes on: with Cut, it ends before the first thing that is found.
func (a *Answer) Read(dst, piece []byte, last bool) ([]byte, bool) {
	if a.cut {
		return dst, false
	}
	if a.effect == Watch {
		dst = append(dst, piece...)
	}
	if len(piece) > 0 {
		a.take(piece)
	}
	if last {
		a.ending()
		a.decideAll()
	}
	if a.effect == Watch {
		a.forget()
		return dst, true
	}
	dst = a.leave(dst, false)
	if len(a.items) > maxFrames || len(a.items) > 1 && len(a.buf)-a.items[0].end > maxHeld {
		a.giveUp()
		dst = a.leave(dst, false)
	}
	return dst, !a.cut
}

// tolerated is how many bytes that may be the begin of something leave when nothing follows for a while: no more than one
// may print of a card's number (PCI DSS 3.4.1).
const tolerated = 6

// Quiet is called when nothing has come for a while. It appends to dst what waits for no more than what is only a word, or
// the first few bytes of something (whatever that becomes is hidden from there on), and what is a find already, hidden.
func (a *Answer) Quiet(dst []byte) []byte {
	if a.cut || a.effect == Watch {
		return dst
	}
	for i := range a.texts {
		if t := &a.texts[i]; t.Begun() > tolerated {
			had := len(t.Spans)
			t.Settle()
			a.tell(t, had)
		}
	}
	return a.leave(dst, true)
}

// take reads a piece by the sort of answer it belongs to.
func (a *Answer) take(piece []byte) {
	if a.kind == oneJSON && !a.begun {
		a.sniff(piece)
	}
	switch a.kind {
	case events, lines:
		a.frame(piece)
	case oneJSON:
		a.buf = append(a.buf, piece...)
		if len(a.buf) > maxWholeJSON {
			a.kind = longJSON
			a.longJSON(a.push(len(a.buf)))
		}
	case longJSON:
		a.buf = append(append(a.buf, a.late...), piece...)
		a.longJSON(a.push(len(a.late) + len(piece)))
	case plainText:
		a.buf = append(a.buf, piece...)
		it := a.push(len(piece))
		a.segment(it, a.say(rawText, rawText, 0), segment{off: it.off, end: it.end}, false)
	}
}

// maxWholeJSON bounds a JSON answer that is read whole before it leaves.
const maxWholeJSON = 1 << 20

// rawText names the text of what is no JSON.
const rawText = 1

// push makes the last n bytes of buf an item.
func (a *Answer) push(n int) *item {
	a.items = append(a.items, item{off: len(a.buf) - n, end: len(a.buf), segs: len(a.segs), endSeg: len(a.segs), nulls: len(a.nulls), endNull: len(a.nulls)})
	return &a.items[len(a.items)-1]
}
