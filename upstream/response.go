package upstream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/valyala/fasthttp"
)

// Response is the answer: its head, then its body by Read. It belongs to the goroutine that reads it, and to its Lease:
// it may be used until Close, and its Header no longer than until the lease's Release.
type Response struct {
	// Header holds the status and the end-to-end fields; those of the connection (RFC 9110, 7.6.1) are taken out. Its
	// ContentLength is what the target said, for a HEAD too; -1 when it said nothing.
	Header fasthttp.ResponseHeader
	// Size is the body's length, -1 when the target did not say, 0 when there is none.
	Size int64
	// Retries counts the attempts beyond the first.
	Retries int

	framing framing
	lease   *Lease
	conn    *conn // nil when closed
	body    body
	err     error // what ended the body; io.EOF is its proper end
	whole   bool  // the request was sent to its end
	tunnel  *tunnel
	rest    []byte // of a fixed answer's body
	open    bool   // a fixed answer is being read
	begun   bool   // the body has begun

	recorded bool // what is read goes into the pool's memory too
}

// errClosed: the response is read after its Close.
var errClosed = errors.New("upstream response closed")

func (r *Response) reset(l *Lease) {
	r.Size, r.Retries, r.framing.status = 0, 0, 0
	r.lease, r.conn, r.err, r.tunnel = l, nil, nil, nil
	r.body, r.rest, r.open, r.recorded = body{}, nil, false, false
}

// begin starts the body that follows the head on c.
func (r *Response) begin(c *conn, req *Request, whole bool) {
	r.conn, r.whole, r.err, r.begun = c, whole, nil, false
	r.body = body{conn: c}
	f := &r.framing
	switch {
	case f.status == fasthttp.StatusSwitchingProtocols:
		r.tunnel = &tunnel{Conn: c.Conn, c: c}
		r.err = io.EOF
	case string(req.Head.Method()) == fasthttp.MethodHead, f.status == fasthttp.StatusNoContent, f.status == fasthttp.StatusNotModified, f.size == 0:
		r.err = io.EOF
	case f.chunked:
		r.body.kind, r.Size = chunkedBody, -1
	case f.size > 0:
		r.body.kind, r.body.left, r.Size = sizedBody, f.size, f.size
	default:
		r.body.kind, r.Size = endlessBody, -1
		f.close = true
	}
	r.lease.answered(f.status)
}

// Read returns the next bytes of the body as soon as there are any, under the stall timeout. io.EOF is the body's
// proper end; any other error is one of this package's, and the answer is not complete.
func (r *Response) Read(p []byte) (int, error) {
	switch {
	case r.err != nil:
		return 0, r.err
	case r.open && r.lease.stored != nil:
		return r.readStored(p)
	case r.open:
		return r.readFixed(p)
	case r.conn == nil:
		return 0, errClosed
	case len(p) == 0:
		return 0, nil
	}
	n, err := r.body.read(p, r.lease)
	if n == 0 && r.lease.quietOnly(err) {
		return 0, ErrQuiet
	}
	if err != nil && err != io.EOF {
		err = r.lease.explain(err, ErrStall)
		r.lease.judge(err)
	}
	r.err = err
	if r.recorded {
		r.lease.recordRead(p[:n], err)
	}
	if n > 0 {
		r.firstByte()
		if l := r.lease; l.verdict != Failure {
			l.ticket.prove()
			l.whole.prove()
		}
		return n, nil
	}
	return 0, err
}

// ErrQuiet is what ReadWithin returns when nothing came. It ends nothing: the answer goes on with the next Read.
var ErrQuiet = errors.New("nothing came yet")

// ReadWithin is Read that waits no longer than d. An answer that this process reads along with others waits like Read.
func (r *Response) ReadWithin(p []byte, d time.Duration) (int, error) {
	if r.conn == nil || r.err != nil {
		return r.Read(p)
	}
	r.lease.quiet = d
	n, err := r.Read(p)
	r.lease.quiet = 0
	return n, err
}

// quietOnly reports whether err says no more than that ReadWithin's time is over.
func (l *Lease) quietOnly(err error) bool {
	return l.quiet > 0 && (l.timeout.Stall <= 0 || l.quiet < l.timeout.Stall) && errors.Is(err, os.ErrDeadlineExceeded) && !l.cancel.Cancelled() && !l.over()
}

// firstByte measures how long a stream took to begin: the one sign of load that every engine gives.
func (r *Response) firstByte() {
	if r.begun {
		return
	}
	r.begun = true
	t := r.Header.ContentType()
	if r.framing.status == 200 && (bytes.HasPrefix(t, eventStream) || bytes.HasPrefix(t, jsonLines)) {
		r.lease.pool.latency.add(r.lease.now.Sub(r.lease.began))
	}
}

var eventStream, jsonLines = []byte("text/event-stream"), []byte("application/x-ndjson")

// At is when the head came, or what was read last.
func (r *Response) At() time.Time { return r.lease.now }

// Conn is the raw connection after a 101, with whatever was read beyond the head in front; nil otherwise. It is not
// under the stall timeout any more; Cancel and Close still end it.
func (r *Response) Conn() net.Conn {
	if r.tunnel == nil {
		return nil
	}
	return r.tunnel
}

// Close gives the connection back when the body was read to its end and the target keeps it; else it closes it, which
// is how an engine learns to stop. More calls do nothing.
func (r *Response) Close() {
	c := r.conn
	r.open = false
	if c == nil {
		return
	}
	if r.recorded {
		r.lease.endRecord(r.err == io.EOF)
	}
	r.conn = nil
	clean := r.lease.cancel.detach()
	if clean && r.err == io.EOF && r.whole && !r.framing.close && r.tunnel == nil && c.r == c.w {
		c.ep.put(c, r.lease.now)
		return
	}
	c.discard()
}

// dismiss closes an answer that nobody is going to read. A small one that has come whole is read past, so that a busy
// target's refusals do not cost a connection each.
func (r *Response) dismiss() {
	if c := r.conn; c != nil && r.body.kind == sizedBody && r.body.left <= int64(c.w-c.r) {
		c.r += int(r.body.left)
		r.err = io.EOF
	}
	r.Close()
}

// tunnel is a connection that speaks another protocol now.
type tunnel struct {
	net.Conn
	c *conn
}

func (t *tunnel) Read(p []byte) (int, error) {
	if c := t.c; c.r < c.w {
		n := copy(p, c.rbuf[c.r:c.w])
		c.r += n
		return n, nil
	}
	return t.Conn.Read(p)
}
