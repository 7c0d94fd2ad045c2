package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/valyala/fasthttp"
)

// fasthttp reads a head into one buffer, which it holds for as long as it serves the connection: of the largest head the policy
// allows, that would be most of what an open stream costs. So connections are served with a small buffer, and one whose head
// outgrows it is served on by a second server of fasthttp's with a buffer that any head fits, from the head's first byte again.

// ordinaryHead is the small buffer's size, fasthttp's own default.
const ordinaryHead = 4 << 10

// errOutgrown ends fasthttp's service without a word: it takes the connection for one that the server has closed itself.
var errOutgrown = fmt.Errorf("the head has outgrown its buffer: %w", net.ErrClosed)

// roomier is the connection as the other server sees it: what came of the head is read again, in the time that it has left.
func (f *front) roomier() net.Conn {
	return (&front{Conn: f.Conn, base: f.base, guard: f.guard, ahead: f.head, timed: true, lot: f.lot}).face()
}

// door is where one of the servers finds its connections.
type door struct {
	net.Listener // the lot's, for its address
	lot          *lot
	ready        chan net.Conn // to Accept: connections with something to read
	fast         *fasthttp.Server
}

// Accept returns the next connection that has something to say.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.ready:
		return c, nil
	case <-d.lot.ended:
	}
	select {
	case c := <-d.ready:
		return c, nil
	default:
		return nil, d.lot.err
	}
}

// Close is not how the port is let go: the lot's listener is shared.
func (d *door) Close() error { return nil }

// doors are the lot's two.
func (l *lot) doors() [2]*door { return [2]*door{l.plain, l.roomy} }

// shutdown asks both servers to stop, at once: neither's kept connections wait for the other's streams.
func (l *lot) shutdown(ctx context.Context) error {
	stopped := make(chan error)
	for _, d := range l.doors() {
		go func() { stopped <- d.fast.ShutdownWithContext(ctx) }()
	}
	return errors.Join(<-stopped, <-stopped)
}
