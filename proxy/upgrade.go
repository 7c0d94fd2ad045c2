package proxy

import (
	"bytes"
	"io"
	"net"
	"time"

	"blaze/filters"
	"blaze/upstream"
)

// upgrading reports whether the client asks for a WebSocket, and the route is one where the engine opens them.
func (e *exchange) upgrading() bool {
	return e.Endpoint != nil && e.Endpoint.Upgrade && e.Request.ConnectionUpgrade() &&
		string(e.Request.Method()) == "GET" && bytes.EqualFold(e.Request.Peek("Upgrade"), []byte("websocket"))
}

// upgrade passes the handshake on and, when the upstream switches, joins the two connections until either side ends.
// What flows inside is not looked at; the head was judged as every other's.
func (e *exchange) upgrade() {
	if !e.judgeBody() {
		return
	}
	e.outgoing()
	e.Request.Set("Connection", "Upgrade")
	e.Request.Set("Upgrade", "websocket")
	e.request = upstream.Request{Head: e.Request, Target: e.Request.RequestURI(), Upgrade: true}
	if !e.answered(e.roundTrip()) {
		return
	}
	r := &e.relay
	if r.resp.Header.StatusCode() != 101 {
		e.answer()
		return
	}
	up := r.resp.Conn()
	if up == nil {
		e.refuse(filters.Deny(filters.UpstreamError, "upstream"))
		return
	}
	e.conn.front.guard.off()
	// The request's memory goes back to fasthttp before the tunnel ends.
	e.Status = 101
	e.keepForLater()
	head := e.switched()
	r.e, r.streaming = e, true
	e.s.tunnels.Add(1)
	e.ctx.HijackSetNoResponse(true)
	e.ctx.Hijack(func(client net.Conn) {
		defer e.s.tunnels.Done()
		e.tunnel(client, up, head)
	})
}

// switched is the 101 head for the client.
func (e *exchange) switched() []byte {
	h := &e.relay.resp.Header
	head := []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: " + e.ID + "\r\n")
	for _, name := range [...]string{"Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"} {
		if v := h.Peek(name); len(v) > 0 {
			head = append(append(append(append(head, name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(head, "\r\n"...)
}

// keepForLater copies what the record needs from memory that fasthttp takes back.
func (e *exchange) keepForLater() {
	e.record.Method, e.record.Path = string(e.Request.Method()), string(e.Path.Raw)
	e.hijacked = true
}

// tunnel copies both ways until one side ends or the exchange's time is up; then both end.
func (e *exchange) tunnel(client, up net.Conn, head []byte) {
	defer e.finish()
	defer e.relay.stop()
	_ = client.SetDeadline(e.Deadline)
	_ = up.SetDeadline(e.Deadline)
	if _, err := client.Write(head); err != nil {
		e.Abort = "client_gone"
		return
	}
	done := make(chan struct{})
	var in, out int64
	go func() {
		defer close(done)
		in, _ = io.Copy(up, client)
		_ = up.SetDeadline(time.Unix(1, 0))
	}()
	out, _ = io.Copy(client, up)
	_ = client.SetReadDeadline(time.Unix(1, 0))
	<-done
	e.BytesIn, e.BytesOut = in, out
	if e.conn != nil && e.conn.gone.Load() {
		e.Abort = "client_gone"
	}
}
