package engine

// Usage counts an exchange's tokens. Reported says that the engine said so; otherwise Output is counted from deltas.
type Usage struct {
	Input, Output int64
	Cached        int64
	Reported      bool
}

// Framing says how an answer's body is divided.
type Framing uint8

// The framings.
const (
	Whole  Framing = iota // one JSON value, or bytes nobody reads
	Events                // text/event-stream
	Lines                 // application/x-ndjson, as Ollama streams
)

// Meter reads an answer's bytes as they pass, split anywhere, and keeps the count of tokens. It keeps no text, not even
// a frame of it, and never holds a byte back: a reader of one byte after the other that knows at which place of which
// engine's answer it stands. The zero Meter is ready after Reset.
type Meter struct {
	framing Framing
	shape   Shape
	ended   bool
	failed  bool
	frames  int64
	count   count
	json    tap
	sse     eventReader
}

// Reset prepares m for one answer.
func (m *Meter) Reset(shape Shape, framing Framing) {
	*m = Meter{framing: framing, shape: shape}
	m.sse.reset()
	m.json.reset(framing)
}

// Feed reads the next bytes of the body.
func (m *Meter) Feed(p []byte) {
	switch m.framing {
	case Events:
		m.sse.feed(m, p)
	case Lines:
		m.feedLines(p)
	default:
		m.json.feed(p)
	}
}

// Usage returns what is known so far. Before the end of an answer in one piece that is nothing.
func (m *Meter) Usage() Usage {
	c := m.count
	if m.framing == Whole || m.json.begun {
		frame := m.json.frame // a copy: the answer may go on
		m.add(&c, &frame)
	}
	return c.usage(m.shape)
}

// Ended reports whether a stream said that it is complete ([DONE], message_stop, "done":true), and Failed whether an
// error event or malformed frame was seen inside it.
func (m *Meter) Ended() bool  { return m.ended }
func (m *Meter) Failed() bool { return m.failed || m.framing == Whole && m.json.frame.failed }

// Malformed reports whether an answer in one piece began as JSON and is none. Whether it was to be JSON, its type says.
func (m *Meter) Malformed() bool {
	return m.framing == Whole && m.json.begun && !m.json.mute && !m.json.complete()
}

// Frames counts the complete frames that carried output.
func (m *Meter) Frames() int64 { return m.frames }

// feedLines reads NDJSON: every line is a frame.
func (m *Meter) feedLines(p []byte) {
	for len(p) > 0 {
		end, found := indexLine(p)
		m.json.feed(p[:end])
		if !found {
			return
		}
		m.endFrame()
		p = p[end+1:]
	}
}

// endFrame accounts for the frame that has ended.
func (m *Meter) endFrame() {
	t := &m.json
	if !t.begun {
		return
	}
	f := &t.frame
	f.settle()
	m.failed = m.failed || f.failed || !t.complete()
	m.ended = m.ended || f.ended
	if f.output {
		m.frames++
	}
	m.add(&m.count, f)
	if m.shape == LlamaCompletion {
		m.ended = m.count.llama.ended()
	}
	t.reset(m.framing)
}

// add accounts for one frame, or for the whole answer.
func (m *Meter) add(c *count, f *saying) {
	if m.shape == LlamaCompletion && m.framing != Whole {
		c.addLlama(f)
		return
	}
	c.add(f, m.framing == Whole)
}
