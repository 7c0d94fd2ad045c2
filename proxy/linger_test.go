package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// refusedLate sends a whole request that is refused by its head, and reads only then.
func refusedLate(t *testing.T, c net.Conn, head string, size int) {
	t.Helper()
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 64<<10)
	for sent := 0; sent < size; sent += len(body) {
		if _, err := c.Write(body); err != nil {
			t.Fatalf("after %d bytes of the body: %v", sent, err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 401 || !strings.Contains(string(answer), "missing_credentials") {
		t.Errorf("%d %s %v", resp.StatusCode, answer, err)
	}
	if n, err := c.Read(body); err != io.EOF {
		t.Errorf("%d bytes behind the answer, %v", n, err)
	}
}

const (
	announcedHead = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 16777216\r\n\r\n"
	chunkedHead   = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1000000\r\n"
)

// TestRefusalOutlivesTheBody: a client that sends its whole body before it reads gets the answer that it was refused with, not a
// broken connection.
func TestRefusalOutlivesTheBody(t *testing.T) {
	s := serve(t, capPolicy, "HASH=sha256:"+strings.Repeat("ab", 32))
	for _, head := range []string{announcedHead, chunkedHead} {
		c, err := net.Dial("tcp", s.server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		refusedLate(t, c, head, 16<<20)
		_ = c.Close()
	}
}

// TestEndlessBodyIsCut: what comes behind a refusal is dropped within a bound.
func TestEndlessBodyIsCut(t *testing.T) {
	s := serve(t, capPolicy, "HASH=sha256:"+strings.Repeat("ab", 32))
	c, err := net.Dial("tcp", s.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, strings.Replace(announcedHead, "16777216", "1000000000000", 1)); err != nil {
		t.Fatal(err)
	}
	body, sent := make([]byte, 1<<20), 0
	for ; sent < 1<<30; sent += len(body) {
		if _, err := c.Write(body); err != nil {
			return
		}
	}
	t.Errorf("%d bytes were taken", sent)
}
