package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// fleetPolicy is that of replicas that share their limits, and so their bans.
const fleetPolicy = `
version: 1
proxy: {trusted_proxies: [127.0.0.0/8]}
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters:
  scan: {behavior: {score: 60, ban: 1h}}
  ratelimit:
    store: {redis: {addresses: ["${env:REDIS}"], timeout: 250ms, on_error: local}}
    limits: [{name: all, by: ip, algorithm: token_bucket, limit: 100000, per: 1s, then: reject}]
`

// get asks for a path as a client, and returns the status and the error's code.
func (s *served) get(t testing.TB, client, path string) string {
	t.Helper()
	req, err := http.NewRequest("GET", s.url()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", client)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	_, code, _ := strings.Cut(string(body), `"code":"`)
	code, _, _ = strings.Cut(code, `"`)
	return strings.TrimSpace(fmt.Sprint(res.StatusCode, " ", code))
}

// TestBansAreShared: whom one replica bans is refused by the others, and by one that starts later, as after a crash; what
// happens while Redis is away is told when it is back.
func TestBansAreShared(t *testing.T) {
	redis := miniredis.RunT(t)
	a, b := serve(t, fleetPolicy, "REDIS="+redis.Addr()), serve(t, fleetPolicy, "REDIS="+redis.Addr())
	attack := func(s *served, client string) {
		t.Helper()
		for range 4 {
			s.get(t, client, "/v1/models?q=1%27%20OR%20%271%27=%271%27%20--")
		}
		if got := s.get(t, client, "/v1/models"); got != "403 address_denied" {
			t.Fatalf("%s is answered with %s where it attacked", client, got)
		}
	}
	eventually := func(s *served, client string) {
		t.Helper()
		for deadline := time.Now().Add(patience); s.get(t, client, "/v1/models") != "403 address_denied"; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is never refused by another replica", client)
			}
		}
	}
	attack(a, "198.51.100.1")
	eventually(b, "198.51.100.1")
	if got := b.get(t, "198.51.100.2", "/v1/models"); got != "200" {
		t.Errorf("a neighbour is answered with %s", got)
	}
	eventually(serve(t, fleetPolicy, "REDIS="+redis.Addr()), "198.51.100.1")
	redis.Close()
	attack(a, "198.51.100.3")
	if got := b.get(t, "198.51.100.3", "/v1/models"); got != "200" {
		t.Errorf("told without Redis: %s", got)
	}
	if got := b.get(t, "198.51.100.1", "/v1/models"); got != "403 address_denied" {
		t.Errorf("forgotten without Redis: %s", got)
	}
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(b, "198.51.100.3")
}

// TestBannedOnTheHead: who is banned is refused without being asked for a body, and a body that comes anyway is not read.
func TestBannedOnTheHead(t *testing.T) {
	s := serve(t, `
version: 1
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters: {scan: {behavior: {score: 40}}}
`)
	for range 2 {
		s.get(t, "", "/v1/models?q=1%27%20OR%20%271%27=%271%27%20--")
	}
	c := dial(t, s.addr)
	if _, err := io.WriteString(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: blaze.test\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 403 || !strings.Contains(string(body), "address_denied") || res.Header.Get("Retry-After") == "" || res.Header.Get("X-Should-Retry") != "" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

// TestMalformedIsCounted: heads that no filter ever saw count too.
func TestMalformedIsCounted(t *testing.T) {
	s := serve(t, `
version: 1
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters: {scan: {behavior: {score: 10}}}
`)
	for range 6 {
		c := dial(t, s.addr)
		if _, err := io.WriteString(c, "GET /v1/../etc/passwd HTTP/1.1\r\nHost: blaze.test\r\nX: a\x00b\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != 400 {
			t.Fatalf("%v %v", res, err)
		}
		_ = res.Body.Close()
	}
	if got := s.get(t, "", "/v1/models"); got != "403 address_denied" {
		t.Errorf("answered with %s", got)
	}
}
