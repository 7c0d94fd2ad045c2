package proxy

import (
	"bytes"
	"crypto/tls"
	"net"
	"runtime"
	"sync/atomic"
	"time"
)

// front is a client's connection as fasthttp sees it, whatever stands between it and the accepted one: what comes in has
// passed the guard, and what goes out has no 100 Continue that nobody asked for.
type front struct {
	net.Conn // where HTTP is plain: the accepted connection, or the one in its TLS or behind its PROXY header
	base     *conn
	guard    guard
	ahead    []byte // read ahead of fasthttp, and guarded
	err      error  // of the last read
	mute     mute
	expected expected

	// The lot takes the connection when it is at rest for long. lot is nil in tests; outer is what fasthttp knows.
	lot     *lot
	outer   net.Conn
	known   bool        // fasthttp has set a deadline since it was given the connection
	told    atomic.Bool // something was written since the last read: an answer
	idleEnd time.Time
	fate    atomic.Int32 // what Close does; fasthttp's shutdown closes from elsewhere

	// A head that does not fit fasthttp's buffer has its connection served with a larger one (see roomy.go).
	room  int    // bytes of that buffer; 0 where there is no larger one
	head  []byte // what came of a head that has not ended
	timed bool   // what is read ahead is of a head whose time runs already
}

// What becomes of a connection that fasthttp closes.
const (
	closes   int32 = iota
	rests          // it is parked
	outgrown       // it is served with a larger buffer
	moved          // it is, and not this front's any more
	lingers        // it was answered in the midst of its request
)

// secureFront is a front whose client fasthttp may ask about its TLS.
type secureFront struct {
	*front
	tls *tls.Conn
}

// Handshake does the TLS handshake, once.
func (f *secureFront) Handshake() error { return f.tls.Handshake() }

// ConnectionState is what the handshake came to.
func (f *secureFront) ConnectionState() tls.ConnectionState { return f.tls.ConnectionState() }

// Read gives what has passed the guard.
func (f *front) Read(p []byte) (int, error) {
	if len(f.ahead) > 0 {
		n := copy(p, f.ahead)
		if f.ahead = f.ahead[n:]; len(f.ahead) == 0 {
			f.ahead, f.timed = nil, false
		}
		return n, nil
	}
	if f.told.Load() {
		runtime.Gosched() // the next request comes meanwhile if others have work to do; a read in vain costs more
	}
	n, err := f.pull(p)
	if n > 0 {
		f.told.Store(false)
	}
	if !f.guard.inMidst() {
		f.fate.CompareAndSwap(lingers, closes) // the rest has come after all
	}
	if n > 0 && f.room > 0 && len(f.head) >= f.room {
		f.fate.Store(outgrown)
		return 0, errOutgrown
	}
	if err != nil {
		if f.mayRest(n, err) {
			f.fate.Store(rests)
			err = errAtRest
		}
		f.err = err
	}
	return n, err
}

// pull reads what passes the guard, and keeps what came of a head that has not ended.
func (f *front) pull(p []byte) (int, error) {
	n, err := f.guard.read(f.Conn, p)
	switch of := f.guard.head; {
	case f.room == 0 || n == 0:
	case of == 0:
		f.head = nil
	default:
		if of < n {
			f.head = nil
		}
		f.head = append(f.head, p[n-of:n]...)
	}
	return n, err
}

// mayRest reports whether a read that ended without a byte is no reason to close a kept connection yet.
func (f *front) mayRest(n int, err error) bool {
	return n == 0 && f.told.Load() && f.lot != nil && f.guard.atRest() && timedOut(err) && time.Now().Before(f.idleEnd)
}

// SetReadDeadline spares fasthttp's deadlines where there is nothing to wait for: a request that is here as a whole. A kept
// connection is waited for until it is time to park it.
func (f *front) SetReadDeadline(t time.Time) error {
	switch {
	case f.timed:
		return nil
	case f.lot == nil || !f.guard.atRest():
	case f.told.Load():
		f.idleEnd = t
		if at := t.Add(parkAfter - f.lot.idle()); at.Before(t) {
			t = at
		}
	case f.known:
		return nil
	}
	f.known = true
	return f.Conn.SetReadDeadline(t)
}

// arrived prepares a connection for being served.
func (f *front) arrived() {
	f.known = false
	f.told.Store(false)
}

// Close closes the connection, parks it, or has it served with a larger buffer.
func (f *front) Close() error {
	switch {
	case f.fate.CompareAndSwap(outgrown, moved):
		f.lot.deliver(f.roomier())
		return nil
	case f.fate.Load() == moved:
		return nil
	case f.fate.CompareAndSwap(rests, closes) && f.lot.park(f.outer, false):
		return nil
	case f.fate.CompareAndSwap(lingers, closes):
		f.linger()
	}
	return f.Conn.Close()
}

// Write writes what the client is meant to see.
func (f *front) Write(p []byte) (int, error) {
	f.told.Store(true)
	if f.fate.Load() == outgrown {
		f.fate.Store(closes) // what has come cannot be read however large the buffer, and this is the answer
	}
	if f.guard.inMidst() {
		f.fate.CompareAndSwap(closes, lingers)
	}
	if f.mute.on {
		return f.mute.write(f.Conn, p)
	}
	return f.Conn.Write(p)
}

// arrives reports whether something of the announced body comes within grace.
func (f *front) arrives(grace time.Duration) bool {
	if !f.guard.awaitsBody() {
		return true
	}
	if f.Conn.SetReadDeadline(time.Now().Add(grace)) != nil {
		return false
	}
	buf := make([]byte, 512)
	n, _ := f.pull(buf)
	f.ahead = buf[:n]
	return n > 0
}

// mute holds back the last bytes of what is written: fasthttp writes its 100 Continue behind answers that are still
// buffered, in one write or in two.
type mute struct {
	on   bool
	held [len(continueLine)]byte
	n    int
}

const continueLine = "HTTP/1.1 100 Continue\r\n\r\n"

func (m *mute) write(to net.Conn, p []byte) (int, error) {
	if m.n+len(p) <= len(m.held) {
		m.n += copy(m.held[m.n:], p)
		return len(p), nil
	}
	all := append(bytes.Clone(m.held[:m.n]), p...)
	pass := max(0, len(all)-len(m.held))
	if pass > 0 {
		if _, err := to.Write(all[:pass]); err != nil {
			return 0, err
		}
	}
	m.n = copy(m.held[:], all[pass:])
	return len(p), nil
}

// end drops what is held back, and reports whether it is what it must be.
func (m *mute) end() bool {
	ok := !m.on || string(m.held[:m.n]) == continueLine
	m.on, m.n = false, 0
	return ok
}

// newFront puts a front before c.
func newFront(c net.Conn, l *lot) net.Conn {
	f := &front{Conn: c, base: clientConn(c), lot: l}
	if l != nil {
		f.room = l.room
	}
	return f.face()
}

// face makes f what its connection is seen as.
func (f *front) face() net.Conn {
	f.base.front, f.outer = f, f
	if t, ok := f.Conn.(*tls.Conn); ok {
		f.outer = &secureFront{f, t}
	}
	return f.outer
}
