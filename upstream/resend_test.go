package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"blaze/upstream/socket"
)

// closeOnce answers the first request on a connection, and closes it when it has read the second.
func closeOnce(b *backend, c net.Conn) {
	r := bufio.NewReader(c)
	if b.request(r) != "" {
		_, _ = io.WriteString(c, okAnswer)
		b.request(r)
	}
}

// A request that the target has read and not answered is sent again only when that does no harm.
func TestNeverTwice(t *testing.T) {
	b := serve(t, closeOnce)
	p := makePool(t, config(b.url()))
	if res := ask(p, post("{}")); res.err != nil {
		t.Fatal(res.err)
	}
	if res := ask(p, post("{}")); !errors.Is(res.err, ErrCut) {
		t.Errorf("POST: got %+v", res)
	}
	if n := b.seen.Load(); n != 2 {
		t.Errorf("two POSTs were sent %d times", n)
	}
	if res := ask(p, get()); res.err != nil {
		t.Fatal(res.err)
	}
	if res := ask(p, get()); res.err != nil { // second on its connection: cut, then sent over a new one
		t.Errorf("GET: got %+v", res)
	}
	if n := b.seen.Load(); n != 5 {
		t.Errorf("requests read %d, want 5", n)
	}
}

// A pooled connection that the target has closed, or written to unasked, is noticed before it is used.
func TestIdleConnections(t *testing.T) {
	f := func(name string, spoil func(c net.Conn)) {
		t.Helper()
		spoiled := make(chan struct{}, 9)
		b := serve(t, func(b *backend, c net.Conn) {
			r := bufio.NewReader(c)
			b.request(r)
			_, _ = io.WriteString(c, okAnswer)
			spoil(c)
			spoiled <- struct{}{}
			b.request(r)
		})
		p := makePool(t, config(b.url()))
		for range 3 {
			if res := ask(p, post("{}")); res.err != nil || res.body != "{}" {
				t.Fatalf("%s: got %+v", name, res)
			}
			<-spoiled
		}
		if b.conns.Load() != 3 {
			t.Errorf("%s: %d connections, want 3", name, b.conns.Load())
		}
	}
	f("closed", func(c net.Conn) { _ = c.Close() })
	f("reset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() })
	f("half closed", func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() })
	f("unsolicited bytes", func(c net.Conn) { _, _ = io.WriteString(c, okAnswer) })
}

// lateConn is a pooled connection whose target closes it just after it was looked at.
type lateConn struct {
	*net.TCPConn
	once  sync.Once
	after func()
}

func (c *lateConn) SyscallConn() (syscall.RawConn, error) {
	rc, err := c.TCPConn.SyscallConn()
	return lateRaw{rc, c}, err
}

type lateRaw struct {
	syscall.RawConn
	c *lateConn
}

func (r lateRaw) Control(f func(fd uintptr)) error {
	err := r.RawConn.Control(f)
	r.c.once.Do(r.c.after)
	return err
}

// A POST over a connection that was closed a moment before is sent again: no byte of it was acknowledged.
func TestClosedInTheRace(t *testing.T) {
	if !socket.CanProve {
		t.Skip("this system does not tell what a peer acknowledged")
	}
	closeNow, closed := make(chan struct{}), make(chan struct{})
	var first sync.Once
	b := serve(t, func(b *backend, c net.Conn) {
		r := bufio.NewReader(c)
		for b.request(r) != "" {
			_, _ = io.WriteString(c, okAnswer)
			first.Do(func() {
				<-closeNow
				_ = c.Close()
				close(closed)
			})
		}
	})
	p := makePool(t, config(b.url()))
	if res := ask(p, post("one")); res.err != nil {
		t.Fatal(res.err)
	}
	c := p.targets()[0].idle[0]
	c.raw = &lateConn{TCPConn: c.raw.(*net.TCPConn), after: func() { close(closeNow); <-closed }}
	c.sock.Bind(c.raw)
	if res := ask(p, post("two")); res.err != nil || res.retries != 0 {
		t.Errorf("got %+v", res)
	}
	if n := b.seen.Load(); n != 2 {
		t.Errorf("requests read %d, want 2", n)
	}
}

