package demo

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// frames sends an answer piece by piece and does to it what the call's Behavior says. An error from send means that
// the answer is over: the client has gone, or the fault that was asked for has happened.
type frames struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	c    *call
	sent int
}

// events begins an event stream.
func (s *Server) events(w http.ResponseWriter, r *http.Request, c *call) *frames {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	f := &frames{s: s, w: w, r: r, c: c}
	f.flush()
	return f
}

// event sends v as one event and reports whether the stream goes on.
func (f *frames) event(v any) bool {
	data, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	if f.c.MalformedAt == f.sent+1 {
		data = data[:len(data)/2]
	}
	if at := f.c.ErrorAfter; at != nil && f.sent == *at {
		data, _ = json.Marshal(errorObject("server_error", "", "demo_failure", "the demo backend was told to fail in the stream"))
		f.write(append(append([]byte("data: "), data...), "\n\ndata: [DONE]\n\n"...))
		return false
	}
	return f.send(append(append([]byte("data: "), data...), "\n\n"...))
}

// usage ends the stream, after a last event without choices where the client asked for the usage.
func (f *frames) usage(e envelope, u *usage) {
	if e.Choices, e.Usage = []any{}, u; u != nil && !f.event(e) {
		return
	}
	f.c.whole = f.write([]byte("data: [DONE]\n\n"))
}

// send sends one frame, in time, and reports whether there may be another. It panics with http.ErrAbortHandler, which
// closes the connection, where the answer is to be cut.
func (f *frames) send(frame []byte) bool {
	ctx := f.r.Context()
	if at := f.c.StallAfter; at != nil && f.sent == *at {
		<-ctx.Done()
		return false
	}
	if at := f.c.CutAfter; at != nil && f.sent == *at {
		panic(http.ErrAbortHandler)
	}
	if f.sent > 0 {
		if wait(ctx, time.Duration(f.c.FrameDelay)) != nil || f.c.Hold == "frames" && f.s.held(ctx) != nil {
			return false
		}
	}
	if ctx.Err() != nil || !f.write(frame) {
		return false
	}
	f.sent++
	f.s.ledger.note(func(s *Stats) { s.Frames++ })
	return true
}

func (f *frames) write(b []byte) bool {
	_, err := f.w.Write(b)
	f.flush()
	return err == nil
}

func (f *frames) flush() { _ = http.NewResponseController(f.w).Flush() }

// plain sends v as a JSON answer, in two frames.
func (s *Server) plain(w http.ResponseWriter, r *http.Request, c *call, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+c.WrongLength))
	w.WriteHeader(http.StatusOK)
	f := &frames{s: s, w: w, r: r, c: c}
	if c.StallAfter == nil && c.CutAfter == nil && c.FrameDelay == 0 && c.Hold != "frames" {
		c.whole = f.write(body) // in one piece, as engines do; a client that leaves with all of it did not abort
		return
	}
	f.flush()
	c.whole = f.send(body[:len(body)/2]) && f.send(body[len(body)/2:])
}
