package auth

import (
	"fmt"
	"testing"
)

// BenchmarkRequest is what the filter costs on the way to a pass: a key, a token seen before, and a token of each
// algorithm that has to be verified.
func BenchmarkRequest(b *testing.B) {
	filter := build(b, testConfig(), env(b, nil, nil))
	run := func(name string, lines ...string) {
		b.Run(name, func(b *testing.B) {
			x := exchange(lines...)
			if v := filter.Request(x); !v.Passed() {
				b.Fatal(v)
			}
			b.ReportAllocs()
			for b.Loop() {
				filter.Request(x)
				filter.Settle(x)
			}
		})
	}
	run("key", "Authorization: Bearer "+userKey)
	run("token seen before", "Authorization: Bearer "+mint(b, "HS256", []byte(secret), nil))
}

func BenchmarkVerify(b *testing.B) {
	f := &forge{t: b, keys: newForgeKeys(b)}
	f.issuers()
	filter := build(b, Config{JWT: f.out.Issuers}, env(b, f.out.Files, nil))
	for _, c := range []struct{ issuer, alg string }{{"hs", "HS256"}, {"rsa", "RS256"}, {"rsa", "PS256"}, {"many", "ES256"}, {"many", "EdDSA"}} {
		token := f.make(c.issuer, c.alg, nil, nil)
		b.Run(c.alg, func(b *testing.B) {
			x := exchange()
			b.ReportAllocs()
			for b.Loop() {
				if _, no := filter.issuers.verify(token, x, noon); no != nil {
					b.Fatal(no.rule)
				}
			}
		})
	}
}

// BenchmarkRevoked is the look at a list of revocations, which every request takes.
func BenchmarkRevoked(b *testing.B) {
	for _, n := range []int{0, 1, maxRevocations} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRevocations()
			m := map[named]Revocation{}
			for i := range n {
				m[named{RevokeToken, fmt.Sprint("t", i)}] = Revocation{Kind: RevokeToken}
			}
			r.current.Store(&m)
			id := build(b, testConfig(), env(b, nil, nil)).keys.byID["ci"].identity
			b.ReportAllocs()
			for b.Loop() {
				r.revoked(id, noon, noon)
			}
		})
	}
}
