package upstream

import (
	"net"
	"sync"
	"time"
)

// Cancel is one exchange's cancellation. It never closes the upstream connection itself: it puts the connection's
// deadline into the past, which wakes whoever is blocked in Read or Write on it, and that goroutine then discards the
// connection. So a connection has one owner, is never closed twice, and no cancellation reaches the next exchange that
// is given a pooled connection. The zero Cancel is ready; reuse it after Reset.
type Cancel struct {
	mu        sync.Mutex
	conn      net.Conn      // guarded by mu; the attached upstream connection
	cancelled bool          // guarded by mu
	done      chan struct{} // guarded by mu; made when first asked for
	kept      bool          // guarded by mu; others wait for what the exchange does
	noted     bool          // guarded by mu; Cancel was called meanwhile
	branches  []*Cancel     // guarded by mu; end with this one
}

var longAgo = time.Unix(1, 0)

// Reset makes c ready for the next exchange. No goroutine may still hold it.
func (c *Cancel) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.cancelled, c.done, c.kept, c.noted, c.branches = nil, false, nil, false, false, nil
}

// Done is closed on cancellation. Only waits (queues, delays) need it, so it costs only those.
func (c *Cancel) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.cancelled {
			close(c.done)
		}
	}
	return c.done
}

// Cancelled reports whether Cancel was called.
func (c *Cancel) Cancelled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelled
}

// Cancel ends the exchange: waiters wake, the attached connection is interrupted. More calls do nothing. While the
// exchange is kept, it is only noted.
func (c *Cancel) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept {
		c.noted = true
		return
	}
	c.cancelLocked()
}

// Keep has the exchange go on without its client, because others wait for its answer, until Keep(false): a Cancel that
// came meanwhile then takes effect.
func (c *Cancel) Keep(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = on
	if !on && c.noted {
		c.cancelLocked()
	}
}

func (c *Cancel) cancelLocked() {
	if c.cancelled {
		return
	}
	c.cancelled = true
	if c.done != nil {
		close(c.done)
	}
	if c.conn != nil {
		_ = c.conn.SetDeadline(longAgo)
	}
	for _, b := range c.branches {
		b.Cancel()
	}
}

// branch makes a Cancel that ends with c, or before.
func (c *Cancel) branch() *Cancel {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &Cancel{cancelled: c.cancelled}
	c.branches = append(c.branches, b)
	return b
}

// prune forgets the branches.
func (c *Cancel) prune() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.branches = nil
}

// attach binds the upstream connection, and reports false when the exchange is already cancelled: the caller then
// discards the connection. Its deadlines are set before; after, only through setReadDeadline and setWriteDeadline.
func (c *Cancel) attach(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancelled {
		return false
	}
	c.conn = conn
	return true
}

// setReadDeadline renews the attached connection's deadline unless cancelled, so that a renewal cannot undo a
// cancellation.
func (c *Cancel) setReadDeadline(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.cancelled && c.conn != nil && c.conn.SetReadDeadline(t) == nil
}

func (c *Cancel) setWriteDeadline(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.cancelled && c.conn != nil && c.conn.SetWriteDeadline(t) == nil
}

// detach unbinds the connection and reports whether it is clean; if not, it was interrupted and must not be pooled.
func (c *Cancel) detach() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = nil
	return !c.cancelled
}
