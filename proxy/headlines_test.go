package proxy

import (
	"testing"

	"pgregory.net/rapid"
)

// TestHeadLines: a head is the same head however it is split, and only CRLF ends its lines.
func TestHeadLines(t *testing.T) {
	f := func(head string, good bool) {
		t.Helper()
		rapid.Check(t, func(t *rapid.T) {
			h := headLines{on: true}
			rest := []byte(head)
			for len(rest) > 0 {
				n := rapid.IntRange(1, len(rest)).Draw(t, "bytes")
				err := error(nil)
				if !h.done {
					err = h.see(rest[:n])
				}
				if err != nil {
					if good {
						t.Fatalf("%q is refused", head)
					}
					return
				}
				rest = rest[n:]
			}
			if !good {
				t.Fatalf("%q passes", head)
			}
		})
	}
	f("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true)
	f("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", true)
	f("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na\nb\n", true)
	f("GET / HTTP/1.1\nHost: x\n\n", false)
	f("GET / HTTP/1.1\r\nHost: x\n\r\n", false)
	f("GET / HTTP/1.1\r\nHost: x\r\n\n", false)
	f("\nGET / HTTP/1.1\r\n\r\n", false)
}
