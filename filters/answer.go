package filters

import "blaze/upstream/engine"

// AnswerFilter looks at answers on their way to the client. A filter that means to sets itself as Exchange.Answers while
// it judges the body; the relay knows it only as this.
type AnswerFilter interface {
	// Answer begins one answer, whose head has come: its framing, and its content type as the upstream wrote it. nil means
	// that nobody has to look at this one. It is called before anything of the answer has left.
	Answer(x *Exchange, framing engine.Framing, contentType []byte) AnswerReader
}

// AnswerReader is one answer being looked at. It belongs to the exchange's goroutine.
type AnswerReader interface {
	// Read takes the next piece: a whole frame, its end included, where the answer is a stream of frames, else any bytes.
	// It appends to dst what may leave now, which may be less than was given or nothing. last says that nothing follows, and
	// that whatever was held must be decided; piece may then be empty. A verdict that does not pass ends the answer: what
	// has been appended may still leave.
	Read(dst, piece []byte, last bool) ([]byte, Verdict)
	// Quiet is called when nothing has come for AnswerHold: what was held only for caution may be appended to dst.
	Quiet(dst []byte) []byte
	// Close is called once, on every way out; r must not be used after it.
	Close()
}
