package cache

import (
	"bytes"
	"io"
	"time"

	"github.com/valyala/fasthttp"
)

// Reader gives an answer out from its start. It belongs to one goroutine.
type Reader struct {
	a      *Answer
	off    int
	joined bool
	since  time.Duration // how old a whole answer was when it was found
}

// Wait bounds a reader's waits.
type Wait struct {
	Done  <-chan struct{}
	Until time.Time // zero is never
}

// Joined reports whether the answer was still being written when it was found.
func (r *Reader) Joined() bool { return r.joined }

// Age is how old the answer was when it was found; zero for one that was being written.
func (r *Reader) Age() time.Duration { return r.since }

// Head waits for the head and copies it to h; size is the body's, -1 for a stream. An answer in one piece is given out
// only when it is whole, so that whoever waits for it can still ask for their own when it fails. The errors are ErrFailed,
// ErrGone and ErrLate.
func (r *Reader) Head(h *fasthttp.ResponseHeader, w Wait) (size int64, err error) {
	a := r.a
	for {
		a.mu.Lock()
		s, frames, n, changed := a.state, a.frames, len(a.body), a.changed
		a.mu.Unlock()
		switch {
		case s == failed:
			return 0, ErrFailed
		case s == whole && frames == inOnePiece:
			a.header.CopyTo(h)
			return int64(n), nil
		case s == whole, s == begun && frames != inOnePiece:
			a.header.CopyTo(h)
			return -1, nil
		}
		if err := w.wait(changed); err != nil {
			return 0, err
		}
	}
}

// Read returns the next bytes, of a stream the next frame at most; io.EOF is the body's end. It waits for what is still to
// be written.
func (r *Reader) Read(p []byte, w Wait) (int, error) {
	a := r.a
	for {
		a.mu.Lock()
		rest, s, changed := a.body[r.off:], a.state, a.changed
		a.mu.Unlock()
		switch { // what was written is never changed, so it may be read without the lock
		case len(rest) > 0:
			n := copy(p, rest[:a.frames.first(rest)])
			r.off += n
			return n, nil
		case s == whole:
			return 0, io.EOF
		case s == failed:
			return 0, ErrFailed
		}
		if err := w.wait(changed); err != nil {
			return 0, err
		}
	}
}

// Close ends the reading. More calls do nothing.
func (r *Reader) Close() {
	if r.joined {
		r.joined = false
		r.a.leave()
	}
}

// wait returns when c is closed.
func (w Wait) wait(c <-chan struct{}) error {
	var late <-chan time.Time
	if !w.Until.IsZero() {
		t := time.NewTimer(time.Until(w.Until))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-c:
		return nil
	case <-w.Done:
		return ErrGone
	case <-late:
		return ErrLate
	}
}

func framesOf(contentType []byte) frameKind {
	switch {
	case bytes.HasPrefix(contentType, []byte("text/event-stream")):
		return events
	case bytes.HasPrefix(contentType, []byte("application/x-ndjson")):
		return lines
	}
	return inOnePiece
}

// Streamed reports whether the answer with that head is a stream of frames.
func Streamed(h *fasthttp.ResponseHeader) bool { return framesOf(h.ContentType()) != inOnePiece }

// first is the length of the first frame in b, its end included; all of b where there is no end.
func (k frameKind) first(b []byte) int {
	if k == inOnePiece {
		return len(b)
	}
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return len(b)
		}
		at += i + 1
		switch rest := b[at:]; {
		case k == lines:
			return at
		case len(rest) > 0 && rest[0] == '\n':
			return at + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return at + 2
		}
	}
}

// personalFields of an answer concern the one exchange that it was given in.
var personalFields = [...]string{"Set-Cookie", "Authorization", "Proxy-Authenticate", "Proxy-Authorization", "Www-Authenticate",
	"X-Request-Id", "Traceparent", "Tracestate", "Server-Timing", "Retry-After", "X-Cache", "Age"}

// personal takes out what was meant for one client: an upstream's limits too, which are another caller's.
func personal(h *fasthttp.ResponseHeader) {
	for _, name := range personalFields {
		h.Del(name)
	}
	var limits [][]byte
	for name := range h.All() {
		if len(name) >= 9 && bytes.EqualFold(name[:9], []byte("ratelimit")) || len(name) >= 11 && bytes.EqualFold(name[:11], []byte("x-ratelimit")) {
			limits = append(limits, bytes.Clone(name))
		}
	}
	for _, name := range limits {
		h.DelBytes(name)
	}
}

// Personal reports whether the answer's own fields say that it is not to be kept, or that it was made for one client
// (RFC 9111, 3 and 5.2.2; Set-Cookie besides).
func Personal(h *fasthttp.ResponseHeader) bool {
	if len(h.Peek("Set-Cookie")) > 0 {
		return true
	}
	for _, v := range h.PeekAll("Cache-Control") {
		v = bytes.ToLower(v)
		if bytes.Contains(v, []byte("no-store")) || bytes.Contains(v, []byte("private")) {
			return true
		}
	}
	return bytes.ContainsRune(h.Peek("Vary"), '*')
}
