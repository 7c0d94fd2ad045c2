package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"blaze/proxy"
	"blaze/upstream/demo"
)

// TestHandover: one Blaze follows another on one socket, again and again under load, as processes that are given the
// socket do (--listen fd:3). No request is lost: each connection is served by the one or the other, and streams that run
// when their Blaze is asked to end are sent to their end.
func TestHandover(t *testing.T) {
	backend := demo.New(demo.Options{Behavior: demo.Behavior{Delay: demo.Duration(time.Millisecond), FrameDelay: demo.Duration(20 * time.Millisecond)}})
	defer backend.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	follow := func() (stop func()) {
		fd, err := syscall.Dup(int(file.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		_, stop = serveUntil(t, guardedPolicy(""), backend.URL(), proxy.Options{Listen: fmt.Sprintf("fd:%d", fd)}, io.Discard)
		return stop
	}
	var over atomic.Bool
	var asked, streams atomic.Int64
	var clients sync.WaitGroup
	now := follow()
	for i := range 6 {
		clients.Go(func() {
			for !over.Load() {
				if i < 4 { // some with a head that outgrows the ordinary buffer
					asked.Add(1)
					oneRequest(t, ln.Addr().String(), question, `"finish_reason":"stop"`, "X-Long: "+strings.Repeat("y", i*2000)+"\r\n")
				} else {
					streams.Add(1)
					oneRequest(t, ln.Addr().String(), strings.Replace(question, "{", `{"stream":true,`, 1), "data: [DONE]")
				}
			}
		})
	}
	for range 6 {
		was, before := now, asked.Load()
		now = follow()
		was()
		for end := time.Now().Add(patience); asked.Load() < before+20 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	over.Store(true)
	clients.Wait()
	now()
	if asked.Load() < 100 || streams.Load() < 6 {
		t.Errorf("only %d requests and %d streams", asked.Load(), streams.Load())
	}
}

// oneRequest is asked on a connection of its own, whose answer must be a 200 that ends as it should. Some clients take a
// moment between connecting and asking.
func oneRequest(t *testing.T, addr, body, ends string, more ...string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Errorf("cannot connect: %v", err)
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	time.Sleep(time.Duration(len(ends)%3) * time.Millisecond)
	if _, err := io.WriteString(c, post(guardKey, len(body), append(more, "Connection: close\r\n")...)+body); err != nil {
		t.Errorf("cannot ask: %v", err)
		return
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("lost: %v", err)
		return
	}
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || !strings.Contains(string(b), ends) {
		t.Errorf("got %d, %v: %.300s", res.StatusCode, err, b)
	}
}
