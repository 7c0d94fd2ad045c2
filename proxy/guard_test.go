package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

const (
	getHead     = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	chunkedHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// TestGuard: what ends the input, and where: good is how much comes before it, -1 all of it.
func TestGuard(t *testing.T) {
	f := func(in string, want error, good int) {
		t.Helper()
		if good < 0 {
			good = len(in)
		}
		for _, piece := range []int{len(in) + 1, 1, 3} {
			var g guard
			var err error
			n := 0
			for rest := []byte(in); len(rest) > 0 && err == nil; {
				p := rest[:min(piece, len(rest))]
				var ok int
				ok, err = g.see(bytes.Clone(p))
				n += ok
				rest = rest[len(p):]
			}
			if !errors.Is(err, want) || piece > len(in) && n != good {
				t.Errorf("%.80q in pieces of %d: want %v after %d; got %v after %d", in, piece, want, good, err, n)
			}
		}
	}
	f(getHead, nil, -1)
	f("\r\n\r\n"+getHead+getHead, nil, -1)
	f("GET / HTTP/1.1\nHost: a\r\n\r\n", errBareLF, 0)
	f("GET / HTTP/1.1\r\nHost: a\n\r\n", errBareLF, 16)
	f(getHead+"GET / HTTP/1.1\n", errBareLF, len(getHead))
	// A body may hold anything, and what follows it is a head again.
	f("POST / HTTP/1.1\r\nHost: a\r\ncontent-length:  3 \r\n\r\na\nb"+getHead, nil, -1)
	f("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na\nbGET / HTTP/1.1\n", errBareLF, 50)
	f("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\n", nil, -1)
	f("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n\n", nil, -1)
	chunks := func(body string, want error, good int) {
		t.Helper()
		if good >= 0 {
			good += len(chunkedHead)
		}
		f(chunkedHead+body, want, good)
	}
	chunks("3\r\na\nb\r\n0\r\n\r\n"+getHead, nil, -1)
	chunks("A\r\n0123456789\r\n00a\r\n0123456789\r\n000\r\nX-T: a\r\n\r\nGET / HTTP/1.1\n", errBareLF, 47)
	chunks("0\r\n\r\n", nil, -1)
	for _, ext := range []string{";a", ";a=b", "; a = b", " ;a", `;a="b;\"c"`, ";a;b=c;d", `;a=""`} {
		chunks("1"+ext+"\r\na\r\n0"+ext+"\r\n\r\n", nil, -1)
	}
	for _, line := range []string{
		"", " 1", "1 ", "1\t", "1;", "1; ", "1;a=", "1;=b", "1;a b", "1;a=b c", "1;\x00", "1;a=\"b", `1;a="b\`, "1;a=\"\x01\"", "1;a\r", "0x1", "+1", "-1", "1_0", "1,1",
		"g", "1a2b3c4d5e6f7a8b", "1;a==b", "1;a=b;", "\xef\xbb\xbf1", "1\x00", "1\v",
	} {
		chunks(line+"\r\na\r\n0\r\n\r\n", errChunkLine, 0)
	}
	chunks("1\na\r\n0\r\n\r\n", errChunkLine, 0)
	chunks("1\ra\r\n0\r\n\r\n", errChunkLine, 0)
	chunks("1;a\na\r\n0\r\n\r\n", errChunkLine, 0)
	chunks("1\r\nab\r\n0\r\n\r\n", errChunkEnd, 4)
	chunks("1\r\na\n0\r\n\r\n", errChunkLine, 4)
	chunks("1\r\na\r\n\r\n0\r\n\r\n", errChunkLine, 6)
	chunks("0\r\nX T: a\r\n\r\n", errTrailer, 3)
	chunks("0\r\nno field\r\n\r\n", errTrailer, 3)
	chunks("0\r\nX-T: a\x00\r\n\r\n", errTrailer, 3)
	chunks("0\r\nX-T: a\n\r\n", errChunkLine, 3)
	chunks(strings.Repeat("1;"+strings.Repeat("a", 900)+"\r\na\r\n", 20), errExcess, 18*907)
	chunks("0\r\n"+strings.Repeat("X-T: "+strings.Repeat("a", 1000)+"\r\n", 20), errExcess, 3+8*1007)
	chunks(strings.Repeat("1\r\na\r\n", 5000)+"0\r\n\r\n", nil, -1)
	// An endless line is no line.
	chunks("1;"+strings.Repeat("a", 4000), errExcess, 0)
}

// TestGuardKeepsLittle: of a line that is long in coming little is held twice, and none of it once its head is over.
func TestGuardKeepsLittle(t *testing.T) {
	for _, field := range []string{"C: ", "Cookie: ", "Content-Lengths: ", "Transfer-Encodin: ", "X: "} {
		var g guard
		for _, p := range []string{"GET /", strings.Repeat("a", 30<<10), " HTTP/1.1\r\n" + field, strings.Repeat("b", 30<<10), strings.Repeat("c", 30<<10), "\r", "\n\r", "\n"} {
			if _, err := g.see([]byte(p)); err != nil {
				t.Fatal(err)
			}
			if len(g.part) > 16 {
				t.Errorf("%s%d bytes kept", field, len(g.part))
			}
		}
		if g.state != inHead || g.begun || g.dull {
			t.Errorf("%sthe head does not end: %+v", field, g)
		}
	}
	var g guard
	if _, err := g.see([]byte("GET / HTTP/1.1\r\nContent-Length:" + strings.Repeat(" ", 2*maxLine))); !errors.Is(err, errExcess) {
		t.Errorf("a length that is long in coming: %v", err)
	}
}

// FuzzGuard: however the bytes arrive, the verdict is one; and whatever fasthttp reads through the guard as a request that
// strictness lets pass ends where the guard says that a message ends.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{
		getHead, getHead + getHead, chunkedHead + "3;a=b\r\nabc\r\n0\r\nX-T: a\r\n\r\n" + getHead, "\r\nGET / HTTP/1.1\nHost: a\n\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + getHead, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 3\r\n\r\nabc",
	} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		var whole, split guard
		n, err := whole.see(bytes.Clone(in))
		m, splitErr := 0, error(nil)
		for rest := in; len(rest) > 0 && splitErr == nil; {
			p := rest[:min(int(piece)+1, len(rest))]
			var ok int
			ok, splitErr = split.see(bytes.Clone(p))
			m, rest = m+ok, rest[len(p):]
		}
		if (err == nil) != (splitErr == nil) || err == nil && (n != m || whole.state != split.state || whole.left != split.left) {
			t.Fatalf("%q: whole %v after %d, in pieces of %d %v after %d", in, err, n, piece, splitErr, m)
		}
		sameRequests(t, in)
	})
}

// sameRequests reads in as the server does.
func sameRequests(t *testing.T, in []byte) {
	var g guard
	src := bytes.NewReader(in)
	given := 0
	r := bufio.NewReaderSize(readerFunc(func(p []byte) (int, error) {
		n, err := g.read(src, p)
		given += n
		return n, err
	}), 4096)
	var req fasthttp.Request
	for {
		if req.Header.Read(r) != nil {
			return
		}
		if d, _ := (strictness{maxHead: 4096, maxFields: 100}).check(&req.Header); d != nil {
			return
		}
		if req.ContinueReadBodyStream(r, 1, false) != nil {
			return
		}
		if s := req.BodyStream(); s != nil {
			if n, err := io.Copy(io.Discard, s); err != nil || int(n) < req.Header.ContentLength() {
				return
			}
		}
		end := given - r.Buffered()
		var again guard
		if n, err := again.see(bytes.Clone(in[:end])); n != end || err != nil || again.state != inHead || again.begun {
			t.Fatalf("%q: fasthttp's request ends at %d; the guard is at %d, state %d, %v", in, end, n, again.state, err)
		}
		req.Reset()
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
