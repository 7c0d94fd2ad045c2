package proxy_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// TestParked: a connection that is silent, from the start or for a second, holds no goroutine, and is served as ever when
// it speaks; over TLS too.
func TestParked(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, "blaze.test")
	for _, f := range []struct {
		name, policy string
		dial         func(t *testing.T, addr string) net.Conn
	}{
		{"plain", "", func(t *testing.T, addr string) net.Conn { return dial(t, addr) }},
		{"tls", `proxy: {tls: {cert: "` + dir + `/tls.crt", key: "` + dir + `/tls.key"}}`, func(t *testing.T, addr string) net.Conn {
			return tls.Client(dial(t, addr), &tls.Config{InsecureSkipVerify: true})
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			if runtime.GOOS != "linux" {
				t.Skip("connections are parked on Linux alone")
			}
			s := serve(t, guardedPolicy(f.policy))
			const n = 100
			conns, readers := make([]net.Conn, n), make([]*bufio.Reader, n)
			for i := range conns {
				conns[i] = f.dial(t, s.addr)
				readers[i] = bufio.NewReader(conns[i])
			}
			ask := func() {
				t.Helper()
				for i, c := range conns {
					if _, err := io.WriteString(c, post(guardKey, len(question))+question); err != nil {
						t.Fatal(err)
					}
					if status, _ := next(t, readers[i]); status != 200 {
						t.Fatalf("connection %d: %d", i, status)
					}
				}
			}
			s.await(t, "blaze_parked_connections", n)
			before := runtime.NumGoroutine()
			for range 2 {
				ask()
				s.await(t, "blaze_open_connections", n)
				s.await(t, "blaze_parked_connections", n)
			}
			for end := time.Now().Add(patience); runtime.NumGoroutine() > before+n/2; time.Sleep(time.Millisecond) {
				if time.Now().After(end) { // fasthttp's workers end a moment after their last connection
					t.Fatalf("%d goroutines for %d silent connections, %d before they had spoken", runtime.NumGoroutine(), n, before)
				}
			}
			for _, c := range conns {
				_ = c.Close()
			}
			s.await(t, "blaze_parked_connections", 0)
			s.await(t, "blaze_open_connections", 0)
		})
	}
}

// TestParkedTooLong: who says nothing within header_timeout, or nothing more within idle_timeout, is let go without a word.
func TestParkedTooLong(t *testing.T) {
	s := serve(t, guardedPolicy("proxy: {header_timeout: 100ms, idle_timeout: 1500ms}"))
	c := dial(t, s.addr)
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Errorf("a silent client got %q, %v", b, err)
	}
	c = dial(t, s.addr)
	if _, err := io.WriteString(c, post(guardKey, len(question))+question); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if status, _ := next(t, r); status != 200 {
		t.Fatal(status)
	}
	if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
		t.Errorf("a client that fell silent got %q, %v", b, err)
	}
	s.await(t, "blaze_parked_connections", 0)
}
