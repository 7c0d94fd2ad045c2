package proxy

import (
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
	if e.preflight() {
		return false
	}
	e.snapshot.Route(&e.Exchange)
	if v := e.snapshot.Chain.Head(&e.Exchange); !v.Passed() {
		return e.denied(v)
	}
	// Without authz nobody has asked whether the engine has such a route.
	if e.Endpoint == nil {
		if e.Allow != "" {
			return e.refuse(filters.Deny(filters.MethodNotAllowed, "engine"))
		}
		return e.refuse(filters.Deny(filters.UnknownRoute, "engine"))
	}
	return true
}

// address is the IP of a TCP peer; a Unix socket's peer counts as loopback.
func address(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// parseTrace reads a W3C traceparent (version 00); anything else is no trace.
func parseTrace(b []byte) (t filters.TraceContext) {
	if len(b) != 55 || b[0] != '0' || b[1] != '0' || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return t
	}
	var flags [1]byte
	if !unhex(t.TraceID[:], b[3:35]) || !unhex(t.SpanID[:], b[36:52]) || !unhex(flags[:], b[53:55]) ||
		t.TraceID == [16]byte{} || t.SpanID == [8]byte{} {
		return filters.TraceContext{}
	}
	t.Sampled = flags[0]&1 == 1
	return t
}

// unhex decodes lower-case hex, as the W3C demands; encoding/hex would take upper case too.
func unhex(dst, src []byte) bool {
	for i := range dst {
		var v byte
		for _, c := range src[2*i : 2*i+2] {
			switch {
			case c >= '0' && c <= '9':
				v = v<<4 | (c - '0')
			case c >= 'a' && c <= 'f':
				v = v<<4 | (c - 'a' + 10)
			default:
				return false
			}
		}
		dst[i] = v
	}
	return true
}
