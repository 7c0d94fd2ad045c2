package bench

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// answer is a chat completion of about 1.1 KB.
var answer = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"llama-3-8b","choices":[{"index":0,"message":` +
	`{"role":"assistant","content":"` + strings.Repeat("some words of prose. ", 42) + `"},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":100,"completion_tokens":170,"total_tokens":270}}`

// stub is the cheapest model server there is: it reads requests by their length and writes the same bytes.
func stub(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = ln.Close() })
	out := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(answer)) + "\r\n\r\n" + answer)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serveStub(c, out)
		}
	}()
	return ln.Addr().String()
}

func serveStub(c net.Conn, out []byte) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		if _, ok := skipMessage(r); !ok {
			return
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// skipMessage reads one message past and returns its status, 0 for a request.
func skipMessage(r *bufio.Reader) (status int, ok bool) {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, false
		}
		switch {
		case first && bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && len(line) > 12:
			status, _ = strconv.Atoi(string(line[9:12]))
		case len(line) > 16 && bytes.EqualFold(line[:16], []byte("content-length: ")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(line[16:])))
		case len(line) <= 2:
			n, err := io.CopyN(io.Discard, r, int64(length))
			return status, err == nil && n == int64(length)
		}
	}
}

// client is one keep-alive connection that sends the same request again and again.
type client struct {
	c   net.Conn
	r   *bufio.Reader
	req []byte
}

func dial(tb testing.TB, addr string, req []byte) *client {
	tb.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return &client{c: c, r: bufio.NewReaderSize(c, 64<<10), req: req}
}

// do sends the request and reads its answer past.
func (c *client) do(tb testing.TB) {
	if _, err := c.c.Write(c.req); err != nil {
		tb.Fatal(err)
	}
	if status, ok := skipMessage(c.r); !ok || status != 200 {
		tb.Fatalf("got status %d, whole: %v", status, ok)
	}
}

// chat is a chat request whose prompt has about size bytes.
func chat(size int) []byte {
	body := `{"model":"llama-3-8b","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"` +
		strings.Repeat("What is the capital of France? ", max(1, size/31)) + `"}],"temperature":0.7,"max_tokens":100,"user":"u-1"}`
	return []byte("POST /v1/chat/completions HTTP/1.1\r\nHost: blaze.test\r\nAuthorization: Bearer " + key + "\r\n" +
		"User-Agent: OpenAI/Python 2.8.0\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate\r\nX-Stainless-Lang: python\r\n" +
		"Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}
