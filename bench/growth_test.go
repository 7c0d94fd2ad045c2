package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/policy"
	"blaze/telemetry"
)

// grown is a policy of so many routes, roles and API keys. The request that is measured is for the last of each.
func grown(routes, roles, keys int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nupstreams:\n  model: {engine: vllm, targets: [{url: \"http://127.0.0.1:1\"}]}\nroutes:\n")
	for i := 1; i < routes; i++ {
		fmt.Fprintf(&b, "  - {name: r%d, path: /v1/chat/completions, models: [\"other-%d\"], upstream: model}\n", i, i)
	}
	b.WriteString("  - {name: last, path: /v1/chat/completions, upstream: model}\nfilters:\n  auth:\n    api_keys:\n")
	for i := 1; i <= keys; i++ {
		secret := fmt.Sprint("sk-another-key-", i)
		if i == keys {
			secret = key
		}
		sum := sha256.Sum256([]byte(secret))
		fmt.Fprintf(&b, "      - {id: k%d, hash: \"sha256:%s\", subject: s%d, roles: [role%d]}\n", i, hex.EncodeToString(sum[:]), i, (i-1)*roles/keys+1)
	}
	b.WriteString("  authz:\n    roles:\n")
	for i := 1; i <= roles; i++ {
		fmt.Fprintf(&b, "      role%d: {routes: [inference], models: [\"llama-*\"]}\n", i)
	}
	b.WriteString("  ratelimit: {limits: [{name: user, by: user, limit: 1000000000, per: 1m}]}\n")
	return []byte(b.String())
}

// BenchmarkGrowth is a request's verdicts under a small policy and under large ones: head, route, body.
func BenchmarkGrowth(b *testing.B) {
	for _, g := range []struct{ routes, roles, keys int }{{1, 1, 1}, {100, 1, 1}, {1, 1000, 1000}, {100, 1000, 10_000}} {
		b.Run(fmt.Sprintf("routes=%d/roles=%d/keys=%d", g.routes, g.roles, g.keys), func(b *testing.B) {
			tel := telemetry.New(telemetry.Options{LogLevel: "error", Output: io.Discard})
			store, err := policy.Open(policy.Options{Source: grown(g.routes, g.roles, g.keys), Env: os.LookupEnv, Tel: tel})
			if err != nil {
				b.Fatal(err)
			}
			s := store.Current()
			x := exchange(b, store, 300)
			b.ReportAllocs()
			for b.Loop() {
				x.Route, x.Lease = "", nil
				s.Route(x)
				if v := s.Chain.Head(x); !v.Passed() {
					b.Fatalf("head: %v", v.Denial)
				}
				if v := s.Chain.Body(x); !v.Passed() {
					b.Fatalf("body: %v", v.Denial)
				}
				if x.Route != "last" {
					b.Fatalf("route %q", x.Route)
				}
				x.Identity, x.Edits, x.Taken = filters.Anonymous, x.Edits[:0], x.Taken[:0]
				s.Chain.Settle(x)
			}
		})
	}
}
