package proxy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"blaze/upstream"
)

// conn is an accepted client connection. It renews its write deadline as it writes, so that a client that stops reading
// is let go without bounding how long a stream may last, and it knows whether the client has hung up (see gone.go).
type conn struct {
	net.Conn
	raw   syscall.RawConn // nil where the connection cannot be watched
	watch *watcher
	id    uint64
	gone  atomic.Bool
	// cancel is the running exchange's; nil between exchanges.
	cancel atomic.Pointer[upstream.Cancel]
	// writeBy is the write deadline in force (Unix nanoseconds); owned by the connection's goroutine.
	writeBy int64
	timeout time.Duration
	closed  sync.Once
	from    netip.Addr // the subscriber it is counted for; zero where nobody counts
	front   *front     // what fasthttp sees of it

	parking sync.Mutex
	parked  *parked // guarded by parking; nil while it is served
}

// park has the watcher look out for input, on behalf of p.
func (c *conn) park(p *parked, poll *poller) bool {
	c.parking.Lock()
	defer c.parking.Unlock()
	c.parked = p
	if !poll.await(c) {
		c.parked = nil
	}
	return c.parked != nil
}

// unpark takes p out of the lot, if it is there and may go.
func (c *conn) unpark(poll *poller, may func(*parked) bool) *parked {
	c.parking.Lock()
	defer c.parking.Unlock()
	p := c.parked
	if p == nil || !may(p) {
		return nil
	}
	c.parked = nil
	poll.again(c)
	return p
}

// Write renews the write deadline once half of it is used, which is seldom, and writes.
func (c *conn) Write(p []byte) (int, error) {
	if c.timeout > 0 {
		now := time.Now()
		if c.writeBy-now.UnixNano() < int64(c.timeout/2) {
			by := now.Add(c.timeout)
			if err := c.Conn.SetWriteDeadline(by); err != nil {
				return 0, err
			}
			c.writeBy = by.UnixNano()
		}
	}
	return c.Conn.Write(p)
}

// Close forgets the connection; closing the descriptor takes it out of the watch.
func (c *conn) Close() error {
	c.closed.Do(func() { c.watch.forget(c) })
	return c.Conn.Close()
}

// SyscallConn keeps the connection's kind visible to those who ask.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if c.raw == nil {
		return nil, syscall.ENOTSUP
	}
	return c.raw, nil
}

// begin ties the running exchange's cancel to the connection: hanging up cancels it, at once if it has happened.
func (c *conn) begin(cancel *upstream.Cancel) {
	if c == nil {
		return
	}
	c.cancel.Store(cancel)
	if c.gone.Load() {
		cancel.Cancel()
	}
}

// whole reports whether the request whose head was read last has come to its end, and nothing follows it yet.
func (c *conn) whole() bool { return c != nil && c.front.guard.atRest() }

// end unties the exchange. After it, hanging up cancels nobody.
func (c *conn) end() {
	if c != nil {
		c.cancel.Store(nil)
	}
}

// hangup is called by the watcher.
func (c *conn) hangup() {
	c.gone.Store(true)
	c.interrupt()
}

// interrupt cancels the running exchange, if there is one.
func (c *conn) interrupt() {
	if cancel := c.cancel.Load(); cancel != nil {
		cancel.Cancel()
	}
}

// clientConn finds the accepted connection below c (through TLS and the PROXY protocol), or nil.
func clientConn(c net.Conn) *conn {
	for {
		switch v := c.(type) {
		case *conn:
			return v
		case *front:
			return v.base
		case *secureFront:
			return v.base
		case *tls.Conn:
			c = v.NetConn()
		case *proxyproto.Conn:
			c = v.Raw()
		default:
			return nil
		}
	}
}
