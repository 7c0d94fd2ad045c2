package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// reach opens a connection from one of this machine's loopback addresses, asks, and returns the answer's status; 0 where
// it is let go without one.
func (s *served) reach(t *testing.T, from string) (status int, c net.Conn) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, "GET /y HTTP/1.1\r\nHost: a\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return 0, c
	}
	if _, err := fmt.Sscanf(line, "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return status, c
}

// TestSilentConnectionsMakeRoom: whoever takes all the connections there may be and says nothing keeps nobody out. Those
// that never said a thing go first, then those that were served, and who is at work stays.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("connections are parked on Linux alone")
	}
	back := record(t)
	source := strings.NewReplacer("max_connections: 2500", "max_connections: 12", "1500ms", "60s").Replace(floodPolicy)
	s := serveBefore(t, source, "http://"+back.ln.Addr().String())
	working := s.flood(t, 1, "GET /x HTTP/1.1\r\nHost: a\r\n")[0]
	silent := s.flood(t, 10, "")
	status, kept := s.reach(t, "127.0.0.1")
	if status != 200 {
		t.Fatal(status)
	}
	s.await(t, "blaze_open_connections", 12)
	s.await(t, "blaze_parked_connections", 11) // the kept one after a second
	get := func() {
		t.Helper()
		for end := time.Now().Add(patience); ; { // until somebody has been silent for long enough
			status, _ := s.reach(t, "127.0.0.1")
			if status == 200 {
				return
			}
			if time.Now().After(end) {
				t.Fatal("another client is kept out")
			}
		}
	}
	closed := func(c net.Conn) {
		t.Helper()
		if b, err := io.ReadAll(c); len(b) > 0 {
			t.Fatalf("a silent client got %q, %v", b, err)
		}
	}
	for i := range silent { // each of those that are served stays
		get()
		closed(silent[i])
	}
	if n := s.gauge(t, "blaze_connections_displaced_total"); n != 10 {
		t.Errorf("%v made room; want 10", n)
	}
	get()
	closed(kept)
	if _, err := io.WriteString(working, "\r\n"); err != nil {
		t.Fatal(err)
	}
	if status, _ := next(t, bufio.NewReader(working)); status != 200 {
		t.Errorf("who was at work got %d", status)
	}
	_ = working.Close()
}

// TestConnectionsPerClient: one address has so many connections at most, and others theirs; whoever is trusted to speak
// for others is not counted.
func TestConnectionsPerClient(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	back := record(t)
	source := strings.Replace(floodPolicy, "max_connections: 2500", "max_connections_per_client: 3, trusted_proxies: [127.0.0.9]", 1)
	s := serveBefore(t, strings.ReplaceAll(source, "1500ms", "60s"), "http://"+back.ln.Addr().String())
	const rejected = `blaze_connections_rejected_total{bound="max_connections_per_client"}`
	want := func(from string, want int) net.Conn {
		t.Helper()
		status, c := s.reach(t, from)
		if status != want {
			t.Fatalf("%s: got %d; want %d", from, status, want)
		}
		return c
	}
	var first net.Conn
	for range 3 {
		first = want("127.0.0.1", 200)
	}
	want("127.0.0.1", 0)
	want("127.0.0.1", 0)
	for range 5 {
		want("127.0.0.9", 200)
	}
	want("127.0.0.2", 200)
	if n := s.gauge(t, rejected); n != 2 {
		t.Errorf("%v were let go; want 2", n)
	}
	_ = first.Close()
	s.await(t, "blaze_open_connections", 2+5+1)
	want("127.0.0.1", 200)
	want("127.0.0.1", 0)
}
