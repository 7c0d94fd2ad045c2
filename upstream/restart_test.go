//go:build unix

package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// heldPort is a port where nobody listens but who asks for it by listen, again and again: a socket that is bound to it and does
// not listen keeps others from taking it.
func heldPort(t *testing.T) (addr string, listen func() net.Listener) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	share := func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }
	if err := errors.Join(share(fd), unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr = fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
	cfg := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		failed := c.Control(func(fd uintptr) { err = share(int(fd)) })
		return errors.Join(failed, err)
	}}
	return addr, func() net.Listener {
		ln, err := cfg.Listen(context.Background(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
}

// A target killed and started again under load: no request fails but those it had begun.
func TestTargetRestarts(t *testing.T) {
	steady := serve(t, answers(okAnswer))
	addr, listen := heldPort(t)
	cfg := config(steady.url(), "http://"+addr)
	cfg.Health, cfg.Retry = healthy(), retryPolicy()
	p := makePool(t, cfg)
	var failed, lost atomic.Int64
	stop := make(chan struct{})
	var done [4]chan struct{}
	for i := range done {
		done[i] = make(chan struct{})
		go func() {
			defer close(done[i])
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch res := ask(p, post("{}")); {
				case errors.Is(res.err, ErrCut):
					lost.Add(1) // it was sent and not answered: nobody may send it again
				case res.err != nil || res.status != 200:
					failed.Add(1)
					t.Logf("got %+v", res)
				}
			}
		}()
	}
	for range 5 {
		b := serveOn(listen(), answers(okAnswer))
		for b.seen.Load() < 50 && !p.targets()[1].health.down.Load() {
			time.Sleep(time.Millisecond)
			if p.targets()[1].breaker.state() != "closed" {
				break
			}
		}
		b.stop()
		for range 2 {
			p.checkOne(t.Context(), p.targets()[1])
		}
	}
	close(stop)
	for _, d := range done {
		<-d
	}
	if failed.Load() != 0 || lost.Load() > 5*4 {
		t.Errorf("%d failed, %d lost in flight over 5 restarts with 4 clients", failed.Load(), lost.Load())
	}
}
