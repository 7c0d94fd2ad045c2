package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// hostile is a model server that answers the next request with the given bytes, and then closes the connection or waits
// for whatever else comes over it.
type hostile struct {
	ln    net.Listener
	conns sync.WaitGroup

	mu     sync.Mutex
	answer string // guarded by mu; "" is the good one
	stay   bool   // guarded by mu

	again atomic.Int64 // requests over a connection whose last answer was the given one
}

const goodAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"

func newHostile(t *testing.T) *hostile {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{ln: ln}
	h.conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			h.conns.Go(func() { h.serve(c) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); h.conns.Wait() })
	return h
}

func (h *hostile) next(answer string, stay bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer, h.stay = answer, stay
}

func (h *hostile) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	spoiled := false
	for r := bufio.NewReader(c); ; {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if spoiled {
			h.again.Add(1)
		}
		h.mu.Lock()
		answer, stay := h.answer, h.stay
		h.answer = ""
		h.mu.Unlock()
		if spoiled = answer != ""; !spoiled {
			answer, stay = goodAnswer, true
		}
		if _, err := io.WriteString(c, answer); err != nil || !stay {
			return
		}
	}
}

// received is an answer as a client has it that forgives nothing.
type received struct {
	status int
	body   string
	whole  bool
	last   bool // the server says that the connection ends with it
}

// receive reads an answer by the letter of RFC 9112. The error says what a client might misread; a connection that ends
// inside the body is none, it is an answer that is not whole.
func receive(r *bufio.Reader, method string) (got received, err error) {
	line, err := lineOf(r)
	if err != nil {
		return got, err
	}
	if _, err := fmt.Sscanf(line, "HTTP/1.1 %d ", &got.status); err != nil || got.status < 200 {
		return got, fmt.Errorf("a status line %q", line)
	}
	size, chunked := -1, false
	for {
		if line, err = lineOf(r); err != nil || line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok && !strings.HasSuffix(line, ":") || strings.ContainsAny(name, " \t") {
			return got, fmt.Errorf("a field %q", line)
		}
		switch strings.ToLower(name) {
		case "content-length":
			if size >= 0 {
				return got, errors.New("two lengths")
			}
			if size, err = strconv.Atoi(value); err != nil {
				return got, err
			}
		case "transfer-encoding":
			if chunked || value != "chunked" {
				return got, fmt.Errorf("a transfer coding %q", value)
			}
			chunked = true
		case "connection":
			got.last = value == "close"
		case "set-cookie", "x-evil", "x-hop", "upgrade", "trailer", "keep-alive":
			return got, fmt.Errorf("a field %q", line)
		}
	}
	if err != nil {
		return got, err
	}
	if chunked && size >= 0 || got.status == 204 && (chunked || size >= 0) {
		return got, fmt.Errorf("a %d with length %d, chunked: %v", got.status, size, chunked)
	}
	if method == "HEAD" || got.status == 204 || got.status == 304 {
		got.whole = true
		return got, nil
	}
	if !chunked {
		if size < 0 {
			return got, errors.New("neither a length nor chunks")
		}
		body, err := io.ReadAll(io.LimitReader(r, int64(size)))
		got.body, got.whole = string(body), err == nil && len(body) == size
		return got, nil
	}
	return got, got.chunks(r)
}

func (got *received) chunks(r *bufio.Reader) error {
	for {
		line, err := lineOf(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		size, perr := strconv.ParseUint(line, 16, 31)
		if err != nil || perr != nil {
			return fmt.Errorf("a chunk's line %q", line)
		}
		data := make([]byte, size)
		n, _ := io.ReadFull(r, data)
		got.body += string(data[:n])
		if n < int(size) {
			return nil
		}
		line, err = lineOf(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || line != "" {
			return fmt.Errorf("behind a chunk %q", line)
		}
		if size == 0 {
			got.whole = true
			return nil
		}
	}
}

// lineOf reads a line that ends with CRLF and holds no other control byte.
func lineOf(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return line, err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return text, fmt.Errorf("a line %q", line)
	}
	return text, nil
}

// ordeal puts hostile answers through the proxy.
type ordeal struct {
	t    *testing.T
	back *hostile
	s    *served
	ran  int
}

func newOrdeal(t *testing.T) *ordeal {
	t.Helper()
	back := newHostile(t)
	return &ordeal{t: t, back: back, s: serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())}
}

// cut is the status of an answer that began, and ended visibly before its end.
const cut = 0

