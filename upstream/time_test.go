package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// blackHole is an address whose connections never come about: its queue is full.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*syscall.SockaddrInet4).Port}).String()
	for range 4 {
		c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
		if err != nil {
			return "http://" + addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("cannot fill a listener's queue here")
	return ""
}

// silence sends part of an answer and then nothing, until the other side closes.
func silence(part string) func(b *backend, c net.Conn) {
	return func(b *backend, c net.Conn) {
		r := bufio.NewReader(c)
		if b.request(r) == "" {
			return
		}
		_, _ = io.WriteString(c, part)
		_, _ = r.ReadByte()
	}
}

var noDeadline time.Time

const partAnswer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"

// Each wait has its own limit and its own error; the exchange's end beats them all; a cancellation ends any of them, and
// says so whatever else would have run out. The time it takes is bounded only loosely: this is no measurement.
func TestWaits(t *testing.T) {
	short := 60 * time.Millisecond
	f := func(name, url string, want error) {
		t.Helper()
		cfg := config(url)
		cfg.Timeout = Timeout{Connect: short, FirstByte: short, Stall: short}
		began := time.Now()
		if res := ask(makePool(t, cfg), post("{}")); !errors.Is(res.err, want) {
			t.Errorf("%s: got %+v; want %v", name, res, want)
		}
		cfg.Timeout = Timeout{Connect: time.Minute, FirstByte: time.Minute, Stall: time.Minute}
		if res := do(makePool(t, cfg), post("{}"), new(Cancel), time.Now().Add(short)); !errors.Is(res.err, ErrTimeout) {
			t.Errorf("%s, whole exchange: got %+v", name, res)
		}
		cancel := new(Cancel)
		time.AfterFunc(short, cancel.Cancel)
		if res := do(makePool(t, cfg), post("{}"), cancel, time.Now().Add(time.Minute)); !errors.Is(res.err, ErrCancelled) {
			t.Errorf("%s, cancelled: got %+v", name, res)
		}
		cancel = new(Cancel)
		cancel.Cancel()
		if res := do(makePool(t, cfg), post("{}"), cancel, time.Time{}); !errors.Is(res.err, ErrCancelled) {
			t.Errorf("%s, cancelled before: got %+v", name, res)
		}
		if d := time.Since(began); d > 30*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
	f("connect", blackHole(t), ErrConnect)
	f("no head", serve(t, silence("")).url(), ErrFirstByte)
	f("half a head", serve(t, silence("HTTP/1.1 200 OK\r\nContent-")).url(), ErrFirstByte)
	f("interim only", serve(t, silence("HTTP/1.1 100 Continue\r\n\r\n")).url(), ErrFirstByte)
	f("chunk", serve(t, silence(partAnswer)).url(), ErrStall)
	f("half a chunk", serve(t, silence(partAnswer+"9\r\nhal")).url(), ErrStall)
	f("length", serve(t, silence("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")).url(), ErrStall)
	f("no length", serve(t, silence("HTTP/1.1 200 OK\r\n\r\nhello")).url(), ErrStall)
}

// A target that does not read does not hold a large request for ever.
func TestWriteStalls(t *testing.T) {
	b := serve(t, func(b *backend, c net.Conn) { _ = c.(*net.TCPConn).SetReadBuffer(4096); <-t.Context().Done() })
	cfg := config(b.url())
	cfg.Timeout.Stall = 60 * time.Millisecond
	r := post("")
	r.Body = make([]byte, 64<<20)
	if res := ask(makePool(t, cfg), r); !errors.Is(res.err, ErrFirstByte) {
		t.Errorf("got %+v", res)
	}
	cancel := new(Cancel)
	time.AfterFunc(50*time.Millisecond, cancel.Cancel)
	if res := do(makePool(t, config(b.url())), r, cancel, time.Time{}); !errors.Is(res.err, ErrCancelled) {
		t.Errorf("got %+v", res)
	}
}

// The stall timeout renews with every byte: a slow stream is not cut.
func TestSlowStreamLives(t *testing.T) {
	b := serve(t, func(b *backend, c net.Conn) {
		b.request(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 12 {
			time.Sleep(200 * time.Millisecond)
			_, _ = io.WriteString(c, "1\r\nx\r\n")
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
	})
	cfg := config(b.url())
	cfg.Timeout.Stall, cfg.Timeout.FirstByte = 2*time.Second, 2*time.Second // shorter than the stream, longer than a busy machine's pauses
	if res := ask(makePool(t, cfg), post("{}")); res.err != nil || len(res.body) != 12 {
		t.Errorf("got %+v", res)
	}
}

// Frames leave as they come: Read does not wait for more than there is.
func TestFrameByFrame(t *testing.T) {
	next := make(chan string)
	b := serve(t, func(b *backend, c net.Conn) {
		b.request(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for s := range next {
			_, _ = io.WriteString(c, s)
		}
	})
	p := makePool(t, config(b.url()))
	l, _, err := p.Acquire(Want{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release(Success)
	resp, err := l.RoundTrip(post("{}"), new(Cancel), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 32<<10)
	f := func(send, want string) {
		t.Helper()
		next <- send
		if n, err := resp.Read(buf); err != nil || string(buf[:n]) != want {
			t.Fatalf("read %q, %v; want %q", buf[:n], err, want)
		}
	}
	f("5\r\nhello\r\n", "hello")
	f("5\r\nhello\r\n6\r\n world\r\n", "hello world")
	f("5\r\nhe", "he")
	f("llo", "llo")
	f("\r\n5\r\nagain\r", "again")
	f("\n1\r\n!", "!")
	next <- "\r\n0\r\n\r\n"
	if n, err := resp.Read(buf); n != 0 || err != io.EOF {
		t.Errorf("read %d, %v", n, err)
	}
	close(next)
}
