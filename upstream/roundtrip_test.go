package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What goes on the wire is the target and the fields as given, with this hop's own framing.
func TestRequestOnTheWire(t *testing.T) {
	var got string
	b := serve(t, func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			s := b.request(r)
			if s == "" {
				return
			}
			got = s
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	p := makePool(t, config(b.url()))
	host := b.ln.Addr().String()
	f := func(r *Request, want string) {
		t.Helper()
		if res := ask(p, r); res.err != nil || res.status != 200 || res.body != "{}" {
			t.Fatalf("got %+v", res)
		}
		if want = strings.ReplaceAll(want, "\n", "\r\n"); got != want {
			t.Errorf("on the wire\n%q\nwant\n%q", got, want)
		}
	}
	r := post(`{"a":1}`)
	r.Target = []byte("/v1/models/org%2Fname?")
	f(r, "POST /v1/models/org%2Fname? HTTP/1.1\nHost: "+host+"\nContent-Type: application/json\nContent-Length: 7\n\n{\"a\":1}")
	f(get(), "GET /v1/models HTTP/1.1\nHost: "+host+"\n\n")
	f(post(""), "POST /v1/chat/completions HTTP/1.1\nHost: "+host+"\nContent-Type: application/json\nContent-Length: 0\n\n")

	r = get()
	r.Head = head("GET", "Host: spoofed", "Connection: x-secret", "TE: trailers", "Keep-Alive: 1", "Upgrade: websocket", "Expect: 100-continue", "Transfer-Encoding: chunked", "Content-Length: 3", "Cookie: a=b", "X-A: 1", "X-A: 2")
	f(r, "GET /v1/models HTTP/1.1\nHost: "+host+"\nCookie: a=b\nX-A: 1\nX-A: 2\n\n")

	r = post("")
	r.Stream, r.Size = strings.NewReader("hello world"), 11
	f(r, "POST /v1/chat/completions HTTP/1.1\nHost: "+host+"\nContent-Type: application/json\nContent-Length: 11\n\nhello world")
	r.Stream, r.Size = strings.NewReader("hello world"), -1
	f(r, "POST /v1/chat/completions HTTP/1.1\nHost: "+host+"\nContent-Type: application/json\nTransfer-Encoding: chunked\n\nb\nhello world\n0\n\n")
}

// Every framing of an answer's body is read to its end, and only a kept connection is used again.
func TestAnswers(t *testing.T) {
	f := func(answer string, status int, body string, reused bool) {
		t.Helper()
		b := serve(t, func(b *backend, c net.Conn) {
			for r := bufio.NewReader(c); b.request(r) != ""; {
				_, _ = io.WriteString(c, strings.ReplaceAll(answer, "\n", "\r\n"))
				if !reused {
					return
				}
			}
		})
		p := makePool(t, config(b.url()))
		for range 2 {
			if res := ask(p, get()); res.err != nil || res.status != status || res.body != body {
				t.Fatalf("%q: got %+v", answer, res)
			}
		}
		want := int64(2)
		if reused {
			want = 1
		}
		if n := b.conns.Load(); n != want {
			t.Errorf("%q: %d connections, want %d", answer, n, want)
		}
	}
	f("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello", true)
	f("HTTP/1.1 200\nContent-Length: 5\n\nhello", 200, "hello", true)
	f("HTTP/1.1 200 OK\nContent-Length: 0\n\n", 200, "", true)
	f("HTTP/1.1 204 No Content\n\n", 204, "", true)
	f("HTTP/1.1 304 Not Modified\nContent-Length: 9\n\n", 304, "", true)
	f("HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\n\n5\nhello\n6;x=y\n world\n0\n\n", 200, "hello world", true)
	f("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5 ;a\nhello\n0\nX-Trailer: 1\n\n", 200, "hello", true)
	f("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 5\n\nhello", 200, "hello", false)
	f("HTTP/1.1 200 OK\n\nhello", 200, "hello", false)
	f("HTTP/1.0 200 OK\n\nhello", 200, "hello", false)
	f("HTTP/1.0 200 OK\nContent-Length: 5\n\nhello", 200, "hello", false)
	f("HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 5\n\nhello", 200, "hello", true)
	f("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nhi", 200, "hi", true)
	f("HTTP/1.1 200 OK\nContent-Length: 5\n\nhelloHTTP/1.1 200 OK\nContent-Length: 5\n\nevil!", 200, "hello", false)
}

// A HEAD's answer has a length and no body.
func TestHead(t *testing.T) {
	b := serve(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"))
	p := makePool(t, config(b.url()))
	for range 2 {
		l, _, err := p.Acquire(Want{})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := l.RoundTrip(&Request{Head: head("HEAD"), Target: []byte("/"), Replayable: true}, new(Cancel), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := resp.Read(make([]byte, 9)); n != 0 || err != io.EOF || resp.Size != 0 || resp.Header.ContentLength() != 1234 {
			t.Errorf("read %d %v, size %d, length %d", n, err, resp.Size, resp.Header.ContentLength())
		}
		l.Release(Success)
	}
	if b.conns.Load() != 1 {
		t.Error("the connection was not used again")
	}
}

// Whatever is not HTTP/1.1 as two readers would agree on it is refused, and its connection closed.
func TestHostileAnswers(t *testing.T) {
	n := 0
	f := func(answer string, want error) {
		t.Helper()
		n++
		b := serve(t, func(b *backend, c net.Conn) {
			if b.request(bufio.NewReader(c)) != "" {
				_, _ = io.WriteString(c, answer)
			}
		})
		p := makePool(t, config(b.url()))
		if res := ask(p, post("{}")); !errors.Is(res.err, want) {
			t.Errorf("%.80q: got %+v; want %v", answer, res, want)
		}
		if b.seen.Load() != 1 {
			t.Errorf("%.80q: the request was sent %d times", answer, b.seen.Load())
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, a := range []string{
		"SSH-2.0-OpenSSH_9.9\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 200 O\x00K\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
		ok + "Content-Length: 2\n\r\n{}", ok + "A: b\r\n c\r\n\r\n", ok + " A: b\r\n\r\n", ok + "A : b\r\n\r\n", ok + ": b\r\n\r\n", ok + "A\r\n\r\n",
		ok + "A: b\x00\r\n\r\n", ok + "A: b\rc\r\n\r\n", ok + "A\x80: b\r\n\r\n",
		ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", ok + "Content-Length: +2\r\n\r\n{}", ok + "Content-Length: 2, 2\r\n\r\n{}",
		ok + "Content-Length: -1\r\n\r\n", ok + "Content-Length: \r\n\r\n", ok + "Content-Length: 0x2\r\n\r\n", ok + "Content-Length: 9999999999999999999\r\n\r\n",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", ok + "Transfer-Encoding: identity\r\n\r\n", ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim) + ok + "Content-Length: 0\r\n\r\n",
		ok + "A: " + strings.Repeat("x", maxHead) + "\r\n\r\n", ok + strings.Repeat("A: b\r\n", maxFields+1) + "\r\n",
	} {
		f(a, ErrProtocol)
	}
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	for _, a := range []string{
		"g\r\n", "\r\n", "-1\r\n", "0x1\r\na\r\n", "+1\r\na\r\n", " 1\r\na\r\n", "1\na\r\n", "1_0\r\n", "1;\x00\r\na\r\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na\n0\r\n\r\n",
		"ffffffffffffffff\r\n", "1;" + strings.Repeat("x", maxChunkLine) + "\r\na\r\n", strings.Repeat("1", maxChunkLine+1),
		"0\r\nbad trailer\r\n\r\n", "0\r\n" + strings.Repeat("A: "+strings.Repeat("x", 900)+"\r\n", 20) + "\r\n",
	} {
		f(chunked+a, ErrProtocol)
	}
	for _, a := range []string{"", "HTTP/1.1 200 OK\r\nContent-", ok + "Content-Length: 9\r\n\r\nhello", chunked + "5\r\nhel", chunked + "5\r\nhello\r\n", chunked + "5\r\nhello\r\n0\r\n", chunked + "5"} {
		f(a, ErrCut)
	}
	if n < 60 {
		t.Fatalf("only %d cases ran", n)
	}
}

// The fields of the connection, and those it lists, do not come through; those of the content cannot be listed away.
func TestAnswerFields(t *testing.T) {
	b := serve(t, answers("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nConnection: x-hop2, content-type, set-cookie\r\nX-Hop: 1\r\nX-Hop2: 2\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nTrailer: X\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-End: yes\r\n\r\nhi"))
	p := makePool(t, config(b.url()))
	l, _, err := p.Acquire(Want{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release(Success)
	resp, err := l.RoundTrip(get(), new(Cancel), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for k, v := range resp.Header.All() {
		got += fmt.Sprintf("%s: %s\n", k, v)
	}
	want := "Content-Length: 2\nContent-Type: text/plain\nSet-Cookie: a=b\nSet-Cookie: c=d\nX-End: yes\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	_, _ = io.ReadAll(resp)
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		answers(okAnswer)(&backend{}, c)
	}()
	p := makePool(t, config("unix:"+path))
	for range 3 {
		if res := ask(p, post("{}")); res.err != nil || res.status != 200 {
			t.Fatalf("got %+v", res)
		}
	}
	for _, tg := range p.targets() {
		tg.close()
	}
	<-done
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// A WebSocket upgrade gives the raw connection, with what came behind the head in front.
func TestUpgrade(t *testing.T) {
	b := serve(t, func(b *backend, c net.Conn) {
		r := bufio.NewReader(c)
		req := b.request(r)
		if !strings.Contains(req, "\r\nConnection: Upgrade\r\n") || !strings.Contains(req, "\r\nUpgrade: websocket\r\n") {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
		_, _ = io.Copy(c, r)
	})
	p := makePool(t, config(b.url()))
	l, _, err := p.Acquire(Want{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release(Success)
	r := get()
	r.Upgrade = true
	r.Head.Set("Upgrade", "websocket")
	resp, err := l.RoundTrip(r, new(Cancel), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	conn := resp.Conn()
	if conn == nil || string(resp.Header.Peek("Upgrade")) != "websocket" {
		t.Fatalf("no tunnel: %s", resp.Header.String())
	}
	if _, err := conn.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 9)
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "firstecho" {
		t.Errorf("read %q, %v", buf, err)
	}
	resp.Close()
}
