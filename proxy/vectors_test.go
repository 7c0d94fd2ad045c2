package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// vectorsFile holds raw requests from public suites. It is not part of the project: where it is absent the test is too.
const vectorsFile = "../../shared/protocol/http1-vectors.json"

type vector struct {
	ID, Source, Desc, Expect, Note string
	B64                            []byte
	Fill                           int
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile(vectorsFile)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no vectors at " + vectorsFile)
	}
	var all struct{ Vectors []vector }
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil || len(all.Vectors) < 100 {
		t.Fatalf("read %d vectors: %v", len(all.Vectors), err)
	}
	return all.Vectors
}

// recorder is a backend that keeps every byte of each connection and answers 200 to whatever ends like a request. It
// parses as little as it can: Content-Length, chunked, and nothing else.
type recorder struct {
	ln     net.Listener
	conns  sync.WaitGroup
	answer atomic.Pointer[string] // what is answered instead, after which the connection is closed; nil: 200

	mu   sync.Mutex
	seen []byte   // guarded by mu
	reqs []string // guarded by mu; the requests as the recorder frames them
	bad  []string // guarded by mu; what it could not frame
}

func record(t testing.TB) *recorder {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{ln: ln}
	r.conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r.conns.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); r.conns.Wait() })
	return r
}

func (r *recorder) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(io.TeeReader(c, r))
	for {
		req, err := readStrict(in)
		if err == io.EOF {
			return
		}
		r.mu.Lock()
		if err != nil {
			r.bad = append(r.bad, err.Error()+": "+req)
		} else {
			r.reqs = append(r.reqs, req)
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
		if a := r.answer.Load(); a != nil {
			_, _ = io.Copy(c, struct{ io.Reader }{strings.NewReader(*a)}) // in pieces: no copy of it for each connection
			return
		}
		body := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		if strings.HasPrefix(req, "HEAD ") {
			body = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
		}
		if _, err := io.WriteString(c, body); err != nil {
			return
		}
	}
}

// Write keeps what was read.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, p...)
	return len(p), nil
}

// take returns what was seen since the last take.
func (r *recorder) take() (reqs, bad []string, seen []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reqs, bad, seen = r.reqs, r.bad, r.seen
	r.reqs, r.bad, r.seen = nil, nil, nil
	return reqs, bad, seen
}

// readStrict reads one request as the strictest parser would, and says what it could not accept.
func readStrict(r *bufio.Reader) (string, error) {
	var head strings.Builder
	size, chunked, hosts := 0, false, 0
	for n := 0; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil {
			if line == "" && n == 0 {
				return "", io.EOF
			}
			return head.String() + line, fmt.Errorf("ends inside the head")
		}
		head.WriteString(line)
		if !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") {
			return head.String(), fmt.Errorf("a line end or NUL in the head")
		}
		line = strings.TrimSuffix(line, "\r\n")
		if line == "" {
			break
		}
		if n == 0 {
			if p := strings.Split(line, " "); len(p) != 3 || p[2] != "HTTP/1.1" || p[1] == "" {
				return head.String(), fmt.Errorf("request line")
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t\"(),/:;<=>?@[\\]{}") {
			return head.String(), fmt.Errorf("field name %q", name)
		}
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "host":
			hosts++
		case "content-length":
			if _, err := fmt.Sscanf(value, "%d", &size); err != nil || fmt.Sprint(size) != value {
				return head.String(), fmt.Errorf("content-length %q", value)
			}
		case "transfer-encoding":
			if chunked = value == "chunked"; !chunked {
				return head.String(), fmt.Errorf("transfer-encoding %q", value)
			}
		}
	}
	if hosts != 1 || chunked && size > 0 {
		return head.String(), fmt.Errorf("%d hosts; both framings", hosts)
	}
	if chunked {
		body, err := io.ReadAll(&chunks{r: r})
		return head.String() + string(body), err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return head.String(), fmt.Errorf("ends inside the body")
	}
	return head.String() + string(body), nil
}

// chunks reads a chunked body in its plainest form only.
type chunks struct {
	r    *bufio.Reader
	left int
	done bool
}

