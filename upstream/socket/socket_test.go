//go:build linux

package socket_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"blaze/upstream/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is both ends of a TCP connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if near, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// TestExchange: whenever the answer comes, at once or later, it is not missed.
func TestExchange(t *testing.T) {
	near, far := pair(t)
	var s socket.Socket
	s.Bind(near)
	if !s.Bound() {
		t.Fatal("a TCP connection has no descriptor")
	}
	const rounds = 2000
	answered := make(chan error, 1)
	go func() {
		buf := make([]byte, 1)
		for range rounds {
			if _, err := io.ReadFull(far, buf); err != nil {
				answered <- err
				return
			}
			if wait := rand.IntN(4); wait > 1 {
				time.Sleep(time.Duration(wait) * 20 * time.Microsecond)
			}
			_, _ = far.Write(buf)
		}
		answered <- nil
	}()
	_ = near.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 16)
	for i := range rounds {
		n, err := s.Exchange(func() bool {
			_, err := near.Write([]byte{byte(i)})
			if i%3 == 0 {
				time.Sleep(50 * time.Microsecond) // the answer comes before the wait
			}
			return err == nil
		}, buf)
		if err != nil || n != 1 || buf[0] != byte(i) {
			t.Fatalf("exchange %d: got %q, %v", i, buf[:n], err)
		}
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// TestExchangeEnds: by its deadline, by the peer's end or its reset, and when nothing could be sent.
func TestExchangeEnds(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(near, far net.Conn)
		sent      bool
		want      error
	}{
		"the deadline":   {func(near, _ net.Conn) { _ = near.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) }, true, os.ErrDeadlineExceeded},
		"an interrupt":   {func(near, _ net.Conn) { _ = near.SetDeadline(time.Unix(1, 0)) }, true, os.ErrDeadlineExceeded},
		"the peer's end": {func(_, far net.Conn) { _ = far.Close() }, true, io.EOF},
		"our own":        {func(near, _ net.Conn) { go func() { _ = near.Close() }() }, true, net.ErrClosed},
		"nothing sent":   {func(_, _ net.Conn) {}, false, io.EOF},
	} {
		near, far := pair(t)
		var s socket.Socket
		s.Bind(near)
		n, err := s.Exchange(func() bool { c.meanwhile(near, far); return c.sent }, make([]byte, 16))
		if n != 0 || !errors.Is(err, c.want) {
			t.Errorf("%s: got %d, %v; want %v", name, n, err, c.want)
		}
	}
}

// TestStale: an idle connection is good until its peer says something or leaves.
func TestStale(t *testing.T) {
	for name, spoil := range map[string]func(far net.Conn){
		"unasked bytes": func(far net.Conn) { _, _ = far.Write([]byte("HTTP/1.1 200 OK\r\n")) },
		"its end":       func(far net.Conn) { _ = far.Close() },
	} {
		near, far := pair(t)
		var s socket.Socket
		s.Bind(near)
		if s.Stale() {
			t.Errorf("before %s: stale", name)
		}
		spoil(far)
		for end := time.Now().Add(10 * time.Second); !s.Stale(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("after %s: not stale", name)
			}
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	near, far := pair(t)
	go func() { _, _ = io.Copy(far, far) }()
	var s socket.Socket
	s.Bind(near)
	buf, question := make([]byte, 16), []byte("q")
	send := func() bool { _, err := near.Write(question); return err == nil }
	if n := testing.AllocsPerRun(200, func() {
		if s.Stale() {
			t.Fatal("stale")
		}
		if _, err := s.Exchange(send, buf); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