// try has the model server answer one request so, and then a good one. The client must get status, and body where that
// is not "-"; its second request gets the good answer, over a connection that the model server has not spoiled.
func (o *ordeal) try(method, answer string, stay bool, status int, body string) {
	t := o.t
	t.Helper()
	o.ran++
	o.back.next(answer, stay)
	c := dial(t, o.s.addr)
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	ask := func(method string) received {
		t.Helper()
		if _, err := fmt.Fprintf(c, "%s /x HTTP/1.1\r\nHost: blaze.test\r\nContent-Length: 2\r\n\r\nhi", method); err != nil {
			t.Errorf("%.150q: the client cannot ask: %v", answer, err)
		}
		got, err := receive(r, method)
		if err != nil {
			t.Errorf("%.150q: the client is sent %v", answer, err)
		}
		return got
	}
	got := ask(method)
	before := o.back.again.Load()
	switch {
	case status == cut && got.whole:
		t.Errorf("%.150q: passes for a whole answer: %+v", answer, got)
	case status != cut && (got.status != status || !got.whole || body != "-" && status != 502 && got.body != body):
		t.Errorf("%.150q: got %+v, want %d %q", answer, got, status, body)
	}
	if !got.whole || got.last {
		if rest, _ := io.ReadAll(r); len(rest) > 0 {
			t.Errorf("%.150q: behind its end the client is sent %q", answer, rest)
		}
		c = dial(t, o.s.addr)
		defer func() { _ = c.Close() }()
		r = bufio.NewReader(c)
	}
	if next := ask("POST"); next.status != 200 || next.body != "good" || !next.whole {
		t.Errorf("after %.150q: the next request got %+v", answer, next)
	}
	if n := o.back.again.Load() - before; n != 0 && (status == 502 || status == cut) {
		t.Errorf("%.150q: the connection that it came over was used again", answer)
	}
}

