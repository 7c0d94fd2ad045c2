package policy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters/filterstest"
)

func requestHead(t interface{ Fatalf(string, ...any) }, head []byte) *fasthttp.RequestHeader {
	h := new(fasthttp.RequestHeader)
	if err := h.Read(bufio.NewReader(bytes.NewReader(head))); err != nil && err != io.EOF {
		t.Fatalf("cannot read the head: %v", err)
	}
	return h
}

const routed = `
version: 1
proxy: {timeout: 5m}
upstreams:
  large: {engine: vllm, targets: [{url: "http://127.0.0.1:8080"}]}
  small: {engine: ollama, targets: [{url: "http://127.0.0.1:11434"}]}
routes:
  - {name: embed, path: /v1/embeddings, models: ["bge-*"], upstream: small, timeout: 30s}
  - {name: chat, path: /v1/chat/completions, methods: [POST], upstream: large}
  - {name: v1, path: /v1/*, methods: [GET, POST], upstream: large}
  - {name: native, path: /api/*, upstream: small}
`

func TestRoute(t *testing.T) {
	snap := open(t, routed).Current()
	f := func(text, route, upstream, endpoint, allow string, timeout time.Duration) {
		t.Helper()
		x := filterstest.New(t, text)
		began := x.Began
		snap.Route(x)
		name, at := "", ""
		if x.Upstream != nil {
			name = x.Upstream.Name()
		}
		if x.Endpoint != nil {
			at = x.Endpoint.Name
		}
		if x.Route != route || name != upstream || at != endpoint || x.Allow != allow {
			t.Errorf("%q: got %q %q %q %q, want %q %q %q %q", text, x.Route, name, at, x.Allow, route, upstream, endpoint, allow)
		}
		if timeout > 0 && x.Deadline.Sub(began) != timeout {
			t.Errorf("%q: may take %v, want %v", text, x.Deadline.Sub(began), timeout)
		}
	}
	f("POST /v1/chat/completions", "chat", "large", "chat.completions", "", 5*time.Minute)
	f("GET /v1/models", "v1", "large", "models", "", 5*time.Minute)
	f("GET /api/tags", "native", "small", "tags", "", 5*time.Minute)
	f("POST /v1/embeddings", "embed", "small", "embeddings", "", 30*time.Second) // the model is not known yet
	f("POST /v1/embeddings\nContent-Type: application/json\n\n{\"model\":\"bge-m3\"}", "embed", "small", "embeddings", "", 30*time.Second)
	f("POST /v1/embeddings\nContent-Type: application/json\n\n{\"model\":\"e5\"}", "v1", "large", "embeddings", "", 5*time.Minute)
	f("POST /v1/embeddings\nContent-Type: application/json\n\n{\"input\":\"x\"}", "v1", "large", "embeddings", "", 5*time.Minute)
	f("DELETE /v1/models", "", "", "", "GET, POST", 0)
	f("GET /metrics", "", "", "", "", 0)
	f("GET /v1/nothing", "v1", "large", "", "", 0)
}

func TestRouteAllocatesNothing(t *testing.T) {
	snap := open(t, routed).Current()
	x := filterstest.New(t, "POST /v1/embeddings\nContent-Type: application/json\n\n{\"model\":\"e5\"}")
	if n := testing.AllocsPerRun(200, func() { snap.Route(x) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// TestOnlyUpstream: without routes everything goes to the one upstream; without upstreams, to the process's own.
func TestOnlyUpstream(t *testing.T) {
	f := func(text, upstream, engine string) {
		t.Helper()
		x := filterstest.New(t, "GET /v1/models")
		open(t, text).Current().Route(x)
		if x.Upstream == nil || x.Upstream.Name() != upstream || x.Upstream.Engine().Name != engine || x.Endpoint == nil {
			t.Errorf("%s: got %+v", text, x.Upstream)
		}
	}
	f("version: 1", "model", "openai")
	f("version: 1\nupstreams: {local: {engine: ollama, targets: [{url: \"http://127.0.0.1:1\"}]}}", "local", "ollama")
}

// TestRouteOfMany: of two hundred routes, on shared paths and on paths of their own, the first that fits is taken.
func TestRouteOfMany(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nupstreams: {only: {engine: vllm, targets: [{url: \"http://127.0.0.1:8080\"}]}}\nroutes:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  - {name: shared%d, path: /v1/chat/completions, models: [\"m%d\"], upstream: only}\n", i, i)
		fmt.Fprintf(&b, "  - {name: own%d, path: \"/v1/files/%d-*\", upstream: only}\n", i, i)
	}
	snap := open(t, b.String()).Current()
	f := func(text, want string) {
		t.Helper()
		x := filterstest.New(t, text)
		snap.Route(x)
		if x.Route != want {
			t.Errorf("%q goes to %q, want %q", text, x.Route, want)
		}
	}
	for i := range 100 {
		f(fmt.Sprintf("GET /v1/files/%d-x", i), fmt.Sprint("own", i))
		f(fmt.Sprintf("POST /v1/chat/completions\nContent-Type: application/json\n\n{\"model\":\"m%d\"}", i), fmt.Sprint("shared", i))
	}
	f("GET /v1/files/100-x", "")
	f("POST /v1/chat/completions\nContent-Type: application/json\n\n{\"model\":\"m100\"}", "")
}
