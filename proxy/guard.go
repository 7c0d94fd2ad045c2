package proxy

import (
	"bytes"
	"errors"
	"io"

	"blaze/upstream"
)

// guard follows a client's bytes as they arrive, before fasthttp reads them, and ends the connection's input at the first
// that is not HTTP/1.1 to the letter where framing depends on it: the line ends of heads, and all there is around chunks
// (RFC 9112, 2.2 and 7.1). fasthttp reads past the end of a chunk's size line and waits for an end of head that a head of
// bare LF never has. The rest of a head is judged by strictness, once it is whole. Owned by the connection's goroutine.
type guard struct {
	state   guardState
	left    int64   // bytes of a body or chunk that are to come
	length  int64   // what this head announced
	part    []byte  // a line that has not ended yet; of one that says nothing about framing, its end
	dull    bool    // it is such a line
	begun   bool    // this head's request line has come
	isHead  bool    // and its method is HEAD: what refuses it has no body either
	http11  bool    // and says so
	odd     bool    // this head's framing is ambiguous: strictness refuses it, and the connection ends
	framing framing // this head's
	excess  int     // bytes around chunks beyond what a sane sender needs; bytes of trailers
	bad     error   // what ended the input
	shown   bool    // fasthttp has been shown something of the request that is bad
	fresh   bool    // the last request has just ended
	head    int     // of the bytes last read, so many are of a head that has not ended, with empty lines before it
	heads   int     // so many heads ended in them
	wasHead bool    // and the method of the last one is HEAD
}

type guardState uint8

const (
	inHead guardState = iota
	inBody
	inSize     // a chunk's size line
	inChunk    // its data
	inChunkEnd // the line end behind it
	inTrailer
	unwatched // the connection ends with this request, or is no HTTP any more
)

var (
	errBareLF    = errors.New("a line of the head does not end in CRLF")
	errChunkLine = errors.New("a chunk's size is not a number with proper extensions")
	errChunkEnd  = errors.New("a chunk does not end where its size says")
	errTrailer   = errors.New("a trailer is no field")
	errExcess    = errors.New("too much around the chunks, or in a line about framing")
)

const (
	maxLine     = 1 << 10  // of a line about framing, in pieces or around chunks
	maxExcess   = 16 << 10 // as in net/http: some chunks may be wordy, not all
	maxTrailers = 8 << 10
)

// read reads from r. What comes before the first bad byte is given out, so that the requests before it are served.
func (g *guard) read(r io.Reader, p []byte) (int, error) {
	if g.bad != nil {
		return g.ended(p)
	}
	n, err := r.Read(p)
	good, bad := g.see(p[:n])
	if bad == nil {
		return n, err
	}
	if g.bad = bad; good == 0 {
		return g.ended(p)
	}
	return good, nil
}

// ended is the end of the input. fasthttp closes a kept connection without a word when it has read nothing of a request:
// where the first line is bad it is shown a byte in its place, and answers that it cannot read it.
func (g *guard) ended(p []byte) (int, error) {
	if g.state != inHead || g.begun || g.shown || len(p) == 0 {
		return 0, g.bad
	}
	g.shown, p[0] = true, '?'
	return 1, nil
}

// off ends the watch: the connection has become a tunnel.
func (g *guard) off() { g.state, g.part = unwatched, nil }

// atRest reports whether the last request has come to its end and nothing of another has.
func (g *guard) atRest() bool {
	return g.state == inHead && !g.begun && len(g.part) == 0 && g.bad == nil
}

// inMidst reports whether the last head's body has not come to its end, and nothing of it is bad.
func (g *guard) inMidst() bool {
	return g.bad == nil && g.state != inHead && g.state != unwatched
}

// awaitsBody reports whether the last head announced a body of which nothing has come.
func (g *guard) awaitsBody() bool { return g.state == inBody && g.left == g.length }

// refusesHEAD reports whether the request that cannot be read, the last one, is a HEAD request, of which fasthttp may not have
// seen that it is one.
func (g *guard) refusesHEAD() bool {
	if g.bad != nil || g.state == unwatched {
		return g.isHead
	}
	return g.wasHead && g.heads == 1
}

// see takes bytes as they come, and returns how many are good.
func (g *guard) see(p []byte) (int, error) {
	from := 0
	g.heads = 0
	good, err := g.follow(p, &from)
	if g.head = 0; err == nil && g.state == inHead && !g.fresh {
		g.head = good - from
	}
	return good, err
}

// follow does it, and notes where the last request begins.
func (g *guard) follow(p []byte, from *int) (int, error) {
	for at := 0; at < len(p); {
		if g.fresh {
			g.fresh, *from = false, at
		}
		switch g.state {
		case unwatched:
			return len(p), nil
		case inBody, inChunk:
			n := min(int64(len(p)-at), g.left)
			at += int(n)
			if g.left -= n; g.left == 0 {
				g.bodyEnds()
			}
			continue
		}
		if g.state == inHead && !g.begun && len(g.part) == 0 {
			g.isHead = bytes.HasPrefix(p[at:], []byte("HEAD "))
		}
		end := bytes.IndexByte(p[at:], '\n')
		if end < 0 {
			g.part = append(g.part, p[at:]...)
			if g.state == inHead {
				g.forget()
			}
			if len(g.part) > maxLine {
				return at, errExcess
			}
			return len(p), nil
		}
		line := p[at : at+end+1]
		if len(g.part) > 0 {
			line = append(g.part, line...)
			g.part = line[:0]
		}
		if err := g.take(line); err != nil {
			return at, err
		}
		at += end + 1
	}
	return len(p), nil
}

