package redact

// stringValue reads a string: a text, or a word of the engine about what it says.
func (w *walk) stringValue(key uint64) bool {
	off, end, escaped, ok := w.str()
	if !ok {
		return false
	}
	name := w.b[w.key.off:w.key.end]
	top := w.depth == 1
	switch {
	case top && string(name) == "type":
		w.event(w.b[off:end])
	case end > off && (string(name) == "finish_reason" || string(name) == "stop_reason"):
		w.finish()
	case top && string(name) == "generated_text":
		w.allEnded = true
	}
	if end == off || dull(name) {
		return true
	}
	w.found = append(w.found, piece{off: off, end: end, escaped: escaped, key: key, goesOn: goesOn(name)})
	return true
}

// event takes the type of an event of the Messages or Responses API.
func (w *walk) event(kind []byte) {
	w.typed = true
	has := func(suffix string) bool {
		return len(kind) >= len(suffix) && string(kind[len(kind)-len(suffix):]) == suffix
	}
	w.delta = has("delta")
	w.done = has(".done") || has("_stop") || has(".completed") || has(".incomplete") || has(".failed") || string(kind) == "error"
}

// finish notes that the object being read says why it has ended.
func (w *walk) finish() {
	if w.depth > 0 {
		w.stack[w.depth-1].finished = true
	}
}

// literal reads a number, true, false or null.
func (w *walk) literal() bool {
	from := w.at
	for w.at < len(w.b) && literals[w.b[w.at]] {
		w.at++
	}
	if w.at == from {
		return false
	}
	name, val := w.b[w.key.off:w.key.end], w.b[from:w.at]
	if w.depth == 0 || !w.stack[w.depth-1].object {
		return true
	}
	switch string(name) {
	case "index", "output_index", "content_index", "summary_index":
		l, n := &w.stack[w.depth-1], uint64(0)
		for _, c := range val {
			n = n*10 + uint64(c-'0')
		}
		l.index += mix(hashOf(offset, name), n+1) // in any order
	case "done":
		w.allEnded = w.allEnded || w.depth == 1 && string(val) == "true"
	case "stop":
		if w.answers && w.depth == 1 && string(val) == "true" {
			w.finish()
		}
	}
	return true
}

var literals = func() (t [256]bool) {
	for _, c := range []byte("0123456789+-.eEtrufalsnNaIiy") {
		t[c] = true
	}
	return t
}()
