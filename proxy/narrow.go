package proxy

import (
	"bytes"
	"io"
)

// narrowed reads a compressed body as one that asks for a smaller window: the memory that its decoder is to keep, of which a
// few bytes may announce 16 MiB, and which encoders of streams announce whatever they have to say. Nothing that decodes to
// limit or less reads otherwise by it, since no distance reaches back behind the beginning.
type narrowed struct {
	src *bytes.Reader
	at  int // the byte that announces the window; -1 where it may stay
	as  byte
}

func narrow(encoding string, body []byte, src *bytes.Reader, limit int64) io.Reader {
	n := &narrowed{src: src, at: -1}
	switch encoding {
	case "br":
		n.brotli(body, limit)
	case "zstd":
		n.zstd(body, limit)
	}
	if n.at < 0 {
		return src
	}
	return n
}

func (n *narrowed) Read(p []byte) (int, error) {
	from := int(n.src.Size()) - n.src.Len()
	got, err := n.src.Read(p)
	if i := n.at - from; i >= 0 && i < got {
		p[i] = n.as
	}
	return got, err
}

// brotli: the first four bits nnn1 are a window of 2^(17+n) less 16 bytes, but for n = 0 (RFC 7932, 9.1).
func (n *narrowed) brotli(body []byte, limit int64) {
	if len(body) == 0 || body[0]&1 == 0 {
		return
	}
	said, bits := body[0]>>1&7, byte(1)
	for bits < said && int64(1)<<(17+bits)-16 < limit {
		bits++
	}
	if bits < said {
		n.at, n.as = 0, body[0]&^0x0e|bits<<1
	}
}

// widest is the largest window that a zstd body may ask for (RFC 9659).
const widest = 8 << 20

// zstd: a frame that is no single segment says its window in the byte behind the magic number and the descriptor, as a
// power of two and eighths of it (RFC 8878, 3.1.1.1.2).
func (n *narrowed) zstd(body []byte, limit int64) {
	const magic, singleSegment = "\x28\xb5\x2f\xfd", 0x20
	if len(body) < 6 || string(body[:4]) != magic || body[4]&singleSegment != 0 {
		return
	}
	power, eighths := body[5]>>3, int64(body[5]&7)
	said := int64(1) << (10 + power)
	if said += said / 8 * eighths; said > widest {
		return
	}
	bits := byte(0)
	for int64(1)<<(10+bits) < limit {
		bits++
	}
	if int64(1)<<(10+bits) < said {
		n.at, n.as = 5, bits<<3
	}
}
