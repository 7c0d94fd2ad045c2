package auth

import (
	"testing"
	"time"
)

// TestMoment: what is stale is told by the monotonic half of the clock, and what never was is older than anything.
func TestMoment(t *testing.T) {
	var m moment
	if m.is() || m.age(time.Now()) < 100*365*24*time.Hour {
		t.Errorf("never is %s ago", m.age(time.Now()))
	}
	now := time.Now()
	m.set(now)
	if !m.is() || m.time() == m.time().Round(0) {
		t.Error("it keeps no monotonic half, and follows a clock that is set")
	}
	if age := m.age(now.Add(time.Hour)); age != time.Hour {
		t.Errorf("got %s, want 1h", age)
	}
}