// forget keeps of a head's line that has not ended only what matters: fasthttp holds the rest already.
func (g *guard) forget() {
	const end = 16 // holds " HTTP/1.1\r"
	if !g.dull && string(g.part) == "\r" {
		return // an empty line
	}
	if g.dull = g.dull || !g.begun || !mayFrame(g.part); g.dull && len(g.part) > end {
		g.part = append(g.part[:0], g.part[len(g.part)-end:]...)
	}
}

// mayFrame reports whether a line that begins with b may be one of the fields that headLine reads.
func mayFrame(b []byte) bool {
	for _, name := range [...]string{"content-length:", "transfer-encoding:"} {
		if n := min(len(b), len(name)); bytes.EqualFold(b[:n], []byte(name[:n])) {
			return true
		}
	}
	return false
}

func (g *guard) bodyEnds() {
	if g.state == inChunk {
		g.state = inChunkEnd
		return
	}
	g.next()
}

// next begins the next head.
func (g *guard) next() {
	*g = guard{part: g.part[:0], fresh: true, heads: g.heads, wasHead: g.wasHead}
}

// take reads one whole line, its end included.
func (g *guard) take(line []byte) error {
	body, ok := bytes.CutSuffix(line, []byte("\r\n"))
	switch {
	case !ok && g.state == inHead:
		return errBareLF
	case !ok:
		return errChunkLine
	}
	switch g.state {
	case inHead:
		g.headLine(body)
	case inSize:
		return g.sizeLine(body)
	case inChunkEnd:
		if len(body) > 0 {
			return errChunkEnd
		}
		g.state = inSize
	case inTrailer:
		return g.trailer(body)
	}
	return nil
}

func (g *guard) headLine(line []byte) {
	dull := g.dull
	g.dull = false
	switch {
	case dull && g.begun:
	case len(line) == 0 && !dull && g.begun:
		g.headEnds()
	case len(line) == 0 && !dull: // before a request line empty lines are skipped (RFC 9112, 2.2)
	case !g.begun:
		g.begun, g.http11 = true, bytes.HasSuffix(line, []byte(" HTTP/1.1"))
	case line[0]|0x20 == 'c' || line[0]|0x20 == 't':
		g.field(line)
	}
}

// field takes what a field says about framing.
func (g *guard) field(line []byte) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	length := bytes.EqualFold(name, []byte("content-length"))
	if !ok || !length && !bytes.EqualFold(name, []byte("transfer-encoding")) {
		return // a field of no account, or none: strictness says
	}
	value = bytes.Trim(value, " \t")
	if g.framing.field(name, value, g.http11) != "" {
		g.odd = true
		return
	}
	for i := 0; length && i < len(value); i++ {
		g.length = 10*g.length + int64(value[i]-'0')
	}
}

func (g *guard) headEnds() {
	g.heads, g.wasHead = g.heads+1, g.isHead
	switch f := &g.framing; {
	case g.odd || f.length > 0 && f.encoding > 0:
		g.off()
	case f.encoding > 0:
		g.state = inSize
	case g.length > 0:
		g.state, g.left = inBody, g.length
	default:
		g.next()
	}
}

// sizeLine reads chunk-size [chunk-ext].
func (g *guard) sizeLine(line []byte) error {
	n := 0
	for ; n < len(line) && n <= 15; n++ {
		d := hexDigit(line[n])
		if d < 0 {
			break
		}
		g.left = g.left<<4 | int64(d)
	}
	if n == 0 || n > 15 || len(line) > maxLine || !validExtensions(line[n:]) {
		return errChunkLine
	}
	if g.left == 0 {
		g.state, g.excess = inTrailer, 0
		return nil
	}
	g.state = inChunk
	g.excess = max(0, g.excess+len(line)-16-int(min(2*g.left, maxExcess)))
	if g.excess > maxExcess {
		return errExcess
	}
	return nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// validExtensions reads *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) (RFC 9112, 7.1.1).
func validExtensions(b []byte) bool {
	for len(b) > 0 {
		b = bytes.TrimLeft(b, " \t")
		if len(b) == 0 || b[0] != ';' {
			return false
		}
		var ok bool
		if b, ok = cutToken(bytes.TrimLeft(b[1:], " \t")); !ok {
			return false
		}
		if rest := bytes.TrimLeft(b, " \t"); len(rest) > 0 && rest[0] == '=' {
			if b, ok = cutValue(bytes.TrimLeft(rest[1:], " \t")); !ok {
				return false
			}
		}
	}
	return true
}

func cutToken(b []byte) (rest []byte, ok bool) {
	n := 0
	for n < len(b) && tchar[b[n]] {
		n++
	}
	return b[n:], n > 0
}

func cutValue(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return cutToken(b)
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[i+1:], true
		case c == '\\' && i+1 < len(b) && text[b[i+1]]:
			i++
		case c == '\\' || !text[c]:
			return nil, false
		}
	}
	return nil, false
}

func (g *guard) trailer(line []byte) error {
	if len(line) == 0 {
		g.next()
		return nil
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if g.excess += len(line); g.excess > maxTrailers {
		return errExcess
	}
	if !ok || len(name) == 0 || !all(name, &tchar) || !upstream.FieldText(value) {
		return errTrailer
	}
	return nil
}