// Read reads from one chunk.
func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		var n int
		line, err := c.r.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("ends inside the chunks")
		}
		if _, err := fmt.Sscanf(line, "%x\r\n", &n); err != nil || !strings.EqualFold(line, fmt.Sprintf("%x\r\n", n)) {
			return 0, fmt.Errorf("chunk size %q", line)
		}
		if n == 0 {
			c.done = true
			if line, _ = c.r.ReadString('\n'); line != "\r\n" {
				return 0, fmt.Errorf("trailer %q", line)
			}
		}
		c.left = n
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	if c.left -= n; err == nil && c.left == 0 {
		if end, _ := c.r.Peek(2); string(end) != "\r\n" {
			return n, fmt.Errorf("chunk end %q", end)
		}
		_, _ = c.r.Discard(2)
	}
	return n, err
}

// vectorsPolicy lets every well-formed request through, so that what is refused is refused for its form. The one
// bound that is short makes a request that never ends a 408 in time.
const vectorsPolicy = `
version: 1
proxy: {header_timeout: 500ms, body_timeout: 500ms, idle_timeout: 500ms}
upstreams: {any: {engine: none, targets: [{url: "${env:BACKEND}"}], breaker: {min_requests: 100000}}}
filters: {scan: {mode: off}}
`

// answers reads what comes back on a connection until it is closed or silent, as statuses.
func answers(c net.Conn, method string) (statuses []int, err error) {
	r := bufio.NewReader(c)
	for {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "reset") {
				err = nil
			}
			return statuses, err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return statuses, err
		}
		if res.StatusCode >= 200 {
			statuses, method = append(statuses, res.StatusCode), ""
		}
	}
}

// TestVectors sends raw requests and compares what came back with what a backend saw: each request that was forwarded is
// one that the strictest parser reads, there are as many as were answered with 200, and nothing follows that the proxy
// does not know of. Nothing valid is refused, nothing invalid accepted.
func TestVectors(t *testing.T) {
	all := vectors(t)
	const workers = 24 // each mostly waits for a connection's idle timeout
	var running sync.WaitGroup
	for w := range workers {
		back := record(t)
		s := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
		running.Go(func() {
			for i := w; i < len(all); i += workers {
				s.try(t, back, all[i])
			}
		})
	}
	running.Wait()
}

func (s *served) try(t *testing.T, back *recorder, v vector) {
	raw := bytes.ReplaceAll(v.B64, []byte("{HOST}"), []byte(s.addr))
	raw = append(raw, bytes.Repeat([]byte("a"), v.Fill)...)
	c := dial(t, s.addr)
	_, _ = c.Write(raw)
	method, _, _ := strings.Cut(string(raw), " ")
	statuses, err := answers(c, method)
	_ = c.Close()
	reqs, bad, seen := back.take()
	passed, refused := 0, false
	for _, st := range statuses {
		if st < 300 {
			passed++
		}
		refused = refused || st >= 400 && st != http.StatusNotFound && st != http.StatusMethodNotAllowed
	}
	why := ""
	switch {
	case err != nil:
		why = "the answer cannot be read"
	case len(bad) > 0:
		why = "a malformed request was forwarded"
	case len(reqs) > passed:
		why = "more requests were forwarded than answered"
	case v.Expect == "reject" && passed > 0:
		why = "accepted"
	case v.Expect == "accept" && (refused || len(statuses) == 0):
		why = "refused"
	}
	if why != "" {
		t.Errorf("%s (%s, %s): %s\nsent  %.300q\ngot   %v %v\nback  %.600q %v", v.ID, v.Source, v.Desc, why, raw, statuses, err, seen, bad)
	}
}

// TestBackendIsStrict: the recorder would see what it is there for.
func TestBackendIsStrict(t *testing.T) {
	f := func(in string, ok bool) {
		t.Helper()
		if _, err := readStrict(bufio.NewReader(strings.NewReader(in))); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
	f("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true)
	f("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true)
	f("GET / HTTP/1.1\nHost: a\r\n\r\n", false)
	f("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", false)
	f("GET / HTTP/1.1\r\nHost : a\r\n\r\n", false)
	f("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", false)
	f("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", false)
}
