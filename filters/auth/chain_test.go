package auth

import (
	"testing"

	"github.com/rs/zerolog"

	"blaze/filters"
	"blaze/telemetry"
)

// TestUndecided: with an issuer whose keys were never had, a token's caller gets in as nobody at most.
func TestUndecided(t *testing.T) {
	tok := signed(t, "ES256", newKeys(t, "ES256"), map[string]any{"alg": "ES256"}, goodClaims(nil))
	f := func(on filters.OnError, want string) {
		t.Helper()
		filter := build(t, remoteConfig("https://id.example/jwks.json"), env(t, nil, nil))
		chain := filters.NewChain([]filters.Stage{{Name: "auth", Filter: filter, Shared: filters.Shared{OnError: on}}}, telemetry.NewMetrics(), zerolog.Nop())
		x := withToken(tok)
		x.Dry = true // so that nobody waits for a fetch that will not come
		v := chain.Head(x)
		chain.Settle(x)
		got := "pass " + x.Identity.Subject
		if v.Denied() {
			got = v.Denial.Code
		}
		if got != want || x.Identity != filters.Anonymous {
			t.Errorf("on_error %s: want %s; got %s as %q", on, want, got, x.Identity.Subject)
		}
	}
	f(filters.Closed, "filter_unavailable")
	f(filters.Open, "pass ")
}

// TestShadowedSectionSettles: an exchange that was let through only because the section is in shadow gives back nothing
// that it did not take.
func TestShadowedSectionSettles(t *testing.T) {
	cfg := testConfig()
	cfg.Sessions.MaxConcurrent = 1
	filter := build(t, cfg, env(t, nil, nil))
	shared := filters.Shared{Rollout: filters.Rollout{Mode: filters.Shadow}}
	chain := filters.NewChain([]filters.Stage{{Name: "auth", Filter: filter, Shared: shared}}, telemetry.NewMetrics(), zerolog.Nop())
	first, second := exchange("x-api-key: "+userKey), exchange("x-api-key: "+userKey)
	for _, x := range []*filters.Exchange{first, second} {
		if v := chain.Head(x); !v.Passed() {
			t.Fatal(v)
		}
	}
	if len(second.Shadows) != 1 {
		t.Errorf("the second is one too many: got %+v", second.Shadows)
	}
	chain.Settle(second)
	if n := filter.sessions.running.subjects(); n != 1 {
		t.Errorf("the second gave back what the first took: %d under way", n)
	}
	chain.Settle(first)
	if n := filter.sessions.running.subjects(); n != 0 {
		t.Errorf("want none under way; got %d", n)
	}
}
