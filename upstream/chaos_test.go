package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// reset ends a connection with an RST.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// Every way a target goes wrong: the error, one generation, the breaker's opinion, and nothing left behind (makePool
// asserts it at the end of each case, TestMain for goroutines).
func TestChaos(t *testing.T) {
	n := 0
	f := func(name string, act func(c net.Conn, r *bufio.Reader), want error, counts bool) {
		t.Helper()
		n++
		t.Run(name, func(t *testing.T) {
			b := serve(t, func(b *backend, c net.Conn) {
				r := bufio.NewReader(c)
				if b.request(r) != "" {
					act(c, r)
				}
			})
			cfg := config(b.url())
			cfg.Retry = retryPolicy()
			cfg.Timeout = Timeout{Connect: time.Second, FirstByte: 80 * time.Millisecond, Stall: 80 * time.Millisecond}
			if errors.Is(want, ErrTimeout) {
				cfg.Timeout.Stall = time.Minute // what ends it is the exchange's own end
			}
			cfg.Breaker.MinRequests = 1
			p := makePool(t, cfg)
			if res := do(p, post("{}"), new(Cancel), time.Now().Add(2*time.Second)); !errors.Is(res.err, want) {
				t.Errorf("got %+v, want %v", res, want)
			}
			if b.seen.Load() != 1 {
				t.Errorf("%d generations", b.seen.Load())
			}
			if open := p.targets()[0].breaker.state() == "open"; open != counts {
				t.Errorf("breaker open: %v, cause %q", open, p.targets()[0].breaker.lastCause())
			}
		})
	}
	send := func(s string) func(c net.Conn, r *bufio.Reader) {
		return func(c net.Conn, r *bufio.Reader) { _, _ = io.WriteString(c, s) }
	}
	hold := func(s string) func(c net.Conn, r *bufio.Reader) {
		return func(c net.Conn, r *bufio.Reader) {
			_, _ = io.WriteString(c, s)
			_, _ = r.ReadByte()
		}
	}
	f("black hole", hold(""), ErrFirstByte, true)
	f("slow headers", func(c net.Conn, r *bufio.Reader) {
		for _, b := range []byte(okAnswer) {
			time.Sleep(20 * time.Millisecond)
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	}, ErrFirstByte, true)
	f("slow body", hold(partAnswer+"1\r\nx\r\n"), ErrStall, true)
	f("closed unanswered", send(""), ErrCut, true)
	f("reset unanswered", func(c net.Conn, r *bufio.Reader) { reset(c) }, ErrCut, true)
	f("reset mid-header", func(c net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-")
		reset(c)
	}, ErrCut, true)
	f("reset mid-stream", func(c net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(c, partAnswer)
		time.Sleep(10 * time.Millisecond)
		reset(c)
	}, ErrCut, true)
	f("half close mid-stream", func(c net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(c, partAnswer)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = r.ReadByte()
	}, ErrCut, true)
	f("garbage", hold("\x16\x03\x01\x02\x00"), ErrProtocol, true)
	f("endless header", func(c net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
		for {
			if _, err := io.WriteString(c, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	}, ErrProtocol, true)
	f("endless interim", func(c net.Conn, r *bufio.Reader) {
		for {
			if _, err := io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n"); err != nil {
				return
			}
		}
	}, ErrProtocol, true)
	f("endless stream", func(c net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(c, partAnswer)
		for {
			if _, err := io.WriteString(c, "400\r\n"+strings.Repeat("x", 1024)+"\r\n"); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}, ErrTimeout, false)
	f("length too long", send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), ErrCut, true)
	f("chunk cut", send(partAnswer+"9\r\nhel"), ErrCut, true)
	f("no last chunk", send(partAnswer), ErrCut, true)
	f("chunk malformed", send(partAnswer+"zz\r\n"), ErrProtocol, true)
	f("length too short", send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello"), nil, false)
	if n < 17 {
		t.Fatalf("only %d cases ran", n)
	}
}

// An error-rate-only breaker sees 200s and stays closed; this one opens, because the streams behind them stall.
func TestStallsOpenTheBreaker(t *testing.T) {
	b := serve(t, silence(partAnswer))
	f := func(stall time.Duration) string {
		cfg := config(b.url())
		cfg.Timeout.Stall, cfg.Breaker.MinRequests = stall, 4
		p := makePool(t, cfg)
		for range 4 {
			l := mustLease(t, p, Want{})
			cancel := new(Cancel)
			resp, err := l.RoundTrip(post("{}"), cancel, time.Time{})
			if err != nil || resp.Header.StatusCode() != 200 {
				t.Fatalf("got %v", err)
			}
			time.AfterFunc(200*time.Millisecond, cancel.Cancel) // the client's patience
			_, _ = io.ReadAll(resp)
			l.Release(Neutral)
		}
		return p.targets()[0].breaker.state()
	}
	if s := f(20 * time.Millisecond); s != "open" {
		t.Errorf("with a stall timeout: %s", s)
	}
	if s := f(time.Minute); s != "closed" {
		t.Errorf("with clients' patience only: %s", s)
	}
}

// A thousand exchanges whose clients leave at random moments: every connection, place and goroutine is given back.
func TestClientsLeaveAtRandom(t *testing.T) {
	b := serve(t, func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); b.request(r) != ""; {
			time.Sleep(time.Duration(b.seen.Load()%5) * time.Millisecond)
			_, _ = io.WriteString(c, partAnswer)
			time.Sleep(time.Duration(b.seen.Load()%7) * time.Millisecond)
			if _, err := io.WriteString(c, "0\r\n\r\n"); err != nil {
				return
			}
		}
	})
	p := makePool(t, config(b.url()))
	work := make(chan int)
	done := make(chan struct{})
	for range 16 {
		go func() {
			for i := range work {
				cancel := new(Cancel)
				timer := time.AfterFunc(time.Duration(i%13)*time.Millisecond, cancel.Cancel)
				if res := do(p, post("{}"), cancel, time.Time{}); res.err != nil && !errors.Is(res.err, ErrCancelled) {
					t.Errorf("got %+v", res)
				}
				timer.Stop()
			}
			done <- struct{}{}
		}()
	}
	for i := range 1000 {
		work <- i
	}
	close(work)
	for range 16 {
		<-done
	}
	if res := ask(p, post("{}")); res.err != nil || res.body != "hello" {
		t.Errorf("after the storm: got %+v", res)
	}
	if n := p.targets()[0].breaker.cb.Metrics().Failures(); n != 0 {
		t.Errorf("clients who left count as %d failures", n)
	}
}
