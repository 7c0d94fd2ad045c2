package upstream

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"
)

const (
	maxHead    = 64 << 10 // an answer's head, interim ones apart
	maxFields  = 256
	maxInterim = 8 // 1xx answers before the real one
)

// framing is what an answer's head says about the connection and the body that follows (RFC 9112, 6.3).
type framing struct {
	status  int
	size    int64 // content-length; -1 none
	chunked bool
	close   bool // the connection ends with this answer
	upgrade bool // Connection: upgrade
	http10  bool

	connection [4][]byte // the Connection fields' values
	n          int
}

func outside(what string) error { return fmt.Errorf("%w: %s", ErrProtocol, what) }

// readHead reads one answer's head into h. Beyond the grammar of RFC 9112 it refuses what two readers could take for
// two things: bare LF, folded fields, spaces around names, a length beside a transfer coding, codings but chunked. The
// fields that concern only this connection (RFC 9110, 7.6.1) are read and left out of h.
func (c *conn) readHead(h *fasthttp.ResponseHeader, f *framing) error {
	from := 0 // rbuf[r:r+from] has been looked at
	for {
		end, err := headEnd(c.rbuf[c.r:c.w], from)
		if err != nil {
			return err
		}
		if end > 0 {
			head := c.rbuf[c.r : c.r+end]
			c.r += end
			return parseHead(head, h, f)
		}
		from = c.w - c.r
		if from >= maxHead {
			return outside("its head is larger than 64 KiB")
		}
		if from == len(c.rbuf) {
			c.rbuf = append(c.rbuf[c.r:c.w], make([]byte, len(c.rbuf))...)
			c.r, c.w = 0, from
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

// headEnd returns the length of the head that b begins with, 0 when b holds only a part of it. b[:from] held no end.
func headEnd(b []byte, from int) (int, error) {
	const begin = "HTTP/1."
	if n := min(len(b), len(begin)); string(b[:n]) != begin[:n] {
		return 0, outside("it does not begin with HTTP/1.")
	}
	for at := max(from-1, 0); ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return 0, nil
		}
		at += i + 1
		if at < 2 || b[at-2] != '\r' {
			return 0, outside("a line of its head ends without CR")
		}
		if at >= 4 && b[at-3] == '\n' {
			return at, nil
		}
	}
}

func parseHead(head []byte, h *fasthttp.ResponseHeader, f *framing) error {
	*f = framing{size: -1}
	line, fields := cutLine(head)
	if err := parseStatusLine(line, f); err != nil {
		return err
	}
	coded := 0
	for n, rest := 0, fields; len(rest) > 2; n++ {
		line, rest = cutLine(rest)
		name, value, err := splitField(line)
		if err != nil {
			return err
		}
		if n >= maxFields {
			return outside("its head has more than 256 fields")
		}
		if err := f.note(name, value, &coded); err != nil {
			return err
		}
	}
	if err := f.settle(coded); err != nil {
		return err
	}
	f.fill(h, fields)
	return nil
}

func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	return b[:i-1], b[i+1:]
}

// parseStatusLine reads "HTTP/1.1 200 OK"; the reason may be absent, the space before it too, as some engines send.
func parseStatusLine(line []byte, f *framing) error {
	if len(line) < 12 || (line[7] != '1' && line[7] != '0') || line[8] != ' ' || (len(line) > 12 && line[12] != ' ') {
		return outside("its status line is malformed")
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return outside("its status is not a number")
		}
		f.status = f.status*10 + int(c-'0')
	}
	if f.status < 100 || f.status > 599 {
		return outside("its status is out of range")
	}
	f.http10 = line[7] == '0'
	f.close = f.http10
	if !FieldText(line[12:]) {
		return outside("its reason holds a control byte")
	}
	return nil
}

func splitField(line []byte) (name, value []byte, err error) {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return nil, nil, outside("a field has no name")
	}
	for _, c := range line[:i] {
		if !tokenByte[c] {
			return nil, nil, outside("a field's name is not a token")
		}
	}
	value = bytes.Trim(line[i+1:], " \t")
	if !FieldText(value) {
		return nil, nil, outside("a field's value holds a control byte")
	}
	return line[:i], value, nil
}

// note takes what a field says about framing. coded counts the transfer codings.
func (f *framing) note(name, value []byte, coded *int) error {
	switch {
	case is(name, "content-length"):
		n, ok := parseDecimal(value)
		if !ok || (f.size >= 0 && f.size != n) {
			return outside("its content-length is not one number")
		}
		f.size = n
	case is(name, "transfer-encoding"):
		*coded++
		if !is(value, "chunked") {
			return outside("its transfer-encoding is not chunked")
		}
		f.chunked = true
	case is(name, "connection"):
		if f.n == len(f.connection) {
			return outside("it has too many connection fields")
		}
		f.connection[f.n] = value
		f.n++
		f.close = f.close || hasToken(value, "close")
		f.upgrade = f.upgrade || hasToken(value, "upgrade")
		if f.http10 && hasToken(value, "keep-alive") && !hasToken(value, "close") {
			f.close = false
		}
	}
	return nil
}

func (f *framing) settle(coded int) error {
	switch {
	case coded > 1:
		return outside("it has two transfer-encodings")
	case f.chunked && f.size >= 0:
		return outside("it has both a content-length and a transfer-encoding")
	case f.chunked && f.http10:
		return outside("it is HTTP/1.0 with a transfer-encoding")
	case f.chunked && (f.status < 200 || f.status == 204):
		return outside("its status allows no body, yet it has a transfer-encoding")
	}
	return nil
}

// fill copies the end-to-end fields into h.
func (f *framing) fill(h *fasthttp.ResponseHeader, fields []byte) {
	h.Reset()
	h.SetNoDefaultContentType(true)
	h.SetStatusCode(f.status)
	for line, rest := []byte(nil), fields; len(rest) > 2; {
		line, rest = cutLine(rest)
		i := bytes.IndexByte(line, ':')
		if name := line[:i]; !f.ofConnection(name) {
			h.AddBytesKV(name, bytes.Trim(line[i+1:], " \t"))
		}
	}
	switch {
	case f.status == fasthttp.StatusSwitchingProtocols:
		h.Set(fasthttp.HeaderConnection, "Upgrade")
	case f.size >= 0:
		h.SetContentLength(int(f.size))
	default:
		h.SetContentLength(-1)
	}
}

// ofConnection reports whether the field name concerns only the connection to the target: by its nature, or because
// Connection lists it. What describes the content or the client's session cannot be listed away.
func (f *framing) ofConnection(name []byte) bool {
	switch {
	case is(name, "connection"), is(name, "keep-alive"), is(name, "proxy-connection"), is(name, "te"),
		is(name, "trailer"), is(name, "transfer-encoding"), is(name, "content-length"), is(name, "http2-settings"),
		is(name, "proxy-authenticate"), is(name, "proxy-authorization"):
		return true
	case is(name, "upgrade"):
		return f.status != fasthttp.StatusSwitchingProtocols
	case len(name) > 8 && is(name[:8], "content-"), is(name, "set-cookie"), is(name, "www-authenticate"):
		return false
	}
	for _, v := range f.connection[:f.n] {
		if hasTokenBytes(v, name) {
			return true
		}
	}
	return false
}
