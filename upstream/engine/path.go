package engine

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// Path is a request target's path in its one canonical form. Raw is what is matched, authorized and forwarded; it is
// a part of the bytes that were received and lives as long as they do.
type Path struct {
	Raw []byte
	// segments are the parts between slashes, as sent. An encoded slash in one is legal only in a {parameter}; see Match.
	segments [maxSegments]segment
	n        int
}

const (
	maxSegments = 32
	maxPath     = 8 << 10
)

type segment struct {
	from, to uint16
	slash    bool // holds an encoded slash
}

// What Parse refuses, and why. Each form is one that some server, proxy or framework reads as another path.
var (
	errPathForm     = errors.New("path does not begin with a slash")
	errPathLong     = errors.New("path is too long")
	errPathDeep     = errors.New("path has too many segments")
	errPathEmpty    = errors.New("path has an empty segment")
	errPathDot      = errors.New("path has a dot segment")
	errPathByte     = errors.New("path has a byte that must be percent-encoded")
	errPathSemi     = errors.New("path has a semicolon")
	errPathSlash    = errors.New("path has a backslash")
	errPathPercent  = errors.New("path has a percent sign that encodes nothing")
	errPathDouble   = errors.New("path is encoded twice")
	errPathPlain    = errors.New("path encodes a character that needs no encoding")
	errPathControl  = errors.New("path encodes a control character")
	errPathEncoding = errors.New("path encodes bytes that are not UTF-8")
)

// Parse reads the path of a request target (without ? and query; RFC 3986, 3.3). It refuses every form that two parsers
// could read differently: empty and dot segments, encoded or not, backslash, semicolon, NUL and other control bytes,
// non-ASCII, bytes that a path cannot hold, a percent sign that encodes nothing, an encoded character that needs no
// encoding (%61, %2e), an overlong or broken UTF-8 sequence, and double encoding. A trailing slash is a path of its own
// and not one of them. The error says which, for the log. Parse(p.Raw) of a parsed path is p again.
func (p *Path) Parse(raw []byte) error {
	p.Raw, p.n = raw, 0
	if len(raw) == 0 || raw[0] != '/' {
		return errPathForm
	}
	if len(raw) > maxPath {
		return errPathLong
	}
	for from := 1; from <= len(raw) && len(raw) > 1; { // a trailing slash leaves one empty segment, which no route has
		to := len(raw)
		if i := bytes.IndexByte(raw[from:], '/'); i >= 0 {
			to = from + i
		}
		if from == to && to < len(raw) {
			return errPathEmpty
		}
		slash, err := checkSegment(raw[from:to])
		if err != nil {
			return err
		}
		if p.n == maxSegments {
			return errPathDeep
		}
		p.segments[p.n] = segment{from: uint16(from), to: uint16(to), slash: slash}
		p.n++
		from = to + 1
	}
	return nil
}

// segment is the i-th part as sent.
func (p *Path) segment(i int) []byte { return p.Raw[p.segments[i].from:p.segments[i].to] }

// pathClass tells what a byte of a path is.
var pathClass = func() (t [256]uint8) {
	for c := range t {
		t[c] = pathBad
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
		t[c] = pathUnreserved
	}
	for _, c := range []byte("!$&'()*+,=:@") {
		t[c] = pathOther
	}
	t['%'], t[';'], t['\\'] = pathPercent, pathSemi, pathBackslash
	return t
}()

const (
	pathBad = iota
	pathUnreserved
	pathOther
	pathPercent
	pathSemi
	pathBackslash
)

// checkSegment judges one segment and says whether it holds an encoded slash.
func checkSegment(s []byte) (slash bool, err error) {
	escaped := false
	for _, c := range s {
		switch pathClass[c] {
		case pathUnreserved, pathOther:
		case pathPercent:
			escaped = true
		case pathSemi:
			return false, errPathSemi
		case pathBackslash:
			return false, errPathSlash
		default:
			return false, errPathByte
		}
	}
	if isDots(s) {
		return false, errPathDot
	}
	if !escaped {
		return false, nil
	}
	return checkEscapes(s)
}

func isDots(s []byte) bool { return len(s) <= 2 && (string(s) == "." || string(s) == "..") }

// checkEscapes judges a segment that holds percent signs. Encoded slashes divide it into parts, and each part has to be
// as harmless as a segment: when something behind Blaze decodes them, no dot or empty segment may come out.
func checkEscapes(s []byte) (slash bool, err error) {
	part := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		c, ok := unpercent(s, i)
		if !ok {
			return false, errPathPercent
		}
		next := i + 3
		switch {
		case c == '/':
			if i == part || isDots(s[part:i]) {
				return false, errPathDot
			}
			slash, part = true, next
		case c >= utf8.RuneSelf:
			if next, ok = checkRune(s, i); !ok {
				return false, errPathEncoding
			}
		default:
			if err := checkEscaped(c, s[next:]); err != nil {
				return false, err
			}
		}
		i = next - 1
	}
	if slash && (part == len(s) || isDots(s[part:])) {
		return false, errPathDot
	}
	return slash, nil
}

// checkEscaped judges one encoded ASCII character; rest is what follows it.
func checkEscaped(c byte, rest []byte) error {
	switch {
	case pathClass[c] == pathUnreserved:
		return errPathPlain
	case c < ' ' || c == 0x7f:
		return errPathControl
	case c == '\\':
		return errPathSlash
	case c == ';':
		return errPathSemi
	case c == '%' && len(rest) >= 2 && isHex(rest[0]) && isHex(rest[1]):
		return errPathDouble
	case c == '%' && len(rest) > 0 && rest[0] == '%':
		return errPathDouble // %25%32%65 is %2e to whoever decodes twice
	}
	return nil
}

// checkRune reads the encoded UTF-8 sequence at s[i] and returns where it ends.
func checkRune(s []byte, i int) (end int, ok bool) {
	var seq [utf8.UTFMax]byte
	n := 0
	for i < len(s) && s[i] == '%' && n < len(seq) {
		c, ok := unpercent(s, i)
		if !ok || (n > 0 && c&0xc0 != 0x80) {
			break
		}
		seq[n] = c
		n++
		i += 3
		if utf8.FullRune(seq[:n]) {
			break
		}
	}
	r, size := utf8.DecodeRune(seq[:n])
	if r == utf8.RuneError && size <= 1 || r < 0xa0 || size != n {
		return i, false // broken, overlong, or a C1 control
	}
	return i, true
}

// unpercent decodes the escape at s[i].
func unpercent(s []byte, i int) (byte, bool) {
	if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
		return 0, false
	}
	return unhex(s[i+1])<<4 | unhex(s[i+2]), true
}

func isHex(c byte) bool {
	return c-'0' < 10 || c|0x20-'a' < 6
}

// unhex is the value of a hex digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// EncodedSlash reports whether a segment holds an encoded slash.
func (p *Path) EncodedSlash() bool {
	for _, s := range p.segments[:p.n] {
		if s.slash {
			return true
		}
	}
	return false
}