// Idle connections are closed before an engine with a keep-alive of 5 s does.
func TestIdleTime(t *testing.T) {
	b := serve(t, answers(okAnswer))
	p := makePool(t, config(b.url()))
	ep := p.targets()[0].endpoint
	if res := ask(p, post("{}")); res.err != nil {
		t.Fatal(res.err)
	}
	ep.idle[0].since = time.Now().Add(-idleFor)
	if res := ask(p, post("{}")); res.err != nil || b.conns.Load() != 2 {
		t.Errorf("got %+v over %d connections", res, b.conns.Load())
	}
	ep.idle[0].since = time.Now().Add(-idleFor)
	ep.sweep()
	if ep.open.Load() != 0 {
		t.Error("the sweep left an old connection open")
	}
}

// No connection: another target is asked, and the POST is sent once.
func TestConnectElsewhere(t *testing.T) {
	b := serve(t, answers(okAnswer))
	cfg := config(deadURL(t), b.url())
	cfg.Breaker.FailureRate = 0
	p := makePool(t, cfg)
	retries := 0
	for range 50 {
		res := ask(p, post("{}"))
		if res.err != nil {
			t.Fatal(res.err)
		}
		retries += res.retries
	}
	if b.seen.Load() != 50 || retries == 0 {
		t.Errorf("requests read %d, want 50; retries %d", b.seen.Load(), retries)
	}
	p = makePool(t, config(deadURL(t)))
	if res := ask(p, post("{}")); !errors.Is(res.err, ErrConnect) || strings.Contains(res.err.Error(), "127.0.0.1") {
		t.Errorf("got %+v", res)
	}
}

// deadURL is an address where nobody listens.
func deadURL(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

// An answer that comes before the body was read counts more than the write that failed.
func TestEarlyAnswer(t *testing.T) {
	b := serve(t, func(b *backend, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if line, err := r.ReadString('\n'); err != nil || line == "\r\n" {
				break
			}
		}
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
		_, _ = io.CopyN(io.Discard, r, 32<<20) // the client must not see a reset before it has read the answer
	})
	p := makePool(t, config(b.url()))
	if res := ask(p, post(strings.Repeat("x", 32<<20))); res.err != nil || res.status != 413 || res.body != "no" {
		t.Errorf("got %+v", res)
	}
}

// A client's body that ends early is told as what it is, and the connection is not used again.
func TestRequestBodyFails(t *testing.T) {
	b := serve(t, func(b *backend, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	p := makePool(t, config(b.url()))
	f := func(s io.Reader, size int64) {
		t.Helper()
		r := post("")
		r.Stream, r.Size = s, size
		if res := ask(p, r); !errors.Is(res.err, ErrRequestBody) {
			t.Errorf("got %+v", res)
		}
	}
	f(strings.NewReader("short"), 9)
	f(io.MultiReader(strings.NewReader("part"), failing{}), -1)
	f(io.MultiReader(strings.NewReader("part"), failing{}), 99)
	if s := p.targets()[0].breaker.cb.Metrics(); s.Failures() != 0 {
		t.Error("the client's failure counts against the target")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("client went away") }

// A target that closes idle connections after 5 s, as uvicorn does, and clients whose pauses are about as long: no POST
// is lost to a connection that was closed before its answer, and none is sent twice.
func TestKeepAliveChurn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 6 s")
	}
	t.Parallel()
	const keepAlive = 5 * time.Second
	b := serve(t, func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			_ = c.SetReadDeadline(time.Now().Add(keepAlive))
			if b.request(r) == "" {
				return
			}
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	p := makePool(t, config(b.url()))
	var clients sync.WaitGroup
	const many = 40
	for i := range many {
		clients.Go(func() {
			time.Sleep(time.Duration(i) * 7 * time.Millisecond)
			for turn := range 2 {
				if turn > 0 {
					time.Sleep(keepAlive - time.Second + time.Duration(i)*time.Second/(many/2)) // 4 to 6 s
				}
				if res := ask(p, post("{}")); res.err != nil || res.status != 200 {
					t.Errorf("got %+v", res)
				}
			}
		})
	}
	clients.Wait()
	if b.seen.Load() != 2*many || p.targets()[0].reused.Load() == 0 {
		t.Errorf("%d requests, %d over a kept connection", b.seen.Load(), p.targets()[0].reused.Load())
	}
}
