package proxy

import (
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters"
)

// begin makes the exchange of a request whose head has arrived, and ties it to its connection. It looks at nothing that
// the client sent but the request id.
func (s *Server) begin(ctx *fasthttp.RequestCtx) *exchange {
	e := s.acquire()
	e.ctx, e.Request = ctx, &ctx.Request.Header
	e.Began = time.Now()
	e.snapshot = s.store.Current()
	e.Deadline = e.Began.Add(e.snapshot.Proxy.Timeout)
	e.setID(e.Request.Peek("X-Request-Id"))
	e.conn = clientConn(ctx.Conn())
	e.conn.begin(&e.cancel)
	e.BodyHere = e.conn.whole()
	e.Peer = address(ctx.RemoteAddr())
	e.Client = e.Peer
	s.open.Add(1)
	return e
}

// head decides on the head alone: well-formed, one canonical path, and every filter's verdict. It reports whether the
// exchange goes on; if not, it is answered.
func (e *exchange) head() bool {
	e.headDone = true
	if v := admit(&e.Exchange, e.snapshot); !v.Passed() {
		e.ctx.SetConnectionClose()
		return e.refuse(v)
	}
	e.trace()
	if e.preflight() {
		return false
	}
	if err := e.s.tel.AuditReady(); err != nil {
		return e.refuse(filters.Fail(err))
	}
	e.PeerCert = e.peerCert()
	if v := e.snapshot.Head(&e.Exchange, e.snapshot.Chain); !v.Passed() {
		return e.denied(v)
	}
	return true
}

// peerCert is the certificate that the client proved to hold, signed by proxy.tls.client_ca; nil without.
func (e *exchange) peerCert() *x509.Certificate {
	state := e.ctx.TLSConnectionState()
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// address is the IP of a TCP peer; a Unix socket's peer counts as loopback.
func address(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
