package behavior

import (
	"testing"

	"blaze/filters"
)

// TestCareless: a secret in a prompt or in an answer speaks against nobody; an attack does.
func TestCareless(t *testing.T) {
	f := func(rule string, counts bool) {
		t.Helper()
		x := &filters.Exchange{Status: 403, Verdict: filters.Deny(filters.ThreatDetected, rule)}
		if _, ok := weigh(x); ok != counts {
			t.Errorf("%s counts: %v", rule, ok)
		}
	}
	f("secrets-card", false)
	f("sqli-comment", true)
}
