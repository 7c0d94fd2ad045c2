package proxy_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
)

// long is a request whose head has size bytes.
func long(t testing.TB, size int) string {
	t.Helper()
	head := post(guardKey, len(question), "X-Long: ", "\r\n")
	if len(head) > size {
		t.Fatalf("a head has %d bytes at least; want one of %d", len(head), size)
	}
	return strings.Replace(head, "X-Long: ", "X-Long: "+strings.Repeat("y", size-len(head)), 1) + question
}

// TestLargeHeads: a head is served whatever its size, up to max_header, and whichever way it comes: whole, in pieces, behind
// another request on the same connection, over TLS. One byte more is refused.
func TestLargeHeads(t *testing.T) {
	const ordinary, most = 4 << 10, 16 << 10
	dir := t.TempDir()
	certify(t, dir, "blaze.test")
	for name, more := range map[string]string{"plain": "", "tls": `, tls: {cert: "` + dir + `/tls.crt", key: "` + dir + `/tls.key"}`} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, guardedPolicy("proxy: {max_header: 16KiB"+more+"}"))
			client := func() (net.Conn, *bufio.Reader) {
				c := dial(t, s.addr)
				if name == "tls" {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				}
				return c, bufio.NewReader(c)
			}
			for _, size := range []int{400, ordinary - 1, ordinary, ordinary + 1, 2*ordinary - 1, 2 * ordinary, 3*ordinary + 7, most - 1, most} {
				for _, piece := range []int{1 << 20, ordinary, 1000, 17} {
					c, r := client()
					all := long(t, 400) + long(t, size) + long(t, 400)
					for at := 0; at < len(all); at += piece {
						if _, err := io.WriteString(c, all[at:min(at+piece, len(all))]); err != nil {
							t.Fatalf("%d bytes in pieces of %d: %v", size, piece, err)
						}
					}
					for range 3 {
						if status, _ := next(t, r); status != 200 {
							t.Fatalf("%d bytes in pieces of %d: %d", size, piece, status)
						}
					}
					_ = c.Close()
				}
			}
			c, r := client()
			if _, err := io.WriteString(c, long(t, most+1)); err != nil {
				t.Fatal(err)
			}
			if status, _ := next(t, r); status != 431 {
				t.Errorf("one byte more than max_header: %d", status)
			}
			s.await(t, "blaze_open_connections", 0)
		})
	}
}

// TestLargeHeadInTime: a head that has outgrown its buffer and does not come to its end is waited for no longer than any.
func TestLargeHeadInTime(t *testing.T) {
	s := serve(t, guardedPolicy("proxy: {header_timeout: 500ms}"))
	c := dial(t, s.addr)
	if _, err := io.WriteString(c, long(t, 20<<10)[:10<<10]); err != nil {
		t.Fatal(err)
	}
	if status, _ := next(t, bufio.NewReader(c)); status != 408 {
		t.Errorf("half of a large head: %d", status)
	}
}

// TestParkedWithLargeHeads: a connection that had a large head is parked and served again as any other.
func TestParkedWithLargeHeads(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("connections are parked on Linux alone")
	}
	s := serve(t, guardedPolicy(""))
	c := dial(t, s.addr)
	r := bufio.NewReader(c)
	for _, size := range []int{10 << 10, 400, 20 << 10} {
		if _, err := io.WriteString(c, long(t, size)); err != nil {
			t.Fatal(err)
		}
		if status, _ := next(t, r); status != 200 {
			t.Fatalf("a head of %d bytes: %d", size, status)
		}
		s.await(t, "blaze_parked_connections", 1)
	}
}
