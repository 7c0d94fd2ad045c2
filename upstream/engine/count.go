package engine

// count adds up the frames of one answer.
type count struct {
	input, cached int64
	out           int64 // the best that is known
	prev, most    int64 // the last and the largest output reported
	reported      bool
	outReported   bool
	increments    bool // the engine reports what each frame adds, not the sum
	choices       bool // more than one answer is streamed, so that a frame's usage may be one choice's
	llama         llamaCount
}

// add accounts for one frame. Engines report usage once, at the end, or with every frame, summed up (vLLM's
// continuous_usage_stats, SGLang) or as what the frame adds; deltas without usage are counted.
func (c *count) add(f *saying, whole bool) {
	f.settle()
	c.choices = c.choices || f.extra
	if f.reported {
		c.reported = true
		c.input = max(c.input, f.input+f.beside)
		c.cached = max(c.cached, f.cached)
	}
	switch {
	case !f.reported || f.out == 0 && f.output && !whole:
		if f.output {
			c.out += deltaTokens(f.bytes, whole)
		}
	case whole || f.meta || f.final:
		if f.out > 0 || c.out == 0 {
			c.out, c.outReported = f.out, true
		}
	case !f.output:
		c.total(f.out)
	default:
		c.delta(f)
	}
	if f.reported {
		c.prev, c.most = f.out, max(c.most, f.out)
	}
}

// total takes usage from a frame that carries nothing else: the sum of the answer, or the last of the increments.
func (c *count) total(out int64) {
	switch {
	case out >= c.most && (out > 0 || !c.outReported):
		if out > 0 || c.out == 0 {
			c.out, c.outReported = out, true
		}
	case c.increments:
		c.out += out
	}
}

// delta takes usage from a frame with output. A sum grows with output; where it does not, what is reported are
// increments.
func (c *count) delta(f *saying) {
	switch {
	case c.choices:
		c.out += deltaTokens(f.bytes, false)
	case c.increments:
		c.out += f.out
	case c.outReported && f.out <= c.prev:
		c.increments = true
		c.out += f.out
	default:
		c.out, c.outReported = f.out, true
	}
}

// deltaTokens counts a frame's output: a frame is a token, unless it is so long that the engine has put several into
// one. An answer in one piece is estimated by its length.
func deltaTokens(bytes int, whole bool) int64 {
	if whole || bytes > 24 {
		return int64(bytes+3) / 4
	}
	return 1
}

// usage is what is known, for an answer of shape.
func (c *count) usage(shape Shape) Usage {
	u := Usage{Input: c.input, Output: c.out, Cached: c.cached, Reported: c.reported}
	switch shape {
	case Embeddings, Rerank, OllamaEmbed, Tokenize, TritonInfer, None:
		if !c.outReported {
			u.Output = 0 // their text is not a model's
		}
	}
	return u
}
