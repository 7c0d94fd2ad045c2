package proxy

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// errEncoded: an answer that somebody has to look at came compressed, though the request asked for a plain one. Whatever
// cannot be read is not let through.
var errEncoded = fmt.Errorf("%w: the answer is compressed, and filters.scan has to read it", upstream.ErrProtocol)

// askPlain asks the upstream for an answer that can be read: not compressed, and not in ranges whose borders the client
// chooses.
func askPlain(h *fasthttp.RequestHeader) {
	h.Set("Accept-Encoding", "identity")
	h.Del("Range")
	h.Del("If-Range")
}

// watched opens what looks at the answer, where somebody does. It reports false for an answer that cannot be read and must
// be; where nothing would be changed, such a one is not looked at.
func (r *relay) watched(framing engine.Framing) bool {
	e, h := r.e, &r.e.ctx.Response.Header
	enc := bytes.TrimSpace(h.ContentEncoding())
	plain := len(enc) == 0 || bytes.EqualFold(enc, []byte("identity"))
	if !plain && !e.AnswerChanges {
		return true
	}
	if r.filter = e.Answers.Answer(&e.Exchange, framing, h.ContentType()); r.filter == nil {
		return true
	}
	if e.AnswerChanges {
		// What vouches for the bytes as the upstream sent them does not for those that leave.
		for _, name := range [...]string{"Content-Digest", "Repr-Digest", "Digest", "Content-Md5", "Accept-Ranges"} {
			h.Del(name)
		}
	}
	return plain
}

// smallWatched is the largest answer of known length that is read whole where a filter may change it: it can then be
// refused with a status of its own, and say what was changed in its head.
const smallWatched = 1 << 20

// small is the largest answer of known length that is read whole.
func (r *relay) small() int64 {
	if r.filter != nil && r.e.AnswerChanges {
		return smallWatched
	}
	return smallBody
}

func (r *relay) unwatch() {
	if r.filter != nil {
		r.filter.Close()
		r.filter = nil
	}
}

// emit lets a piece go, or gives it to the filter, which says what may leave.
func (r *relay) emit(b []byte) {
	f := &r.frames
	if r.filter == nil {
		f.out = append(f.out, b...)
		return
	}
	r.through(b, false)
}

// read waits for the upstream's next bytes; where a filter holds some back, at most as long as it may.
func (r *relay) read(p []byte) (int, error) {
	if r.filter == nil || r.e.AnswerHold == 0 || !r.frames.on || r.frames.hushed {
		return r.resp.Read(p)
	}
	return r.resp.ReadWithin(p, r.e.AnswerHold)
}

// hush has the filter let go of what it held only for caution. Once is enough until more comes.
func (r *relay) hush() {
	f, had := &r.frames, len(r.frames.out)
	f.hushed = true
	f.out = r.filter.Quiet(f.out)
	r.e.BytesOut += int64(len(f.out) - had)
}

// flush has the filter decide about what it still holds.
func (r *relay) flush() {
	f := &r.frames
	if r.filter == nil || f.flushed {
		return
	}
	f.flushed = true
	r.through(nil, true)
}

func (r *relay) through(b []byte, last bool) {
	f, had := &r.frames, len(r.frames.out)
	var v filters.Verdict
	f.out, v = r.filter.Read(f.out, b, last)
	r.e.BytesOut += int64(len(f.out) - had - len(b))
	if v.Passed() {
		return
	}
	// Cut here: what has left stays, one error event follows where the framing has a form for it, and the connection ends.
	f.capped, f.flushed, r.err = true, true, errWithheld
	r.e.Abort, r.e.Verdict = "withheld", v
	r.stop()
}

// filtered sends an answer that was read whole, as the filter leaves it.
func (r *relay) filtered(body []byte) {
	e, f := r.e, &r.frames
	f.out = f.out[:0]
	v := filters.Pass()
	for n := 1; n > 0 && r.events && v.Passed(); { // frames that a client without chunks gets in one piece
		if n = frameEnd(body, r.sse); n > 0 {
			f.out, v = r.filter.Read(f.out, body[:n], false)
			body = body[n:]
		}
	}
	if v.Passed() {
		f.out, v = r.filter.Read(f.out, body, true)
	}
	r.end()
	h := &e.ctx.Response.Header
	if !v.Passed() {
		e.ctx.Response.Reset()
		e.refuse(v)
		return
	}
	if e.Sanitized != "" {
		h.Set("X-Blaze-Sanitized", e.Sanitized)
	}
	e.BytesOut = int64(len(f.out))
	e.ctx.Response.SetBody(f.out)
	f.out = f.out[:0]
}
