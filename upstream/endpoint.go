package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"blaze/upstream/socket"
)

const (
	// idleFor is how long a connection may wait for its next request. uvicorn, under most engines, closes after 5 s.
	idleFor = 4 * time.Second
	// maxIdle bounds the idle connections to one endpoint; one more closes the oldest.
	maxIdle = 256
)

// endpoint is one address with its connections. A reload passes it on while its address and TLS settings stay the same.
type endpoint struct {
	address
	tlsConfig *tls.Config // nil without TLS
	tlsKey    string      // identifies the TLS settings

	inflight atomic.Int64
	open     atomic.Int64 // connections, idle ones too
	reused   atomic.Int64
	queued   atomic.Int64 // in the engine's own queue, when it was last asked
	health   health

	mu      sync.Mutex
	idle    []*conn // guarded by mu; the most recently used last
	janitor *time.Timer
	closed  bool // guarded by mu; no policy names it any more
}

// conn is one connection to an endpoint, with its buffers. It belongs to one goroutine at a time.
type conn struct {
	net.Conn // what is read and written: the TLS layer where there is one
	raw      net.Conn
	ep       *endpoint
	sock     socket.Socket
	since    time.Time // when it went idle
	written  int64     // bytes written over its whole life
	readBy   time.Time // the deadlines in force, which an idle connection keeps: nobody reads from it
	writeBy  time.Time
	rbuf     []byte
	r, w     int // rbuf[r:w] is read and not used yet
	wbuf     []byte
	parts    [][]byte    // what is being written
	unsent   net.Buffers // of parts
	asking   asking
}

const readBuffer = 4 << 10

// get returns an idle connection that is still good, or nil.
func (e *endpoint) get(now time.Time) *conn {
	for {
		c := e.pop()
		if c == nil {
			return nil
		}
		if now.Sub(c.since) < idleFor && !c.sock.Stale() {
			e.reused.Add(1)
			return c
		}
		c.discard()
	}
}

func (e *endpoint) pop() *conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.idle)
	if n == 0 {
		return nil
	}
	c := e.idle[n-1]
	e.idle[n-1] = nil
	e.idle = e.idle[:n-1]
	return c
}

// put takes c back, at the time now. It has no unread byte, and nobody else holds it.
func (e *endpoint) put(c *conn, now time.Time) {
	c.since = now
	e.mu.Lock()
	var drop *conn
	switch {
	case e.closed:
		drop = c
	case len(e.idle) >= maxIdle:
		drop = e.idle[0]
		copy(e.idle, e.idle[1:])
		e.idle[len(e.idle)-1] = c
	default:
		e.idle = append(e.idle, c)
		if len(e.idle) == 1 {
			e.arm()
		}
	}
	e.mu.Unlock()
	if drop != nil {
		drop.discard()
	}
}

// arm has the idle connections looked at once they may be too old. It is called with mu held.
func (e *endpoint) arm() {
	if e.janitor == nil {
		e.janitor = time.AfterFunc(idleFor, e.sweep)
		return
	}
	e.janitor.Reset(idleFor)
}

// sweep closes the connections that have waited too long.
func (e *endpoint) sweep() {
	e.mu.Lock()
	n := 0
	for n < len(e.idle) && time.Since(e.idle[n].since) >= idleFor {
		n++
	}
	old := append([]*conn(nil), e.idle[:n]...)
	left := copy(e.idle, e.idle[n:])
	clear(e.idle[left:])
	e.idle = e.idle[:left]
	if left > 0 {
		e.janitor.Reset(max(idleFor-time.Since(e.idle[0].since), time.Millisecond))
	}
	e.mu.Unlock()
	for _, c := range old {
		c.discard()
	}
}

// close drops the idle connections, and those in use as soon as they are given back.
func (e *endpoint) close() {
	e.mu.Lock()
	idle := e.idle
	e.idle, e.closed = nil, true
	if e.janitor != nil {
		e.janitor.Stop()
	}
	e.mu.Unlock()
	for _, c := range idle {
		c.discard()
	}
}

// dialTo opens a connection, TLS handshake included, until ctx ends.
func (e *endpoint) dialTo(ctx context.Context) (*conn, error) {
	// A name service that is silent is waited for until Done, whatever Deadline says: the lease's context has no timer.
	if until, ok := ctx.Deadline(); ok {
		timed, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		ctx = timed
	}
	d := net.Dialer{KeepAlive: 30 * time.Second}
	raw, err := d.DialContext(ctx, e.network, e.dial)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, raw: raw, ep: e}
	if e.tlsConfig != nil {
		until, _ := ctx.Deadline()
		_ = raw.SetDeadline(until)
		t := tls.Client(raw, e.tlsConfig)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		_ = raw.SetDeadline(time.Time{})
		c.Conn = t
	}
	c.rbuf = make([]byte, readBuffer)
	c.sock.Bind(raw)
	c.asking.send = c.sendAsked
	e.open.Add(1)
	return c, nil
}

func (c *conn) discard() {
	if c.ep == nil {
		panic("BUG: connection discarded twice")
	}
	c.ep.open.Add(-1)
	c.ep = nil
	_ = c.Conn.Close()
}

// fill reads more bytes behind rbuf[r:w]; there is always room for some.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	} else if c.w == len(c.rbuf) {
		copy(c.rbuf, c.rbuf[c.r:c.w])
		c.r, c.w = 0, c.w-c.r
	}
	n, err := c.Conn.Read(c.rbuf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}
