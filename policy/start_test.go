package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// largePolicy has a thousand rules: keys, roles, routes, networks and limits.
func largePolicy() []byte {
	var b strings.Builder
	b.WriteString("version: 1\nupstreams:\n  model: {engine: vllm, targets: [{url: \"http://127.0.0.1:1\"}]}\nroutes:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  - {name: r%d, path: /v1/chat/completions, models: [\"m%d-*\"], upstream: model}\n", i, i)
	}
	b.WriteString("  - {name: rest, path: \"*\", upstream: model}\nfilters:\n  access:\n    deny:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "      - 10.0.%d.0/24\n", i)
	}
	b.WriteString("  auth:\n    api_keys:\n")
	for i := range 400 {
		sum := sha256.Sum256(fmt.Appendf(nil, "sk-large-policy-%d", i))
		fmt.Fprintf(&b, "      - {id: k%d, hash: \"sha256:%s\", subject: s%d, roles: [role%d]}\n", i, hex.EncodeToString(sum[:]), i, i)
	}
	b.WriteString("  authz:\n    roles:\n")
	for i := range 400 {
		fmt.Fprintf(&b, "      role%d: {routes: [inference, utility], models: [\"m%d-*\"]}\n", i, i)
	}
	b.WriteString("  ratelimit:\n    limits:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "      - {name: l%d, by: user, limit: 1000000, per: 1m, for: {roles: [role%d]}}\n", i, i)
	}
	return []byte(b.String())
}

// BenchmarkLargePolicy compiles a policy of a thousand rules: most of what passes from the start to the first request served.
func BenchmarkLargePolicy(b *testing.B) {
	source := largePolicy()
	for b.Loop() {
		if r := Check(Options{Source: source}); len(r.Problems) > 0 {
			b.Fatal(r.Problems[0])
		}
	}
}
