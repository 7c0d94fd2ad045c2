package demo

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
)

// The parts of RFC 6455 that an echo needs.
const (
	acceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	opClose    = 8
	opPing     = 9
	opPong     = 10
	maxMessage = 16 << 20
)

// realtime is a WebSocket (RFC 6455) that says back every frame as it came, until the client closes.
func (s *Server) realtime(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-Websocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		w.Header().Set("Upgrade", "websocket")
		fail(w, http.StatusUpgradeRequired, "", "upgrade_required", "this route is a WebSocket")
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, 500, "", "server_error", err.Error())
		return
	}
	defer conn.Close()
	// The request's context does not end with a hijacked connection, but with the server.
	stop := context.AfterFunc(s.ending, func() { conn.Close() })
	defer stop()
	s.ledger.note(func(st *Stats) { st.Tunnels++; st.OpenTunnels++ })
	defer s.ledger.note(func(st *Stats) { st.OpenTunnels-- })

	sum := sha1.Sum([]byte(key + acceptSalt))
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Demo-Server: " + notice +
		"\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
	if p := r.Header.Get("Sec-Websocket-Protocol"); p != "" {
		first, _, _ := strings.Cut(p, ",")
		head += "Sec-WebSocket-Protocol: " + strings.TrimSpace(first) + "\r\n"
	}
	_, _ = rw.WriteString(head + "\r\n")
	for rw.Flush() == nil && echo(rw) == nil {
	}
	_ = rw.Flush()
}

// echo says back one frame. It ends with an error, io.EOF at a close frame, when there is no more to say.
func echo(rw *bufio.ReadWriter) error {
	op, payload, err := readFrame(rw.Reader)
	if err != nil {
		return err
	}
	switch op & 15 {
	case opPong:
		return nil
	case opPing:
		op = op&0xf0 | opPong
	}
	writeFrame(rw.Writer, op, payload)
	if op&15 == opClose {
		return io.EOF
	}
	return nil
}

// readFrame reads one masked frame; op is its first byte, with the bit that says it is the last of its message.
func readFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	if head[1]&0x80 == 0 {
		return 0, nil, errors.New("a client's frame must be masked")
	}
	n := uint64(head[1] & 0x7f)
	if wide := map[uint64]int{126: 2, 127: 8}[n]; wide > 0 {
		var b [8]byte
		if _, err := io.ReadFull(r, b[8-wide:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	if n > maxMessage {
		return 0, nil, errors.New("frame too large")
	}
	b := make([]byte, 4+n)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, nil, err
	}
	mask, payload := b[:4], b[4:]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0], payload, nil
}

func writeFrame(w *bufio.Writer, op byte, payload []byte) {
	head := []byte{op, 0}
	switch n := len(payload); {
	case n < 126:
		head[1] = byte(n)
	case n < 1<<16:
		head[1] = 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] = 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	_, _ = w.Write(head)
	_, _ = w.Write(payload)
}
