package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// TestLimitsAreAskedOnce: a chat that comes in one piece asks Redis once, for the limits of its head and of its body together. One
// whose body comes later is judged on its head, and asks once more.
func TestLimitsAreAskedOnce(t *testing.T) {
	redis := miniredis.RunT(t)
	var takes atomic.Int64
	redis.Server().SetPreHook(func(_ *server.Peer, _ string, args ...string) bool {
		if slices.Contains(args, "take") {
			takes.Add(1)
		}
		return false
	})
	s := serve(t, `
version: 1
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters:
  scan: {mode: off}
  ratelimit:
    store: {redis: {addresses: ["`+redis.Addr()+`"], timeout: 1s}}
    limits:
      - {name: requests, by: ip, limit: 100, per: 1h}
      - {name: tokens, by: ip, limit: 100000, per: 1h, count: tokens}
`)
	const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n"
	c := dial(t, s.addr)
	answers := bufio.NewReader(c)
	f := func(want int64, send func(c net.Conn)) {
		t.Helper()
		before := takes.Load()
		send(c)
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if n := takes.Load() - before; res.StatusCode != 200 || want > 0 && n != want {
			t.Errorf("status %d, Redis was asked %d times; want %d", res.StatusCode, n, want)
		}
		if res.Header.Get("X-Ratelimit-Limit-Requests") != "100" || res.Header.Get("X-Ratelimit-Limit-Tokens") != "100000" {
			t.Errorf("headers %v", res.Header)
		}
	}
	whole := func(c net.Conn) { _, _ = io.WriteString(c, head+question) }
	f(0, whole) // Redis is given the script
	f(1, whole)
	f(2, func(c net.Conn) {
		before := takes.Load()
		_, _ = io.WriteString(c, head)
		waitFor(t, "the head is judged", func() bool { return takes.Load() > before })
		_, _ = io.WriteString(c, question)
	})
	f(1, whole)
}
