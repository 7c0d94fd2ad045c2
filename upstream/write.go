package upstream

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// smallBody is how large a body may be to leave in one write with its head.
const smallBody = 16 << 10

// writeChunk is how many bytes of a streamed body are sent at a time.
const writeChunk = 32 << 10

// compose builds the request's head in wbuf: the target as given, the fields of Head but for those that concern a
// connection, the pool's own, and this connection's framing.
func (c *conn) compose(r *Request, w *rewrite) {
	b := append(c.wbuf[:0], r.Head.Method()...)
	b = append(b, ' ')
	b = append(b, r.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = w.hostValue(b, c.ep.host, &r.Vars)
	b = append(b, '\r', '\n')
	for name, value := range r.Head.All() {
		if ofConnection(name, r.Upgrade) || w.drops(name) || !writable(name, value) {
			continue
		}
		b = append(b, name...)
		b = append(b, ':', ' ')
		b = append(b, value...)
		b = append(b, '\r', '\n')
	}
	b = w.append(b, &r.Vars)
	if r.Upgrade {
		b = append(b, "Connection: Upgrade\r\n"...)
	}
	switch {
	case r.Stream != nil && r.Size < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case r.Stream != nil:
		b = appendLength(b, r.Size)
	case len(r.Body)+len(r.Rest) > 0 || expectsBody(r.Head.Method()):
		b = appendLength(b, int64(len(r.Body)+len(r.Rest)))
	}
	c.wbuf = append(b, '\r', '\n')
}

func appendLength(b []byte, n int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, '\r', '\n')
}

