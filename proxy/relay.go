package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"blaze/filters"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// relay is the answer on its way back: the upstream's body, read by fasthttp's writer as it arrives, one flush a read.
// It is the one place where a stream ends. It counts what passes and holds no byte back, but where a filter looks at the
// answer.
type relay struct {
	e         *exchange
	resp      *upstream.Response
	meter     engine.Meter
	filter    filters.AnswerReader // nil when nobody looks at this answer
	sentAt    time.Time
	wholeAt   time.Time // when the last of an answer came that is sent as a whole
	streaming bool      // the body is read after the handler returned; Close finishes the exchange
	events    bool      // the body is a stream of frames
	sse       bool
	err       error // what ended the body early; io.EOF after its proper end
	told      bool  // the error event has been sent
	inside    bool  // what was sent ends inside an event
	frames    frames
}

// smallBody is the largest answer of known length that is read whole before it is sent: it then leaves in one write.
const smallBody = 64 << 10

func (r *relay) reset() {
	r.unwatch()
	r.frames.reset()
	*r = relay{meter: r.meter, frames: r.frames}
}

// stop drops the upstream, which aborts what it is doing.
func (r *relay) stop() {
	if r.resp != nil {
		r.resp.Close()
		r.resp = nil
	}
}

// answer sends the upstream's answer to the client: small ones at once, all others as they arrive.
func (e *exchange) answer() {
	r := &e.relay
	r.e = e
	h := &e.ctx.Response.Header
	r.resp.Header.CopyTo(h)
	e.Status = h.StatusCode()
	e.incoming(h)
	framing := framingOf(h.ContentType())
	r.sse, r.events = framing == engine.Events, framing != engine.Whole
	r.meter.Reset(e.Endpoint.Shape, framing)
	size := r.resp.Size
	switch {
	case e.Request.IsHead() || bodyless(e.Status):
		e.ctx.Response.SkipBody = true
		r.stop()
	case e.Answers != nil && !r.watched(framing):
		r.failed(errEncoded)
	case size >= 0 && size <= r.small() && !r.events, !e.Request.IsHTTP11() && (size < 0 || r.filter != nil):
		r.whole(size)
	default:
		r.streaming = true
		r.frames.on = r.filter != nil || r.events && (r.frames.hideUsage || e.OutputCap > 0)
		e.ctx.Response.ImmediateHeaderFlush = true
		if r.events || r.filter != nil && e.AnswerChanges {
			// Chunks are flushed per read on every kind of connection; fixed lengths are not, and a filter may change them.
			size = -1
		}
		e.ctx.Response.SetBodyStream(r, int(size))
	}
}

// bodyless statuses have no body whatever their head says (RFC 9112, 6.3).
func bodyless(status int) bool { return status == 204 || status == 304 }

// framingOf tells streams of frames from whole bodies by the content type.
func framingOf(ct []byte) engine.Framing {
	switch {
	case hasMediaType(ct, "text/event-stream"):
		return engine.Events
	case hasMediaType(ct, "application/x-ndjson"):
		return engine.Lines
	}
	return engine.Whole
}

// hasMediaType compares as RFC 9110, 8.3.1, has it: case makes no difference.
func hasMediaType(ct []byte, kind string) bool {
	return len(ct) >= len(kind) && strings.EqualFold(str(ct[:len(kind)]), kind)
}

// whole reads the answer before it is sent: small ones, and those of unknown length for HTTP/1.0, which has no chunks.
func (r *relay) whole(size int64) {
	e, limit := r.e, int64(maxWhole)
	body := e.forward[:0]
	if size < 0 {
		r.meter.Reset(e.Endpoint.Shape, engine.Whole)
	}
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := r.next(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == nil && int64(len(body)) <= limit {
			continue
		}
		e.forward, r.wholeAt = body, r.resp.At()
		switch {
		case err != io.EOF:
			r.failed(err)
		case r.filter != nil:
			r.filtered(body)
		default:
			e.ctx.Response.SetBody(body)
			r.end()
		}
		if err == io.EOF && e.Abort == "" && e.conn != nil && e.conn.gone.Load() { // the answer was finished for others
			e.Abort, e.Result = "client_gone", upstream.Neutral
		}
		return
	}
}

// maxWhole bounds what is buffered for an HTTP/1.0 client.
const maxWhole = 16 << 20

// failed answers for an upstream that broke off before anything was sent to the client.
func (r *relay) failed(err error) {
	r.stop()
	r.e.ctx.Response.Reset()
	if err == nil {
		err = upstream.ErrProtocol
	}
	r.unwatch()
	r.e.upstreamFailed(err)
}

// Read gives fasthttp the next bytes to send. After the upstream broke off, a stream gets one error event or line; then
// the client's connection is cut, so that nobody takes a part for the whole.
func (r *relay) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, r.panicked(v)
		}
	}()
	defer func() { r.sent(p[:n]) }()
	if r.frames.on {
		return r.readFrames(p)
	}
	if r.err != nil {
		return r.last(p)
	}
	n, err = r.next(p)
	if err == nil || err == io.EOF {
		r.err = err
		return n, err
	}
	r.err = err
	r.judge(err)
	if n > 0 {
		return n, nil
	}
	return r.last(p)
}

// next reads from the upstream and counts.
func (r *relay) next(p []byte) (int, error) {
	n, err := r.read(p)
	if n > 0 {
		e, began := r.e, r.resp.At()
		if e.BytesOut == 0 {
			e.FirstByte = began.Sub(e.Began)
		}
		e.BytesOut += int64(n)
		if !r.frames.on {
			r.meter.Feed(p[:n])
		}
		if r.streaming {
			e.ownTime += int64(time.Since(began))
		}
	}
	return n, err
}

