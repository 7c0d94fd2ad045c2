package engine

// llamaCount adds up a stream of llama.cpp's own, in which answers to several prompts may take turns. Each frame has the count of
// its answer so far; the last one of an answer has the count that stands, unless the client has asked for other members
// (response_fields), and does not say that it goes on.
type llamaCount struct {
	answers int64 // seen so far: the largest index, plus one
	over    int64 // which have ended
	deltas  int64 // tokens, by the frames that went by
	counted int64 // tokens of those that have ended
	input   int64
}

// addLlama accounts for one frame. What ended answers are said to cost counts, and frames as far as others run on.
func (c *count) addLlama(f *saying) {
	f.settle()
	l := &c.llama
	l.answers = max(l.answers, min(f.index, 1<<20)+1)
	if f.output {
		l.deltas += deltaTokens(f.bytes, false)
	}
	if f.goesOn {
		c.input = max(c.input, f.input)
		c.out = max(l.deltas, l.counted)
		return
	}
	l.over++
	l.counted += f.out
	l.input += f.input
	c.reported, c.outReported = c.reported || f.reported, c.outReported || f.reported
	c.input = max(c.input, l.input)
	if c.out = l.counted; !l.ended() || !f.reported {
		c.out = max(l.deltas, l.counted)
	}
}

// ended reports whether every answer that has begun is over.
func (l *llamaCount) ended() bool { return l.answers > 0 && l.over >= l.answers }
