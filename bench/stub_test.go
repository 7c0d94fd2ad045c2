package bench

import (
	"net"
	"testing"

	"blaze/bench/load"
)

// stub is the cheapest model server there is.
func stub(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = ln.Close() })
	go load.Stub(ln, 100, 0)
	return ln.Addr().String()
}

// client is a load.Client whose errors end the test.
type client struct{ *load.Client }

func dial(tb testing.TB, addr string, req []byte) client {
	tb.Helper()
	c, err := load.Dial(addr, req)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return client{c}
}

// do sends the request and reads its answer past.
func (c client) do(tb testing.TB) {
	if err := c.Do(); err != nil {
		tb.Fatal(err)
	}
}

// chat is a chat request whose prompt has about size bytes.
func chat(size int) []byte { return load.Chat(size, false, key) }
