package redact

import (
	"hash/maphash"

	"blaze/upstream/engine"
)

// say finds the text with that id, or begins it; -1 when there are too many.
func (a *Answer) say(id, key, choice uint64) int {
	for i := range a.texts {
		if a.texts[i].id == id {
			return i
		}
	}
	if len(a.texts) == maxTexts {
		return -1
	}
	if len(a.texts) < cap(a.texts) {
		a.texts = a.texts[:len(a.texts)+1]
	} else {
		a.texts = append(a.texts, said{})
	}
	t := &a.texts[len(a.texts)-1]
	t.Reset(a.finder)
	t.id, t.key, t.choice, t.fed, t.let, t.whole = id, key, choice, false, 0, whole{}
	return len(a.texts) - 1
}

// segment gives a string, which stands in buf as s says, to its text; alone says that it is a text of its own. Where there
// are too many texts, a piece of one is looked at as if it were a whole.
func (a *Answer) segment(it *item, text int, s segment, alone bool) {
	if text < 0 {
		text, alone = 0, true
	}
	t := &a.texts[text]
	raw := a.buf[s.off:s.end]
	if s.escaped {
		a.text = engine.Unescape(a.text[:0], raw)
		raw = a.text
	}
	had := len(t.Spans)
	s.text, s.from = text, t.Len()
	if !alone {
		s.from, raw = a.cumulative(t, raw)
	}
	t.Feed(raw, alone)
	s.to = t.Len()
	if alone {
		t.Break()
	}
	t.fed = true
	a.tell(t, had)
	a.segs = append(a.segs, s)
	it.endSeg = len(a.segs)
}

// repeats reports whether each frame says the whole text so far.
func (t *said) repeats() bool { return t.whole.known && !t.whole.not }

// tell tells of the spans of t behind the first had.
func (a *Answer) tell(t *said, had int) {
	for _, s := range t.Spans[had:] {
		a.found(s.Kind)
		a.cut = a.cut || a.effect == Cut
	}
}

// decide has t decide about what it holds, as if it ended here.
func (a *Answer) decide(t *said) {
	if t.Len() == t.Decided() && !t.Open() {
		return
	}
	had := len(t.Spans)
	t.Feed(nil, true)
	t.Break()
	a.tell(t, had)
}

func (a *Answer) decideAll() {
	for i := range a.texts {
		a.decide(&a.texts[i])
	}
}

// settle decides what the frame that was just read has decided: a choice that has ended, and a text that another one of its
// choice has taken over from.
func (a *Answer) settle() {
	w := &a.walk
	if w.allEnded {
		a.decideAll()
	}
	for i := range a.texts {
		t := &a.texts[i]
		if t.Len() == t.Decided() || t.fed && !w.ended(t.choice) {
			continue
		}
		if w.ended(t.choice) || a.overtaken(t) {
			a.decide(t)
		}
	}
	for i := range a.texts {
		a.texts[i].fed = false
	}
}

// overtaken reports whether the frame has said something of t's choice in another place: reasoning ends where the answer
// begins. Places that only their numbers tell apart (two tool calls) may take turns.
func (a *Answer) overtaken(t *said) bool {
	for i := range a.texts {
		o := &a.texts[i]
		if o.fed && o.id != 0 && o.choice == t.choice && o.key != t.key {
			return true
		}
	}
	return false
}

// giveUp hides whatever is undecided, so that what waits can leave.
func (a *Answer) giveUp() {
	for i := range a.texts {
		t := &a.texts[i]
		from, to := t.Decided(), t.Len()
		if from == to {
			continue
		}
		had := len(t.Spans)
		t.Hide()
		a.tell(t, had)
		t.Break()
	}
}

// whole keeps apart engines that repeat, in each frame, all that was said so far (SGLang's /generate) from those that say
// only what is new.
type whole struct {
	known, not bool
	seed       maphash.Seed
	sum        uint64
}

// cumulative returns where raw stands in its text, and what of it is new.
func (a *Answer) cumulative(t *said, raw []byte) (from int, fresh []byte) {
	w := &t.whole
	if a.shape != engine.SGLangGenerate || w.not {
		return t.Len(), raw
	}
	n := t.Len()
	if !w.known {
		w.known, w.seed = true, maphash.MakeSeed()
	} else if len(raw) < n || maphash.Bytes(w.seed, raw[:n]) != w.sum {
		w.not = true
		return n, raw
	}
	w.sum = maphash.Bytes(w.seed, raw)
	return 0, raw[n:]
}
