// Package bench measures Blaze: each part of the pipeline, and whole exchanges over loopback beside the framework's
// floor, a bare fasthttp proxy. Method and figures are in its README.
package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"blaze/bench/load"
	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/policy"
	"blaze/proxy"
	"blaze/telemetry"
)

const key = "sk-blaze-benchmark-key-of-some-length-0123456789"

// whole is a policy with every filter on: an API key, roles, parameters, four limits with a token budget.
const whole = `version: 1
upstreams:
  model: {engine: vllm, targets: [{url: "http://UPSTREAM"}]}
filters:
  access: {deny: [203.0.113.0/24]}
  scan: {}
  auth: {api_keys: [{id: bench, hash: "sha256:HASH", subject: bench, roles: [user], tier: free, tenant: acme}]}
  params: {}
  authz: {roles: {user: {routes: [inference], models: ["llama-*"]}}}
  ratelimit:
    limits:
      - {name: all, by: global, algorithm: fixed_window, limit: 1000000000, per: 1m, then: reject}
      - {name: ip, by: ip, algorithm: fixed_window, limit: 1000000000, per: 1m, then: reject}
      - {name: user, by: user, algorithm: token_bucket, limit: 1000000000, per: 1m, then: reject}
      - {name: tokens, by: tenant, algorithm: token_bucket, limit: 1000000000000, per: 1m, count: tokens, then: reject}
`

func open(tb testing.TB, upstream string) (*policy.Store, *telemetry.Telemetry) {
	tb.Helper()
	return openPolicy(tb, whole, upstream)
}

// openPolicy opens a policy that names its UPSTREAM and its key's HASH.
func openPolicy(tb testing.TB, source, upstream string) (*policy.Store, *telemetry.Telemetry) {
	tb.Helper()
	sum := sha256.Sum256([]byte(key))
	source = strings.NewReplacer("UPSTREAM", upstream, "HASH", hex.EncodeToString(sum[:])).Replace(source)
	tel := telemetry.New(telemetry.Options{LogLevel: "info", LogFormat: "json", Output: io.Discard})
	store, err := policy.Open(policy.Options{Source: []byte(source), Env: os.LookupEnv, Tel: tel})
	if err != nil {
		tb.Fatal(err)
	}
	return store, tel
}

// blaze serves the whole pipeline in front of upstream.
func blaze(tb testing.TB, upstream string) string {
	tb.Helper()
	return serve(tb, whole, upstream)
}

// serve serves a policy in front of upstream.
func serve(tb testing.TB, source, upstream string) string {
	tb.Helper()
	store, tel := openPolicy(tb, source, upstream)
	server, err := proxy.New(proxy.Options{Listen: "127.0.0.1:0", Store: store, Tel: tel})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { tel.Run(ctx); done <- struct{}{} }()
	go func() { _ = server.Run(ctx); done <- struct{}{} }()
	tb.Cleanup(func() { stop(); <-done; <-done })
	return server.Addr().String()
}

// floor is the framework's floor: a bare fasthttp proxy.
func floor(tb testing.TB, upstream string) string {
	tb.Helper()
	server := load.Floor(upstream)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }()
	tb.Cleanup(func() { _ = server.Shutdown() })
	return ln.Addr().String()
}

// BenchmarkExchange is one request and its answer over loopback, one connection; the stub and the client are in it.
func BenchmarkExchange(b *testing.B) {
	for _, p := range []struct {
		name  string
		start func(testing.TB, string) string
	}{{"floor", floor}, {"blaze", blaze}} {
		for _, size := range []int{300, 32 << 10, 256 << 10} {
			b.Run(fmt.Sprintf("%s/prompt=%d", p.name, size), func(b *testing.B) {
				c := dial(b, p.start(b, stub(b)), chat(size))
				c.do(b)
				b.ReportAllocs()
				for b.Loop() {
					c.do(b)
				}
			})
		}
	}
}

// pass runs an exchange through the whole chain, without a network.
func pass(tb testing.TB, chain *filters.Chain, x *filters.Exchange) {
	x.Lease = nil
	if v := chain.Head(x); !v.Passed() {
		tb.Fatalf("head: %v", v.Denial)
	}
	if v := chain.Body(x); !v.Passed() {
		tb.Fatalf("body: %v", v.Denial)
	}
	x.Identity, x.Edits, x.Taken = filters.Anonymous, x.Edits[:0], x.Taken[:0]
	chain.Settle(x)
}

func exchange(tb testing.TB, store *policy.Store, size int) *filters.Exchange {
	tb.Helper()
	head, body, _ := strings.Cut(string(chat(size)), "\r\n\r\n")
	head = strings.Replace(head, "\r\nHost: blaze.test", "", 1)
	x := filterstest.New(tb, strings.ReplaceAll(head, "\r\n", "\n")+"\n\n"+body)
	x.Upstream = store.Current().Pools.Pool("model")
	return x
}

// BenchmarkChain is every filter's verdict on a request that passes; the body is parsed already.
func BenchmarkChain(b *testing.B) {
	for _, size := range []int{300, 32 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("prompt=%d", size), func(b *testing.B) {
			store, _ := open(b, "127.0.0.1:1")
			x := exchange(b, store, size)
			b.ReportAllocs()
			for b.Loop() {
				pass(b, store.Current().Chain, x)
			}
		})
	}
}
