package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestReadWithin: a Read that waits no longer than it is told to ends nothing: the answer goes on, in each framing, and its
// connection is used again.
func TestReadWithin(t *testing.T) {
	f := func(head, first, rest, want string) {
		t.Helper()
		more, conns := make(chan struct{}), 0
		b := serve(t, func(b *backend, c net.Conn) {
			conns++
			for r := bufio.NewReader(c); b.request(r) != ""; {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+head+"\r\n\r\n"+first)
				<-more
				_, _ = io.WriteString(c, rest)
			}
		})
		p := makePool(t, config(b.url()))
		for range 2 {
			cancel := new(Cancel)
			lease, _, err := p.Acquire(Want{Cancel: cancel})
			if err != nil {
				t.Fatal(err)
			}
			resp, err := lease.RoundTrip(get(), cancel, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			quiet := 0
			for buf := make([]byte, 64); ; {
				n, err := resp.ReadWithin(buf, time.Millisecond)
				got = append(got, buf[:n]...)
				if errors.Is(err, ErrQuiet) {
					if quiet++; quiet == 2 {
						more <- struct{}{}
					}
					continue
				}
				if err != nil {
					if err != io.EOF {
						t.Errorf("ended with %v", err)
					}
					break
				}
			}
			if string(got) != want || quiet < 2 {
				t.Errorf("got %q, quiet %d times", got, quiet)
			}
			resp.Close()
			lease.Release(Success)
		}
		if conns != 1 {
			t.Errorf("%d connections", conns)
		}
	}
	f("Transfer-Encoding: chunked", "5\r\nhello\r\n3\r", "\nyou\r\n0\r\n\r\n", "helloyou")
	f("Content-Length: 8", "hello", "you", "helloyou")
}