// TestHostileBytes: no byte that makes two readings of an answer possible comes through, whatever holds it.
func TestHostileBytes(t *testing.T) {
	o := newOrdeal(t)
	refused := func(answers ...string) {
		t.Helper()
		for _, a := range answers {
			o.try("POST", a, true, 502, "-")
		}
	}
	const ok, two = "HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n\r\nok"
	// Status lines.
	for _, line := range []string{"HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 \xc3\xa9", "HTTP/1.0 200 OK"} {
		o.try("POST", line+"\r\n"+two, true, 200, "ok")
	}
	for _, line := range []string{
		"http/1.1 200 OK", "Http/1.1 200 OK", " HTTP/1.1 200 OK", "\tHTTP/1.1 200 OK", "\r\nHTTP/1.1 200 OK", "\nHTTP/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK",
		"HTTP/1.1 200\tOK", "HTTP/1.1 200OK", "HTTP/1.1 +20 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 2e2 OK", "HTTP/1.1 0200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 000 OK", "HTTP/1.1 099 OK",
		"HTTP/1.1 600 OK", "HTTP/1.1 999 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 OK", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 200 O\x00K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\x7fK", "HTTP/1.1 200 O\x1bK",
		"HTTP/1.2 200 OK", "HTTP/1.9 200 OK", "HTTP/1.10 200 OK", "HTTP/01.1 200 OK", "HTTP/1 200 OK", "HTTP/2 200 OK", "HTTP/2.0 200 OK", "HTTP/3 200 OK", "HTTP/0.9 200 OK", "HTTP/-1.1 200 OK",
		"HTTP/1,1 200 OK", "HTTPS/1.1 200 OK", "ICY 200 OK", "SHTTP/1.1 200 OK", "\xef\xbb\xbfHTTP/1.1 200 OK", "HTTP/1.1 ２００ OK", "HTTP/1.1 200 OK\r\r", "GET / HTTP/1.1", "200 OK",
	} {
		refused(line + "\r\n" + two)
	}
	refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80", "\x15\x03\x03\x00\x02\x02\x28", "<html>hello</html>\r\n", "{\"ok\":true}\r\n\r\n", "SSH-2.0-x\r\n", "\x1f\x8b\x08\x00\n")
	// Lines and fields.
	refused("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "HTTP/1.1 200 OK\n"+two, ok+"Content-Length: 2\n\r\nok", ok+"Content-Length: 2\r\n\nok", ok+"A: b\rX-Evil: 1\r\n"+two, ok+"A: b\nX-Evil: 1\r\n"+two,
		ok+"A: b\r\r\n"+two, ok+"A: b\r\n X-Evil: 1\r\n"+two, ok+"A: b\r\n\tc\r\n"+two, ok+" A: b\r\n"+two, ok+"\tA: b\r\n"+two, ok+"A : b\r\n"+two, ok+"A\t: b\r\n"+two, ok+"A B: c\r\n"+two, ok+": b\r\n"+two,
		ok+"A\r\n"+two, ok+"A\x00: b\r\n"+two, ok+"A: \x00\r\n"+two, ok+"A: b\x00c\r\n"+two, ok+"A: b\x1bc\r\n"+two, ok+"A: \x7f\r\n"+two, ok+"\x80: b\r\n"+two, ok+"A(: b\r\n"+two, ok+"\"A\": b\r\n"+two,
		ok+"Location: /\rSet-Cookie: a=b\r\n"+two, ok+"Location: /\nSet-Cookie: a=b\r\n"+two, ok+"Set-Cookie: a=b\rX-Evil: 1\r\n"+two, ok+"Content-Length\r\n"+two, ok+"\x0bContent-Length: 3\r\n"+two,
		ok+strings.Repeat("A: b\r\n", 1000)+two, ok+"A: "+strings.Repeat("b", 1<<17)+"\r\n"+two, ok+strings.Repeat("a", 1<<17)+": b\r\n"+two)
	o.try("POST", ok+"A:\r\nB:  \t b \t\r\nC: \xff\xfe\r\n"+two, true, 200, "ok")
	o.try("POST", ok+"Location: /%0d%0aSet-Cookie:%20a=b\r\n"+two, true, 200, "ok")
	o.try("POST", ok+"Connection: X-Hop, keep-alive, content-length, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nTrailer: X-Evil\r\n"+two, true, 200, "ok")
	// Lengths and codings.
	for _, v := range []string{"+2", "-2", "-0", "0x2", "2.0", "2e0", "2,2", "2, 3", "2;", "2 2", "\"2\"", "", "two", "٢", "2\x00", "\x0c2", "18446744073709551618", "9223372036854775808", "99999999999999999999999999", "4294967298x"} {
		refused(ok + "Content-Length: " + v + "\r\n\r\nok")
	}
	refused(ok+"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!", ok+"Content-Length: 3\r\ncontent-length: 2\r\n\r\nok!", ok+"Content-Length: 2\r\nContent-Length:\r\n\r\nok")
	o.try("POST", ok+"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", true, 200, "ok")
	o.try("POST", ok+"Content-Length: 002\r\n\r\nok", true, 200, "ok")
	const chunks = "\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	for _, v := range []string{"gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "identity, chunked", "chunked;q=1", "xchunked", "chunkedx", "chunked,", ",chunked", "\"chunked\"", "", "chunked\x00", "\x0bchunked", "deflate", "chun ked", "trailers"} {
		refused(ok + "Transfer-Encoding: " + v + chunks)
	}
	refused(ok+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"+chunks, ok+"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"+chunks, ok+"Content-Length: 2\r\nTransfer-Encoding: chunked"+chunks,
		ok+"Transfer-Encoding: chunked\r\nContent-Length: 2"+chunks, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked"+chunks, "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked"+chunks, ok+"Transfer-Encoding : chunked"+chunks,
		ok+"Transfer-Encoding:\r\n chunked"+chunks)
	o.try("POST", ok+"transfer-encoding: CHUNKED"+chunks, true, 200, "ok")
	// Chunks.
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	for _, b := range []string{
		"2;a=b\r\nok\r\n0;c=\"d\"\r\n\r\n", "02\r\nok\r\n00\r\n\r\n", "1\r\no\r\n1\r\nk\r\n0\r\n\r\n", "2\r\nok\r\n0\r\nX-Evil: 1\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\n\r\n",
	} {
		o.try("POST", chunked+b, true, 200, "ok")
	}
	o.try("POST", chunked+"1c\r\n\r\n0\r\n\r\nHTTP/1.1 200 Evil\r\n\r\n\r\n0\r\n\r\n", true, 200, "\r\n0\r\n\r\nHTTP/1.1 200 Evil\r\n\r\n")
	for _, b := range []string{
		"+2\r\nok\r\n0\r\n\r\n", "-2\r\nok\r\n0\r\n\r\n", "0x2\r\nok\r\n0\r\n\r\n", " 2\r\nok\r\n0\r\n\r\n", "2 \r\nok\r\n0\r\n\r\n", "2\nok\n0\n\n", "2\r\nok\n0\r\n\r\n", "2\r\nokay\r\n0\r\n\r\n", "3\r\nok\r\n0\r\n\r\n", "\r\nok\r\n0\r\n\r\n",
		"g\r\nok\r\n0\r\n\r\n", "2_0\r\nok\r\n0\r\n\r\n", "ffffffffffffffff\r\nok\r\n0\r\n\r\n", "10000000000000002\r\nok\r\n0\r\n\r\n", "2;\x00\r\nok\r\n0\r\n\r\n", "2;a\rb\r\nok\r\n0\r\n\r\n", "2;a\nok\r\n0\r\n\r\n", "2\r\nok0\r\n\r\n",
		"2;" + strings.Repeat("a", 1<<12) + "\r\nok\r\n0\r\n\r\n", "2\r\nok\r\n0\r\nno field\r\n\r\n", "2\r\nok\r\n0\r\n A: b\r\n\r\n", "2\r\nok\r\n0\r\nA: b\n\r\n", "2\r\nok\r\n0\r\nA: \x00\r\n\r\n",
		"2\r\nok\r\n0\r\n" + strings.Repeat("A: b\r\n", 1<<13) + "\r\n", strings.Repeat("0", 1<<12) + "2\r\nok\r\n0\r\n\r\n", "２\r\nok\r\n0\r\n\r\n", "2\r\r\nok\r\n0\r\n\r\n",
	} {
		o.try("POST", chunked+b, false, cut, "-")
	}
	if o.ran < 170 {
		t.Errorf("only %d answers", o.ran)
	}
}

