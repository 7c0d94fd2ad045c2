package redact

import (
	"unicode/utf8"

	"blaze/filters/scan/secrets"
	"blaze/upstream/engine"
)

// leave appends to dst the items at the front that are decided, or near enough where it is quiet, and drops them. With Cut,
// what was found stays, and everything behind it.
func (a *Answer) leave(dst []byte, quiet bool) []byte {
	n := 0
	for ; n < len(a.items) && a.decided(&a.items[n], quiet); n++ {
		it := &a.items[n]
		touched := a.touched(it)
		switch {
		case touched && a.effect == Cut:
			return dst
		case touched || a.hid && it.nulls < it.endNull:
			a.hid = true
			dst = a.render(dst, it, touched)
		default:
			dst = append(dst, a.buf[it.off:it.end]...)
		}
	}
	a.drop(n)
	return dst
}

// decided reports whether nothing that follows can change it; where it is quiet, whether what could is tolerated.
func (a *Answer) decided(it *item, quiet bool) bool {
	for _, s := range a.segs[it.segs:it.endSeg] {
		if t := &a.texts[s.text]; s.to > t.Decided() && !(quiet && t.Begun() <= tolerated) {
			return false
		}
	}
	for i := it.segs; quiet && i < it.endSeg; i++ {
		if t := &a.texts[a.segs[i].text]; !t.repeats() && a.segs[i].to > t.Decided() {
			t.let = a.segs[i].to
		}
	}
	return true
}

// touched reports whether something in it is to be hidden.
func (a *Answer) touched(it *item) bool {
	for i := it.segs; i < it.endSeg; i++ {
		s := &a.segs[i]
		spans := a.texts[s.text].Spans
		for k := len(spans) - 1; k >= 0 && spans[k].To > s.from; k-- {
			if spans[k].From < s.to {
				return true
			}
		}
	}
	return false
}

// drop takes the first n items out of what waits.
func (a *Answer) drop(n int) {
	switch {
	case n == 0:
		return
	case n == len(a.items):
		a.clear()
		a.forget()
		return
	}
	it := a.items[n]
	a.items = a.items[:copy(a.items, a.items[n:])]
	a.buf = a.buf[:copy(a.buf, a.buf[it.off:])]
	a.segs = a.segs[:copy(a.segs, a.segs[it.segs:])]
	a.nulls = a.nulls[:copy(a.nulls, a.nulls[it.nulls:])]
	for i := range a.items {
		o := &a.items[i]
		o.off, o.end = o.off-it.off, o.end-it.off
		o.segs, o.endSeg = o.segs-it.segs, o.endSeg-it.segs
		o.nulls, o.endNull = o.nulls-it.nulls, o.endNull-it.nulls
	}
	for i := range a.segs {
		a.segs[i].off, a.segs[i].end = a.segs[i].off-it.off, a.segs[i].end-it.off
	}
	for i := range a.nulls {
		a.nulls[i].off, a.nulls[i].end = a.nulls[i].off-it.off, a.nulls[i].end-it.off
	}
}

// forget drops the spans that nothing which waits can meet any more.
func (a *Answer) forget() {
	if a.effect == Watch {
		rest := a.buf
		a.clear()
		if a.kind == oneJSON {
			a.buf = rest
		}
	}
	for i := range a.texts {
		t := &a.texts[i]
		n := len(t.Spans)
		switch {
		case n == 0 || t.repeats():
		case t.Open():
			t.Spans = append(t.Spans[:0], t.Spans[n-1])
		default:
			t.Spans = t.Spans[:0]
		}
	}
}

// render appends it with labels in the place of what was found. Where a frame says the same once more token by token
// (logprobs), it says null; and so it does ever after where one may say what earlier ones said (Ollama's context).
func (a *Answer) render(dst []byte, it *item, touched bool) []byte {
	at, null := it.off, it.nulls
	nullUpTo := func(off int) {
		for ; null < it.endNull && a.nulls[null].off < off; null++ {
			if e := a.nulls[null]; e.off >= at && (touched || e.always) {
				dst = append(append(dst, a.buf[at:e.off]...), "null"...)
				at = e.end
			}
		}
	}
	for i := it.segs; i < it.endSeg; i++ {
		s := &a.segs[i]
		nullUpTo(s.off)
		if s.off < at {
			continue // in what is gone
		}
		dst = append(dst, a.buf[at:s.off]...)
		dst = a.hide(dst, s)
		at = s.end
	}
	nullUpTo(it.end)
	return append(dst, a.buf[at:it.end]...)
}

// hide appends s without what is to be hidden. A label stands where a span begins, or goes on behind what has left already;
// of a span that goes on from an earlier segment nothing is left.
func (a *Answer) hide(dst []byte, s *segment) []byte {
	t := &a.texts[s.text]
	raw := a.buf[s.off:s.end]
	at, pos := 0, s.from // the same place, in raw and in the text
	for _, span := range t.Spans {
		if span.To <= s.from || span.From >= s.to {
			continue
		}
		from := advance(raw, at, max(span.From, s.from)-pos, s.escaped)
		dst = append(dst, raw[at:from]...)
		pos = max(span.From, s.from)
		if max(span.From, t.let) >= s.from {
			dst = append(dst, a.label(span)...)
		}
		at = advance(raw, from, min(span.To, s.to)-pos, s.escaped)
		pos = min(span.To, s.to)
	}
	return append(dst, raw[at:]...)
}

func (a *Answer) label(s secrets.Span) string {
	if s.Kind < 0 {
		return "[redacted]"
	}
	return a.finder.Label(s.Kind)
}

// advance is the place in raw, a part of a JSON string, that is n bytes of text behind at.
func advance(raw []byte, at, n int, escaped bool) int {
	if !escaped {
		return at + n
	}
	for n > 0 && at < len(raw) {
		if raw[at] != '\\' {
			at, n = at+1, n-1
			continue
		}
		r, size := engine.Escape(raw[at:])
		at, n = at+size, n-max(1, utf8.RuneLen(r))
	}
	return at
}
