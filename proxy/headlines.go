package proxy

import (
	"bytes"
	"errors"
)

// headLines watches the line ends of a head as it arrives. fasthttp waits for an end of head that a head of bare LF never
// has: such a client would hold its connection until header_timeout and be told that it was slow. Owned by the
// connection's goroutine; it sees the bytes of a plain connection only, not those below TLS or behind a PROXY header.
type headLines struct {
	on   bool
	done bool // the head's empty line has come; what follows is body, until again
	some bool // the line has a byte already
	line bool // the request line has come
	prev byte
}

var errBareLF = errors.New("a line of the head does not end in CRLF")

// again begins the next head.
func (h *headLines) again() { h.done, h.some, h.line = false, false, false }

// see reads the bytes that have come, and fails at a line end that is not CRLF.
func (h *headLines) see(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	last := p[len(p)-1]
	for !h.done {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			h.some = h.some || len(bytes.TrimRight(p, "\r")) > 0
			break
		}
		if i > 0 {
			h.prev = p[i-1]
		}
		if h.prev != '\r' {
			return errBareLF
		}
		if h.some || i > 1 {
			h.line = true
		} else {
			h.done = h.line // an empty line; those before the request line are skipped
		}
		h.some, h.prev = false, '\n'
		p = p[i+1:]
	}
	h.prev = last
	return nil
}
