package redact

// walk goes once through a JSON value that has come whole, without recursion, and notes the strings in it: where they
// stand, what they belong to, and whether they are a piece of a text that goes on in the next frame.
type walk struct {
	b   []byte
	at  int
	sse bool // a line of the value may begin with another data:
	// llama.cpp's own: the top's index tells answers apart, and stop that one has ended
	answers bool

	stack  [maxDepth]level
	depth  int
	key    extent
	typed  bool // the top has a type: an event, of which deltas alone go on
	delta  bool // and it is one
	done   bool // and it says that something has ended
	found  []piece
	drop   []extent
	ending []uint64 // choices that have ended

	allEnded bool
}

const maxDepth = 64

// level is an open object or array.
type level struct {
	object    bool
	key       uint64 // of its path, without numbers
	first     int    // its first piece in found
	n         uint64 // elements so far
	index     uint64 // its own number, plus one; 0 when it has none
	finished  bool   // it says why it has ended
	dropAfter bool
}

// piece is a string.
type piece struct {
	off, end int
	escaped  bool
	goesOn   bool   // its place is one where texts are said piece by piece
	key      uint64 // of its path
	numbers  uint64 // of what it is in, mixed
	choice   uint64 // the outermost of them
}

func (w *walk) reset(b []byte) {
	*w = walk{b: b, found: w.found[:0], drop: w.drop[:0], ending: w.ending[:0]}
}

// ended reports whether the frame has said that the choice is over.
func (w *walk) ended(choice uint64) bool {
	for _, c := range w.ending {
		if c == choice {
			return true
		}
	}
	return w.allEnded
}

// FNV-1a, 64 bits.
const (
	offset = 0xcbf29ce484222325
	prime  = 0x100000001b3
)

func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func hashOf(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = (h ^ uint64(c)) * prime
	}
	return h * prime
}

// value reads the value that begins at w.at, and all that is in it. It reports false for what is no JSON.
func (w *walk) value() bool {
	if !w.one(0) {
		return false
	}
	for w.depth > 0 {
		l := &w.stack[w.depth-1]
		w.space()
		if w.at == len(w.b) {
			return false
		}
		c := w.b[w.at]
		if c == '}' && l.object || c == ']' && !l.object {
			w.at++
			w.close()
			continue
		}
		if l.n > 0 {
			if c != ',' {
				return false
			}
			w.at++
			w.space()
		}
		l.n++
		if !w.member(l) {
			return false
		}
	}
	w.space()
	return w.at == len(w.b)
}

// member reads an element, or a key and its value.
func (w *walk) member(l *level) bool {
	if !l.object {
		w.key = extent{}
		return w.one(l.key)
	}
	off, end, _, ok := w.str()
	if !ok {
		return false
	}
	w.key = extent{off: off, end: end}
	w.space()
	if w.at == len(w.b) || w.b[w.at] != ':' {
		return false
	}
	w.at++
	w.space()
	from := w.at
	key := w.b[off:end]
	if w.at == len(w.b) {
		return false
	}
	repeats, always := repeatsTokens(key)
	repeats = repeats && w.b[w.at] != 'n'
	depth := w.depth
	if !w.one(hashOf(l.key, key)) {
		return false
	}
	if repeats {
		if w.depth == depth {
			w.drop = append(w.drop, extent{from, w.at, always})
		} else {
			w.drop = append(w.drop, extent{from, -1, always})
			w.stack[w.depth-1].dropAfter = true
		}
	}
	return true
}

// one reads a scalar, or enters what is not.
func (w *walk) one(key uint64) bool {
	if w.at == len(w.b) {
		return false
	}
	switch c := w.b[w.at]; c {
	case '{', '[':
		if w.depth == maxDepth {
			return false
		}
		w.stack[w.depth] = level{object: c == '{', key: key, first: len(w.found)}
		w.depth++
		w.at++
		return true
	case '"':
		return w.stringValue(key)
	}
	return w.literal()
}

// close leaves the innermost object or array: whatever was found in it belongs to its number, or to its place in a list.
func (w *walk) close() {
	w.depth--
	l := w.stack[w.depth]
	if l.dropAfter {
		for i := len(w.drop) - 1; i >= 0; i-- {
			if w.drop[i].end < 0 {
				w.drop[i].end = w.at
				break
			}
		}
	}
	number := l.index
	switch {
	case w.depth == 0 && !w.typed && !w.answers:
		number = 0 // at the top of what is no event it counts frames
	case number == 0 && w.depth > 0 && !w.stack[w.depth-1].object:
		number = mix(3, w.stack[w.depth-1].n)
	}
	if l.finished {
		if w.ending = append(w.ending, number); number == 0 {
			w.allEnded = true
		}
	}
	if w.depth == 0 && w.done {
		if w.ending = append(w.ending, number); number == 0 {
			w.allEnded = true
		}
	}
	if number == 0 {
		return
	}
	for i := l.first; i < len(w.found); i++ {
		w.found[i].numbers = mix(w.found[i].numbers, number)
		w.found[i].choice = number
	}
}

// str reads the string at w.at: where its inside begins and ends.
func (w *walk) str() (off, end int, escaped, ok bool) {
	if w.at == len(w.b) || w.b[w.at] != '"' {
		return 0, 0, false, false
	}
	off = w.at + 1
	for i := off; i < len(w.b); i++ {
		switch w.b[i] {
		case '"':
			w.at = i + 1
			return off, i, escaped, true
		case '\\':
			escaped = true
			i++
		case '\n', '\r':
			return 0, 0, false, false
		}
	}
	return 0, 0, false, false
}

// space passes over blanks, and over the line ends and field names inside an event's data.
func (w *walk) space() {
	for w.at < len(w.b) {
		switch w.b[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		case 'd':
			if !w.sse || w.at == 0 || w.b[w.at-1] != '\n' && w.b[w.at-1] != '\r' || len(w.b)-w.at < 5 || string(w.b[w.at:w.at+5]) != "data:" {
				return
			}
			w.at += 5
		default:
			return
		}
	}
}