// TestHostileEnds: what is left behind an answer, comes before it or is missing of it becomes no other's.
func TestHostileEnds(t *testing.T) {
	o := newOrdeal(t)
	const ok, two = "HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n\r\nok"
	const evil = "HTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil"
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	for _, rest := range []string{evil, "x", "\r\n", "\r\n" + evil, "HTTP/1.1 100 Continue\r\n\r\n", strings.Repeat("x", 1<<17)} {
		o.try("POST", ok+two+rest, true, 200, "ok")
		o.try("POST", chunked+rest, true, 200, "ok")
		o.try("POST", "HTTP/1.1 204 No\r\n\r\n"+rest, true, 204, "")
		o.try("POST", "HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\n"+rest, true, 204, "")
		o.try("POST", "HTTP/1.1 304 Same\r\nContent-Length: 4\r\n\r\n"+rest, true, 304, "")
		o.try("HEAD", ok+"Content-Length: 4\r\n\r\n"+rest, true, 200, "")
		o.try("HEAD", ok+"Transfer-Encoding: chunked\r\n\r\n"+rest, true, 200, "")
		o.try("POST", ok+"Content-Length: 0\r\n\r\n"+rest, true, 200, "")
	}
	if o.back.again.Load() != 0 {
		t.Error("a connection was used again with something left in it")
	}
	o.try("POST", ok+"\r\nto the end", false, 200, "to the end")
	o.try("POST", ok+"Content-Encoding: gzip\r\n"+two, true, 200, "ok") // a lie, and the client's to find out
	o.try("POST", strings.Repeat("HTTP/1.1 102 Wait\r\nX-Evil: 1\r\n\r\n", 3)+ok+two, true, 200, "ok")
	o.try("POST", "HTTP/1.1 103 Hints\r\nLink: </a>\r\nSet-Cookie: a=b\r\n\r\n"+ok+two, true, 200, "ok")
	for _, before := range []string{
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 5000), "HTTP/1.1 100 Continue\r\nContent-Length: 4\r\n\r\nevil", "HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 100 Continue\n\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 100\r\n\r\n\r\n", "HTTP/1.1 199 x\r\nA\r\n\r\n",
	} {
		o.try("POST", before+ok+two, true, 502, "-")
	}
	// Cut at each byte: before the body has come whole, a short answer is no answer; of a chunked one, the client sees the cut.
	for i := 1; i < len(ok+two); i++ {
		o.try("POST", (ok + two)[:i], false, 502, "-")
	}
	for i := 1; i < len(chunked); i++ {
		want := cut
		if i <= strings.Index(chunked, "\r\n\r\n")+3 {
			want = 502
		}
		o.try("POST", chunked[:i], false, want, "-")
	}
	if o.ran < 150 {
		t.Errorf("only %d answers", o.ran)
	}
}
