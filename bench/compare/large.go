package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// grown is the size of a policy: how many of each it has.
type grown struct{ routes, networks, keys, roles, limits int }

// The two sizes that are measured: a thousand rules in all, and as much as anybody is thought to have.
var (
	thousand = grown{routes: 100, networks: 100, keys: 400, roles: 390, limits: 10}
	huge     = grown{routes: 100, networks: 100_000, keys: 10_000, roles: 1000, limits: 10}
)

// policy has every filter on, and the request's own route, key and role last. The networks are a file's, as blocklists are.
func (g grown) policy(o *options) (string, error) {
	file, err := filepath.Abs(filepath.Join(o.out, "networks.txt"))
	if err != nil {
		return "", err
	}
	var list strings.Builder
	for i := range g.networks {
		fmt.Fprintf(&list, "%d.%d.%d.0/24\n", 11+i>>16, i>>8&255, i&255)
	}
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nupstreams:\n  model: {engine: vllm, targets: [{url: \"http://%s\"}]}\nroutes:\n", o.upstream)
	for i := range g.routes {
		fmt.Fprintf(&b, "  - {name: r%d, path: /v1/chat/completions, models: [\"other-%d-*\"], upstream: model}\n", i, i)
	}
	fmt.Fprintf(&b, "  - {name: rest, path: \"*\", upstream: model}\nfilters:\n  scan: {}\n  params: {}\n  access: {deny_files: [%q]}\n  auth:\n    api_keys:\n", file)
	for i := range g.keys {
		secret := fmt.Sprint("sk-of-somebody-else-", i)
		if i == g.keys-1 {
			secret = key
		}
		sum := sha256.Sum256([]byte(secret))
		fmt.Fprintf(&b, "      - {id: k%d, hash: \"sha256:%s\", subject: s%d, roles: [role%d], tier: free, tenant: acme}\n", i, hex.EncodeToString(sum[:]), i, i*g.roles/g.keys)
	}
	b.WriteString("  authz:\n    roles:\n")
	for i := range g.roles {
		fmt.Fprintf(&b, "      role%d: {routes: [inference], models: [\"llama-*\"]}\n", i)
	}
	b.WriteString("  ratelimit:\n    limits:\n")
	for i := range g.limits - 4 {
		fmt.Fprintf(&b, "      - {name: l%d, by: user, limit: 1000000, per: 1m, for: {roles: [role%d]}}\n", i, i)
	}
	_, own, _ := strings.Cut(limits, "limits:\n")
	b.WriteString(own)
	return b.String(), nil
}
