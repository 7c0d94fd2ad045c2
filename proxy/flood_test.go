package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// floodPolicy has the bounds that end what floods leave behind, within a test's patience.
const floodPolicy = `
version: 1
proxy: {header_timeout: 1500ms, body_timeout: 1500ms, idle_timeout: 1500ms, write_timeout: 1500ms, timeout: 20s, max_connections: 2500, max_body: 1MiB}
upstreams: {any: {engine: none, targets: [{url: "${env:BACKEND}"}], concurrency: {max: 1000}, timeout: {stall: 1500ms}, breaker: {min_requests: 100000}}}
filters: {scan: {mode: off}}
`

// descriptors counts the process's open files; 0 where the system does not say.
func descriptors() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(d)
}

// live is the heap that is in use after a collection.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestFloods: many clients that are slow, silent or greedy cost a bounded amount of memory each, do not keep others from
// being served, and leave nothing behind. The clients live in this process too: what they hold is counted with it.
func TestFloods(t *testing.T) {
	head := "POST /x HTTP/1.1\r\nHost: a\r\n"
	large := "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n" + strings.Repeat("a", 8<<20)
	for _, f := range []struct {
		name   string
		n      int
		perOne int64  // bytes of heap that one connection may cost
		say    string // by each, at first
		again  string // now and then, while it lasts
		answer string // of the model server; "" is a small one
	}{
		{name: "silent connections", n: 2000, perOne: 16 << 10},
		{name: "idle connections", n: 2000, perOne: 64 << 10, say: "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{name: "slow heads", n: 1000, perOne: 64 << 10, say: "GET /x HTTP/1.1\r\nHost: a\r\n", again: "X: y\r\n"},
		{name: "header bombs", n: 500, perOne: 128 << 10, say: "GET /x HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("a", 200)+"\r\n", 90)},
		{name: "slow bodies", n: 1000, perOne: 96 << 10, say: head + "Content-Length: 1000000\r\n\r\na", again: "a"},
		{name: "announced bodies", n: 1000, perOne: 96 << 10, say: head + "Content-Length: 1000000\r\n\r\n"},
		{name: "endless chunks", n: 200, perOne: 256 << 10, say: head + "Transfer-Encoding: chunked\r\n\r\n", again: "1\r\na\r\n"},
		{name: "readers that do not read", n: 100, perOne: 512 << 10, say: "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", answer: large},
	} {
		t.Run(f.name, func(t *testing.T) {
			back := record(t)
			s := serveBefore(t, floodPolicy, "http://"+back.ln.Addr().String())
			s.serves(t) // what the first request brings is not the flood's
			files, heap := descriptors(), live()
			if f.answer != "" {
				back.answer.Store(&f.answer)
			}
			conns := s.flood(t, f.n, f.say)
			defer func() {
				for _, c := range conns {
					_ = c.Close()
				}
			}()
			for range 3 {
				for _, c := range conns {
					_, _ = io.WriteString(c, f.again) // some are let go by now
				}
				time.Sleep(20 * time.Millisecond)
			}
			if cost := live() - heap; cost > int64(f.n)*f.perOne+32<<20 {
				t.Errorf("%d of them cost %d KiB each", f.n, cost/int64(f.n)>>10)
			}
			back.answer.Store(nil)
			s.serves(t)
			s.await(t, "blaze_open_exchanges", 0) // by the bounds alone: the clients have not left
			s.await(t, "blaze_open_connections", 0)
			for _, c := range conns {
				_ = c.Close()
			}
			for end := time.Now().Add(patience); descriptors() > files+4; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d descriptors, then %d", files, descriptors())
				}
			}
		})
	}
}

// flood opens n connections that say something each.
func (s *served) flood(t *testing.T, n int, say string) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, 0, n)
	for range n {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		if _, err := io.WriteString(c, say); err != nil {
			t.Fatal(err)
		}
	}
	return conns
}

// serves proves that another client is served.
func (s *served) serves(t *testing.T) {
	t.Helper()
	c := dial(t, s.addr)
	_, _ = io.WriteString(c, "GET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if status, _ := next(t, bufio.NewReader(c)); status != 200 {
		t.Errorf("another client got %d", status)
	}
	_ = c.Close()
}

// turnsAway proves that n more connections are let go without a word.
func (s *served) turnsAway(t *testing.T, n int) {
	t.Helper()
	for range n {
		c := dial(t, s.addr)
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Fatalf("one too many got %q", b)
		}
		_ = c.Close()
	}
}

// TestConnectionFlood: connections over the bound are let go at once, and there is room again when others leave.
func TestConnectionFlood(t *testing.T) {
	back := record(t)
	s := serveBefore(t, strings.Replace(floodPolicy, "max_connections: 2500", "max_connections: 50", 1), "http://"+back.ln.Addr().String())
	conns := s.flood(t, 50, "GET /x HTTP/1.1\r\n")
	s.await(t, "blaze_open_connections", 50)
	s.turnsAway(t, 200)
	if n := s.gauge(t, `blaze_connections_rejected_total{bound="max_connections"}`); n != 200 {
		t.Errorf("%v were let go, want 200", n)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	s.await(t, "blaze_open_connections", 0)
	s.serves(t)
}

// TestHeadBombs: what is too much of a head is a 431, however it is made up.
func TestHeadBombs(t *testing.T) {
	s := serveBefore(t, floodPolicy, "http://127.0.0.1:1")
	for name, say := range map[string]string{
		"one long line":   "GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"one long field":  "GET /x HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
		"many fields":     "GET /x HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 1000) + "\r\n",
		"an endless head": "GET /x HTTP/1.1\r\nHost: a\r\n" + strings.Repeat(fmt.Sprintf("X: %s\r\n", strings.Repeat("a", 100)), 2000),
	} {
		c := dial(t, s.addr)
		_, _ = io.WriteString(c, say)
		if status, closes := next(t, bufio.NewReader(c)); status != 431 || !closes {
			t.Errorf("%s: got %d", name, status)
		}
	}
}
