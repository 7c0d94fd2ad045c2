package proxy

import (
	"bytes"
	"crypto/tls"
	"net"
	"time"
)

// front is a client's connection as fasthttp sees it, whatever stands between it and the accepted one: what comes in has
// passed the guard, and what goes out has no 100 Continue that nobody asked for.
type front struct {
	net.Conn // where HTTP is plain: the accepted connection, or the one in its TLS or behind its PROXY header
	base     *conn
	guard    guard
	ahead    []byte // read ahead of fasthttp by arrives, and guarded
	err      error  // of the last read
	mute     mute
	expected expected
}

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
		f.ahead = f.ahead[n:]
		return n, nil
	}
	n, err := f.guard.read(f.Conn, p)
	if err != nil {
		f.err = err
	}
	return n, err
}

// Write writes what the client is meant to see.
func (f *front) Write(p []byte) (int, error) {
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
	n, _ := f.guard.read(f.Conn, buf)
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

// fronts is the outermost listener.
type fronts struct{ net.Listener }

// Accept puts a front before the next connection.
func (l fronts) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	f := &front{Conn: c, base: clientConn(c)}
	f.base.front = f
	if t, ok := c.(*tls.Conn); ok {
		return &secureFront{f, t}, nil
	}
	return f, nil
}