// expectsBody says that an absent body is said to be absent (RFC 9110, 8.6).
func expectsBody(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

func ofConnection(name []byte, upgrade bool) bool {
	switch len(name) {
	case 2:
		return is(name, "te")
	case 4:
		return is(name, "host")
	case 6:
		return is(name, "expect")
	case 7:
		return is(name, "trailer") || is(name, "upgrade") && !upgrade
	case 10:
		return is(name, "connection") || is(name, "keep-alive")
	case 14:
		return is(name, "content-length")
	case 16:
		return is(name, "proxy-connection")
	case 17:
		return is(name, "transfer-encoding")
	}
	return false
}

// writable is the last guard against a field that would end its line early; the proxy refused such requests long ago.
func writable(name, value []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, c := range name {
		if !tokenByte[c] {
			return false
		}
	}
	return FieldText(value)
}

// asking is a request during ask.
type asking struct {
	request *Request
	limits  *limits
	err     error       // of sending it
	send    func() bool // sendAsked, made once
}

// ask sends r and, where that saves a system call, reads the first bytes of the answer already: of a plain connection, for a
// request that leaves in one piece. It returns what went wrong in sending, and what in reading.
func (c *conn) ask(r *Request, l *limits) (sent, read error) {
	if c.Conn != c.raw || !c.sock.Bound() || r.Stream != nil || len(r.Body)+len(r.Rest) > writeMost {
		return c.send(r, l), nil
	}
	if !c.readWithin(l, l.timeout.FirstByte) {
		return nil, errInterrupted
	}
	a := &c.asking
	a.request, a.limits, a.err = r, l, nil
	n, err := c.sock.Exchange(a.send, c.rbuf)
	c.r, c.w = 0, n
	sent, a.request, a.limits, a.err = a.err, nil, nil, nil
	if sent != nil {
		return sent, nil // what there is to read may tell why
	}
	return nil, err
}

// sendAsked sends the request of ask, and reports whether that went well.
func (c *conn) sendAsked() bool {
	a := &c.asking
	a.err = c.send(a.request, a.limits)
	return a.err == nil && c.readWithin(a.limits, a.limits.timeout.FirstByte)
}

// send writes the request. The deadline renews with every write, so that a large body may take its time but no write
// hangs. An error that wraps ErrRequestBody is the client's, any other the connection's.
func (c *conn) send(r *Request, l *limits) error {
	if r.Stream != nil {
		return c.sendStream(r, l)
	}
	body, rest := r.Body, r.Rest
	if len(body) <= smallBody {
		c.wbuf = append(c.wbuf, body...)
		body = nil
	}
	if len(rest) <= smallBody {
		if body == nil {
			c.wbuf = append(c.wbuf, rest...)
			rest = nil
		}
	}
	// The head and the first of the body leave in one system call.
	n, m := min(len(body), writeMost), 0
	if n == len(body) {
		m = min(len(rest), writeMost)
	}
	if err := c.flush(l, c.wbuf, body[:n], rest[:m]); err != nil {
		return err
	}
	if err := c.flushAll(body[n:], l); err != nil {
		return err
	}
	return c.flushAll(rest[m:], l)
}

// writeMost is how much is written under one deadline.
const writeMost = 1 << 20

func (c *conn) flushAll(p []byte, l *limits) error {
	for len(p) > 0 {
		n := min(len(p), writeMost)
		if err := c.flush(l, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// flush writes parts, those that are not empty, together.
func (c *conn) flush(l *limits, parts ...[]byte) error {
	if !c.writeWithin(l, l.timeout.Stall) {
		return errInterrupted
	}
	c.parts = c.parts[:0]
	for _, p := range parts {
		if len(p) > 0 {
			c.parts = append(c.parts, p)
		}
	}
	if len(c.parts) == 1 {
		n, err := c.Conn.Write(c.parts[0])
		c.written += int64(n)
		l.wrote(n)
		return err
	}
	c.unsent = c.parts
	n, err := c.unsent.WriteTo(c.Conn)
	c.written += n
	l.wrote(int(n))
	clear(c.parts) // the request's memory is not the connection's to keep
	return err
}

// wrote looks at the clock after a write that may have had to wait: a small one fits the target's window.
func (l *limits) wrote(n int) {
	if n > smallBody {
		l.tick()
	}
}

// sendStream copies the body as it comes in.
func (c *conn) sendStream(r *Request, l *limits) error {
	if err := c.flush(l, c.wbuf); err != nil {
		return err
	}
	left := r.Size
	for left != 0 {
		p := c.chunkBuffer()
		n, rerr := r.Stream.Read(p)
		l.tick()
		if left >= 0 && int64(n) > left {
			n = int(left)
		}
		if n > 0 {
			if err := c.flushPart(p[:n], left < 0, l); err != nil {
				return err
			}
		}
		if left > 0 {
			left -= int64(n)
		}
		if errors.Is(rerr, io.EOF) {
			break
		}
		if rerr != nil {
			return fmt.Errorf("%w: %w", ErrRequestBody, rerr)
		}
	}
	switch {
	case left > 0:
		return fmt.Errorf("%w: %d bytes short", ErrRequestBody, left)
	case left < 0:
		return c.flush(l, []byte("0\r\n\r\n"))
	}
	return nil
}

// chunkBuffer leaves room for a chunk's size in front and its CRLF behind.
func (c *conn) chunkBuffer() []byte {
	const frame = 16
	if cap(c.wbuf) < writeChunk+2*frame {
		c.wbuf = make([]byte, writeChunk+2*frame)
	}
	return c.wbuf[:cap(c.wbuf)][frame : frame+writeChunk]
}

// flushPart sends p, which is in chunkBuffer, as it is or as one chunk, in one write either way.
func (c *conn) flushPart(p []byte, chunked bool, l *limits) error {
	if !chunked {
		return c.flush(l, p)
	}
	const frame = 16
	var size [frame]byte
	head := append(strconv.AppendInt(size[:0], int64(len(p)), 16), '\r', '\n')
	buf := c.wbuf[:cap(c.wbuf)]
	copy(buf[frame-len(head):], head)
	copy(buf[frame+len(p):], "\r\n")
	return c.flush(l, buf[frame-len(head):frame+len(p)+2])
}
