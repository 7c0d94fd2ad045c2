package upstream

import (
	"bytes"
	"io"
)

type bodyKind uint8

const (
	noBody bodyKind = iota
	sizedBody
	chunkedBody
	endlessBody // until the connection ends
)

const (
	maxChunkLine = 1 << 10 // a chunk's size with its extensions
	maxTrailer   = 16 << 10
)

// body reads an answer's body off a connection by its framing (RFC 9112, 6 and 7). Extensions and trailers are read
// past, within bounds.
type body struct {
	conn  *conn
	kind  bodyKind
	left  int64 // bytes of the body, or of the running chunk
	state chunkState
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd // the CRLF behind a chunk's data
	chunkTrailer
	chunkDone
)

// read returns at least one byte, or an error. It waits only for the first.
func (b *body) read(p []byte, l *Lease) (int, error) {
	switch b.kind {
	case sizedBody:
		if b.left == 0 {
			return 0, io.EOF
		}
		n, err := b.data(p, l)
		return n, cutShort(n, err)
	case endlessBody:
		b.left = 1 << 62
		n, err := b.data(p, l)
		return n, err
	case chunkedBody:
		return b.readChunks(p, l)
	}
	return 0, io.EOF
}

// cutShort makes the end of the connection an error: the body had more to come.
func cutShort(n int, err error) error {
	if err == io.EOF && n == 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// data copies up to left bytes out of the buffer, or else reads them straight into p.
func (b *body) data(p []byte, l *Lease) (int, error) {
	c := b.conn
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if c.r == c.w {
		if len(p) >= len(c.rbuf) || b.kind != chunkedBody {
			if err := l.renew(); err != nil {
				return 0, err
			}
			n, err := c.Conn.Read(p)
			l.tick()
			b.left -= int64(n)
			if n > 0 {
				err = nil
			}
			return n, err
		}
		if err := b.more(l); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rbuf[c.r:c.w])
	c.r += n
	b.left -= int64(n)
	return n, nil
}

// more waits for bytes in the buffer.
func (b *body) more(l *Lease) error {
	if err := l.renew(); err != nil {
		return err
	}
	err := b.conn.fill()
	l.tick()
	return err
}

// renew sets the stall timeout anew.
func (l *Lease) renew() error {
	d := l.timeout.Stall
	if l.quiet > 0 && (d <= 0 || l.quiet < d) {
		d = l.quiet
	}
	l.tick() // whoever reads the answer may have waited for its client since
	if !l.resp.conn.readWithin(&l.limits, d) {
		return errInterrupted
	}
	return nil
}

// readChunks fills p with the data of as many chunks as have arrived.
func (b *body) readChunks(p []byte, l *Lease) (n int, err error) {
	for n < len(p) {
		if b.state == chunkDone {
			return n, io.EOF
		}
		if b.state == chunkData && (n == 0 || b.conn.r < b.conn.w) {
			m, err := b.data(p[n:], l)
			n += m
			if err != nil {
				return n, cutShort(0, err)
			}
			if b.left == 0 {
				b.state = chunkEnd
			}
			continue
		}
		if b.state == chunkData {
			return n, nil
		}
		ok, err := b.frame()
		if err != nil {
			return n, err
		}
		if ok {
			continue
		}
		if n > 0 {
			return n, nil
		}
		if err := b.more(l); err != nil {
			return 0, cutShort(0, err)
		}
	}
	return n, nil
}

// frame reads one piece of framing off the buffer; false when it is not all there yet.
func (b *body) frame() (bool, error) {
	c := b.conn
	buf := c.rbuf[c.r:c.w]
	if b.state == chunkEnd {
		if len(buf) < 2 {
			return false, nil
		}
		if buf[0] != '\r' || buf[1] != '\n' {
			return false, outside("a chunk does not end with CRLF")
		}
		c.r += 2
		b.state = chunkSize
		return true, nil
	}
	i := bytes.IndexByte(buf, '\n')
	if i < 0 {
		if len(buf) >= maxChunkLine {
			return false, outside("a chunk's size line is longer than 1 KiB")
		}
		return false, nil
	}
	if i == 0 || buf[i-1] != '\r' || i > maxChunkLine {
		return false, outside("a chunk's size line is malformed")
	}
	c.r += i + 1
	if b.state == chunkTrailer {
		return true, b.trailer(buf[:i-1])
	}
	return true, b.size(buf[:i-1])
}

// size reads "1f;extension".
func (b *body) size(line []byte) error {
	digits, ext, extended := bytes.Cut(line, semicolon)
	if extended {
		digits = bytes.TrimRight(digits, " \t")
		for _, c := range ext {
			if c < ' ' && c != '\t' || c == 0x7f {
				return outside("a chunk's extension holds a control byte")
			}
		}
	}
	n, ok := parseHex(digits)
	if !ok {
		return outside("a chunk's size is not a number")
	}
	b.left, b.state = n, chunkData
	if n == 0 {
		b.left, b.state = maxTrailer, chunkTrailer
	}
	return nil
}

// trailer drops one trailer field; left bounds them all.
func (b *body) trailer(line []byte) error {
	if len(line) == 0 {
		b.state = chunkDone
		return nil
	}
	if b.left -= int64(len(line)); b.left < 0 {
		return outside("its trailer is larger than 16 KiB")
	}
	_, _, err := splitField(line)
	return err
}

var semicolon = []byte{';'}

// parseHex reads up to 15 hexadecimal digits and nothing else.
func parseHex(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	for _, c := range b {
		switch c = lower(c); {
		case '0' <= c && c <= '9':
			n = n<<4 | int64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | int64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}
