package proxy

import (
	"bytes"
	"encoding/json"
	"io"

	"blaze/upstream"
	"blaze/upstream/engine"
)

// frames gives a stream out in whole frames, where something has to look at them one by one: the usage chunk that the
// client did not ask for is dropped, a hard cap ends the stream between two frames, and a filter may change or hold them.
// A frame leaves when it is complete. Streams that need none of this are not cut into frames.
type frames struct {
	on        bool
	hideUsage bool
	in        []byte // an incomplete frame, at most maxFrame
	out       []byte // whole frames on their way to the client
	sent      int    // bytes of out already given
	last      []byte // the last frame that carried output: the model for a final one
	capped    bool   // the stream was ended here
	flushed   bool   // the filter has let go of what it held
	hushed    bool   // it has let go of what it held only for caution, and nothing has come since
}

// maxFrame bounds what is held for the end of a frame; a longer one passes as it comes.
const maxFrame = 1 << 20

func (f *frames) reset() {
	keep := func(b []byte) []byte {
		if cap(b) > keepBytes {
			return nil
		}
		return b[:0]
	}
	*f = frames{in: keep(f.in), out: keep(f.out), last: keep(f.last)}
}

// readFrames is Read for a stream in frames.
func (r *relay) readFrames(p []byte) (int, error) {
	f := &r.frames
	for {
		if f.sent < len(f.out) {
			n := copy(p, f.out[f.sent:])
			f.sent += n
			return n, nil
		}
		f.out, f.sent = f.out[:0], 0
		if r.err != nil {
			switch {
			case len(f.in) > 0 && r.sse && r.err != io.EOF: // half an event is none (WHATWG), and would swallow the one with the error
				r.e.BytesOut -= int64(len(f.in))
				f.in = f.in[:0]
			case len(f.in) > 0 && !f.capped: // the upstream's last bytes, though no frame, are the upstream's
				r.pass()
			case r.filter != nil && !f.flushed:
				r.flush()
			default:
				return r.last(p)
			}
			continue
		}
		n, err := r.next(p)
		if err == upstream.ErrQuiet {
			r.hush()
			continue
		}
		f.hushed = false
		f.in = append(f.in, p[:n]...)
		if r.err = err; err != nil && err != io.EOF {
			r.judge(err)
		}
		r.cut()
	}
}

// cut moves the whole frames from in to out.
func (r *relay) cut() {
	f := &r.frames
	if !r.events { // an answer in one piece: whatever has come
		r.give(f.in)
		f.in = f.in[:0]
		return
	}
	at := 0
	for !f.capped {
		n := frameEnd(f.in[at:], r.sse)
		if n == 0 {
			break
		}
		r.frame(f.in[at : at+n])
		at += n
	}
	f.in = append(f.in[:0], f.in[at:]...)
	if len(f.in) > maxFrame {
		r.pass()
	}
}

// pass lets bytes through that are no whole frame.
func (r *relay) pass() {
	f := &r.frames
	r.give(f.in)
	f.in = f.in[:0]
}

// give counts the next piece and lets it go, through the filter where there is one.
func (r *relay) give(b []byte) {
	r.meter.Feed(b)
	r.emit(b)
}

// frame judges one frame.
func (r *relay) frame(b []byte) {
	f := &r.frames
	r.meter.Feed(b)
	if f.hideUsage && r.sse && usageOnly(b) {
		return
	}
	r.emit(b)
	if r.e.OutputCap == 0 || f.capped {
		return
	}
	if !bytes.Contains(b, []byte("[DONE]")) {
		f.last = append(f.last[:0], b...)
	}
	if r.meter.Usage().Output < r.e.OutputCap || r.meter.Ended() {
		return
	}
	if r.e.Budget != nil && r.e.Budget.Extend(&r.e.Exchange) {
		return
	}
	f.capped, r.err = true, io.EOF
	r.flush()
	f.out = engine.AppendFinal(f.out, r.e.Endpoint.Shape, f.last, r.meter.Usage(), r.e.Document.IncludeUsage)
	r.e.Abort = "budget"
	r.stop()
}

// frameEnd is the length of the first whole frame in b, its end included; 0 when there is none. An event ends with an
// empty line (WHATWG server-sent events: LF, CRLF or CR), a JSON line with LF.
func frameEnd(b []byte, sse bool) int {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return 0
		}
		at += i + 1
		if !sse {
			return at
		}
		switch rest := b[at:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return at + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return at + 2
		}
	}
}

// usageOnly reports whether an event is the chunk that stream_options.include_usage adds: usage, and no choices.
func usageOnly(b []byte) bool {
	if !bytes.Contains(b, []byte(`"usage"`)) {
		return false
	}
	_, data, ok := bytes.Cut(b, []byte("data:"))
	if !ok {
		return false
	}
	var chunk struct {
		Choices *[]json.RawMessage `json:"choices"`
		Usage   *json.RawMessage   `json:"usage"`
	}
	return json.Unmarshal(bytes.TrimSpace(data), &chunk) == nil && chunk.Choices != nil && len(*chunk.Choices) == 0 && chunk.Usage != nil
}

// withUsage is the exchange's edits, and the one that makes a streaming engine report its usage, where the leased engine
// takes the request for it and the client did not ask.
func (e *exchange) withUsage() []engine.Edit {
	d, f := &e.Document, &e.relay.frames
	f.hideUsage = false
	if !e.HasDocument || !d.Stream || d.IncludeUsage || !e.Lease.Info().Engine.IncludeUsage ||
		e.Endpoint.Shape != engine.Chat && e.Endpoint.Shape != engine.Completions {
		return e.Edits
	}
	options := []byte(`{"include_usage":true}`)
	if sent, ok := d.Field("stream_options"); ok && sent.Type == '{' {
		var members map[string]json.RawMessage
		if json.Unmarshal(d.Body[sent.ValOff:sent.ValOff+sent.ValLen], &members) != nil {
			return e.Edits
		}
		members["include_usage"] = json.RawMessage("true")
		options, _ = json.Marshal(members)
	}
	add := d.SetField("stream_options", options)
	for _, edit := range e.Edits {
		if edit.Off == add.Off && edit.Len > 0 {
			return e.Edits // params has the last word on it
		}
	}
	f.hideUsage = true
	e.edits = append(append(e.edits[:0], e.Edits...), add)
	return e.edits
}