// last is what a client gets after the upstream broke off.
func (r *relay) last(p []byte) (int, error) {
	shape := r.e.Endpoint.Shape
	lines := r.events && !r.sse && (shape == engine.OllamaChat || shape == engine.OllamaGenerate)
	if r.err == io.EOF || !r.sse && !lines || r.told || r.e.Abort == "client_gone" {
		return 0, r.err
	}
	r.told = true
	d := filters.UpstreamError
	switch r.e.Abort {
	case "withheld":
		d = r.e.Verdict.Denial
	case "stall", "timeout":
		d = filters.UpstreamTimeout
	case "shutdown":
		d = filters.Draining
	case "panic":
		d = filters.InternalError
	}
	return copy(p, r.appendError(nil, d, shape)), nil
}

// appendError appends what tells a stream's client that it has broken off, in the words of the shape: Anthropic's clients heed only
// an event that is called one, and Ollama's take a line whose error is a text.
func (r *relay) appendError(dst []byte, d *filters.Denial, shape engine.Shape) []byte {
	if !r.sse {
		if r.inside {
			dst = append(dst, '\n')
		}
		text, _ := json.Marshal(d.Message)
		return append(append(append(dst, `{"error":`...), text...), "}\n"...)
	}
	if r.inside {
		dst = append(dst, "\n\n"...)
	}
	if shape != engine.Messages {
		return append(d.AppendJSON(append(dst, "data: "...), ""), "\n\n"...)
	}
	dst = d.AppendJSON(append(dst, "event: error\ndata: "...), "")
	return append(bytes.TrimSuffix(dst, []byte{'}'}), `,"type":"error"}`+"\n\n"...)
}

// sent notes whether what the client has got ends inside an event: one about an error must begin on a line of its own.
func (r *relay) sent(p []byte) {
	if len(p) > 0 && !r.sse {
		r.inside = p[len(p)-1] != '\n'
	}
	if len(p) > 0 && r.sse {
		r.inside = !bytes.HasSuffix(p, []byte("\n\n")) && !bytes.HasSuffix(p, []byte("\r\n\r\n"))
	}
}

// judge names the reason why the stream broke off, and whose fault it was.
func (r *relay) judge(err error) {
	e := r.e
	e.Result = upstream.Failure
	switch {
	case errors.Is(err, upstream.ErrCancelled) && e.s.cutting.Load() && !e.conn.gone.Load():
		e.Abort, e.Result = "shutdown", upstream.Neutral
	case errors.Is(err, upstream.ErrCancelled):
		e.Abort, e.Result = "client_gone", upstream.Neutral
	case errors.Is(err, upstream.ErrStall):
		e.Abort = "stall"
	case errors.Is(err, upstream.ErrTimeout):
		e.Abort, e.Result = "timeout", upstream.Neutral
	default:
		e.Abort = "upstream_cut"
	}
}

// Close is called by fasthttp when the answer is sent, or cannot be: the stream ends here.
func (r *relay) Close() error {
	if !r.streaming {
		return nil
	}
	r.streaming = false
	e := r.e
	if r.err == nil && e.Abort == "" {
		// Nobody read to the end: the client's connection broke while it was written to.
		e.Abort, e.Result = "client_gone", upstream.Neutral
	}
	r.end()
	e.finish()
	return nil
}

// end takes the account and gives the upstream's connection back.
func (r *relay) end() {
	e := r.e
	r.carryOn()
	e.Usage, e.Frames = r.meter.Usage(), r.meter.Frames()
	failed := r.meter.Failed() || r.meter.Malformed() && hasMediaType(e.ctx.Response.Header.ContentType(), "application/json")
	if failed {
		e.Lease.Spoil() // an error is nobody else's answer
	}
	if e.Lease.Remembered() {
		e.Usage = engine.Usage{Reported: true} // no model worked for it
	}
	generated := r.events || e.Endpoint.Streams && e.Request.IsPost()
	if generated && e.Abort == "" && e.Status < 300 && (failed || r.sse && e.Endpoint.Streams && !r.meter.Ended() && e.Frames > 0) {
		// A 200 that holds an error or no JSON, or a stream that stops without saying so, is a failure that no status shows. An
		// error in an answer that is asked for later (GET /v1/responses/ID) is an old one.
		e.Result = upstream.Failure
		e.Lease.Spoil()
	}
	r.stop()
	r.unwatch()
}

// carryOn reads the rest of an answer that its own client does not wait for any more, as long as others wait for the same.
func (r *relay) carryOn() {
	e := r.e
	if r.resp == nil || e.Abort != "client_gone" || !e.Lease.Wanted() {
		return
	}
	e.forward = append(e.forward[:0], make([]byte, 4<<10)...)
	for e.Lease.Wanted() {
		n, err := r.resp.Read(e.forward)
		r.meter.Feed(e.forward[:n])
		if err != nil {
			return
		}
	}
}

// panicked ends a stream whose relay has a bug.
func (r *relay) panicked(v any) error {
	r.e.s.log.Error().Str("request_id", r.e.ID).Any("panic", v).Msg("relay panicked")
	r.e.s.panics.Inc()
	r.e.Abort = "panic"
	r.err = errRelay
	return errRelay
}

var (
	errRelay    = errors.New("relay failed")
	errWithheld = errors.New("the rest of the answer is withheld")
)
