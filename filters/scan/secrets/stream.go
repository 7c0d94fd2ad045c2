package secrets

// Stream is a text that arrives in pieces. The spans it finds are those that Find finds in the whole, wherever the pieces
// begin and end. The zero Stream is ready after Reset.
type Stream struct {
	// Spans are what was found so far, in order. The last one may grow while its tail goes on. Its owner may take spans
	// away from the front.
	Spans []Span
	f     *Finder
	buf   []byte // context, then what is undecided
	base  int    // where buf begins in the text
	done  int    // buf[:done] is decided
	firm  int    // where, in the text, something has begun that is undecided
	on    tail   // the tail that goes on; nil when none does
	state uint16
	text  text
}

// Reset makes s ready for another text, keeping its memory.
func (s *Stream) Reset(f *Finder) {
	*s = Stream{Spans: s.Spans[:0], f: f, buf: s.buf[:0]}
}

// Len is how much of the text has come.
func (s *Stream) Len() int { return s.base + len(s.buf) }

// Decided is how much of the text is decided: what is before it and in no span is no secret, whatever follows.
func (s *Stream) Decided() int { return s.base + s.done }

// Begun is how much of what is undecided may be the begin of something. What is undecided beyond that is only a word, which
// an @ behind it would make the first part of an address.
func (s *Stream) Begun() int { return s.Len() - max(s.firm, s.Decided()) }

// Feed takes the next piece; last says that nothing follows.
func (s *Stream) Feed(piece []byte, last bool) {
	s.buf = append(s.buf, piece...)
	if s.on != nil {
		s.follow()
	}
	s.text.b, s.text.end = s.buf, last
	for s.on == nil && s.done < len(s.buf) {
		span, undecided, ok := s.f.next(&s.text, s.done)
		if !ok {
			s.done, s.firm = undecided, s.base+s.text.firm
			break
		}
		s.take(span)
		if s.on = s.f.kinds[span.Kind].tail; s.on != nil {
			s.follow()
		}
	}
	if last {
		s.on = nil
	}
	s.trim()
}

// take makes a span of what next has found.
func (s *Stream) take(span Span) {
	s.done, s.state = span.To, 0
	span.From, span.To = span.From+s.base, span.To+s.base
	s.Spans = append(s.Spans, span)
}

// Settle decides now what is undecided, if it is a find as it stands and reaches to the end; letters and digits that follow
// belong to it then.
func (s *Stream) Settle() {
	s.text.b, s.text.end = s.buf, true
	span, _, ok := s.f.next(&s.text, s.done)
	if s.on != nil || !ok || span.To != len(s.buf) {
		return
	}
	s.take(span)
	if s.on = s.f.kinds[span.Kind].tail; s.on == nil {
		s.on = func(_ uint16, c byte) (uint16, bool) { return 0, alnum[c] }
	}
	s.trim()
}

// Hide makes a span, of no kind (-1), of whatever is not decided.
func (s *Stream) Hide() {
	if s.done < len(s.buf) {
		s.Spans = append(s.Spans, Span{Kind: -1, From: s.base + s.done, To: s.base + len(s.buf)})
		s.done = len(s.buf)
	}
}

// Break begins another text behind this one, which must be decided: what follows has nothing to do with what was before.
// Lengths and spans go on counting from the first text's begin.
func (s *Stream) Break() {
	s.base, s.done, s.on = s.base+len(s.buf), 0, nil
	s.buf = s.buf[:0]
}

// Finder is what s finds with.
func (s *Stream) Finder() *Finder { return s.f }

// Open reports whether the last span may still grow.
func (s *Stream) Open() bool { return s.on != nil }

// follow takes the bytes that belong to the last span's tail.
func (s *Stream) follow() {
	end, state, open := goOn(s.on, s.state, s.buf, s.done)
	s.done, s.state = end, state
	if n := len(s.Spans); n > 0 {
		s.Spans[n-1].To = s.base + end
	}
	if !open {
		s.on = nil
	}
}

// trim lets go of what can no longer matter.
func (s *Stream) trim() {
	if over := s.done - contextMax; over > 0 {
		n := copy(s.buf, s.buf[over:])
		s.buf = s.buf[:n]
		s.base, s.done = s.base+over, contextMax
	}
}
