package proxy

import (
	"net"
	"net/netip"
	"time"

	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// listener wraps what it accepts, keeps connections within their bounds, and outlives transient accept errors.
type listener struct {
	net.Listener
	watch *watcher
	// bounds and speaksForOthers read the policy that serves now.
	bounds          func() bounds
	speaksForOthers func(netip.Addr) bool
	full, crowd     *telemetry.Counter // connections closed at once: over max, over perClient
}

// bounds of a client's connection.
type bounds struct {
	max       int           // open ones
	perClient int           // open ones of one address; 0 is no bound
	write     time.Duration // to take one write
}

// Accept returns the next connection that there is room for. One over a bound is closed at once: it costs less than
// an answer, and the client's balancer sees it.
func (l *listener) Accept() (net.Conn, error) {
	for delay := time.Duration(0); ; {
		c, err := l.Listener.Accept()
		if err != nil {
			ne, ok := err.(interface{ Temporary() bool })
			if !ok || !ne.Temporary() {
				return nil, err
			}
			// Out of descriptors: accepting goes on when some are free again.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			time.Sleep(delay)
			continue
		}
		delay = 0
		b := l.bounds()
		from := l.client(c)
		switch {
		case b.perClient > 0 && from.IsValid() && l.watch.openFrom(from) >= b.perClient:
			l.crowd.Inc()
		case l.watch.open() >= b.max && !l.watch.lot.makeRoom():
			l.full.Inc()
		default:
			return l.watch.add(c, from, b.write), nil
		}
		_ = c.Close()
	}
}

// client is the address that c's connections are counted by; none for who speaks for others (a balancer), and for a unix socket.
func (l *listener) client(c net.Conn) (a netip.Addr) {
	t, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return a
	}
	if a = t.AddrPort().Addr(); l.speaksForOthers(a) {
		return netip.Addr{}
	}
	return setting.Subscriber(a)
}
