package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// scripted is a model server that reads a request's head and answers with the bytes it is told to, then closes.
type scripted struct {
	ln    net.Listener
	conns sync.WaitGroup
	next  chan string
}

func script(t *testing.T) *scripted {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{ln: ln, next: make(chan string, 16)}
	s.conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); s.conns.Wait() })
	return s
}

func (s *scripted) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		answer := <-s.next
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
		if !strings.Contains(answer, "KEEP") {
			return
		}
	}
}

// TestHostileAnswers: whatever a broken or hostile model server answers, the client gets one well-formed answer or a
// connection that is visibly cut, and the next request on the same client connection gets its own answer and no other's.
func TestHostileAnswers(t *testing.T) {
	back := script(t)
	s := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
	const good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Kind: KEEP\r\n\r\ngood"
	ran := 0
	// want is the status; 0 is a cut connection, after whatever head.
	f := func(answer string, want int, body string) {
		t.Helper()
		ran++
		c := dial(t, s.addr)
		defer func() { _ = c.Close() }()
		r := bufio.NewReader(c)
		status, got, whole := exchange(t, c, r, back, answer)
		switch {
		case want == 0 && whole:
			t.Errorf("%.120q: a broken answer passes for a whole one: %d %q", answer, status, got)
		case want != 0 && (status != want || !whole || body != "" && got != body):
			t.Errorf("%.120q: got %d %q (whole: %v), want %d %q", answer, status, got, whole, want, body)
		}
		if want == 0 {
			return
		}
		if status, got, whole := exchange(t, c, r, back, good); status != 200 || got != "good" || !whole {
			t.Errorf("after %.120q: the next request got %d %q", answer, status, got)
		}
	}
	ok := "HTTP/1.1 200 OK\r\n"
	f(ok+"Content-Length: 2\r\n\r\nok", 200, "ok")
	f(ok+"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok")
	f(ok+"Connection: close\r\n\r\nto the end", 200, "to the end")
	f("HTTP/1.1 100 Continue\r\n\r\n"+ok+"Content-Length: 2\r\n\r\nok", 200, "ok")
	f("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+ok+"Content-Length: 2\r\n\r\nok", 200, "ok")
	f("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nextra", 204, "")
	// What is left behind an answer must not become the next one's.
	f(ok+"Content-Length: 2\r\nX-Kind: KEEP\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", 200, "ok")
	f(ok+"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 502, "")
	f(ok+"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!", 502, "")
	f(ok+"Content-Length: +2\r\n\r\nok", 502, "")
	f(ok+"Content-Length: -2\r\n\r\nok", 502, "")
	f(ok+"Content-Length: 99999999999999999999\r\n\r\nok", 502, "")
	f(ok+"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 502, "")
	f(ok+"X-A: b\x00c\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f(ok+"X-A: b\rSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f(ok+"X-A : b\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f(ok+"X-A: b\r\n folded\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f(ok+": empty name\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f(ok+"X-Long: "+strings.Repeat("a", 1<<20)+"\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw", 502, "")
	f("HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f("HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f("HTTP/1.1 099 No\r\nContent-Length: 2\r\n\r\nok", 502, "")
	f("ICY 200 OK\r\n\r\nok", 502, "")
	f("\r\n\r\n", 502, "")
	f("", 502, "")
	f("HTTP/1.1 200", 502, "")
	f(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000)+ok+"Content-Length: 2\r\n\r\nok", 502, "")
	// A short body of known length is read before it is sent on, so it can still be a 502; a stream cannot.
	f(ok+"Content-Length: 20\r\n\r\nshort", 502, "")
	f(ok+"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 0, "")
	f(ok+"Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", 0, "")
	f(ok+"Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", 0, "")
	if ran != 32 {
		t.Fatalf("ran %d cases", ran)
	}
}

// exchange sends a request, a POST so that it is not sent twice, that the model server answers with answer, and reads what the client gets.
func exchange(t *testing.T, c net.Conn, r *bufio.Reader, back *scripted, answer string) (status int, body string, whole bool) {
	t.Helper()
	back.next <- answer
	if _, err := io.WriteString(c, "POST /x HTTP/1.1\r\nHost: blaze.test\r\nContent-Length: 2\r\n\r\nhi"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, &http.Request{Method: "POST"})
	if err != nil {
		t.Errorf("%.120q: the client's answer cannot be read: %v", answer, err)
		return 0, "", false
	}
	b, err := io.ReadAll(res.Body)
	for name, values := range res.Header {
		if v := strings.Join(values, ""); strings.ContainsAny(v, "\r\n\x00") || name == "Set-Cookie" {
			t.Errorf("%.120q: the client is sent %s: %q", answer, name, v)
		}
	}
	select {
	case <-back.next: // never asked
	default:
	}
	return res.StatusCode, string(b), err == nil
}
