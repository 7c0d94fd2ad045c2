package behavior

import (
	"net/netip"
	"testing"
	"time"

	"blaze/filters"
)

func TestBehavior(t *testing.T) {
	now := time.Unix(1e9, 0)
	env := filters.Env{Now: func() time.Time { return now }}
	tr, err := New(Config{MaxClients: 640}, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	x := &filters.Exchange{Client: netip.MustParseAddr("2001:db8::1"), Identity: filters.Anonymous}
	guess := func(n int) {
		x.Verdict = filters.Deny(filters.InvalidAPIKey, "")
		for range n {
			tr.Settle(x)
		}
	}
	left := func(want time.Duration) {
		t.Helper()
		if v := tr.Check(x); v.Retry != want || v.Denied() != (want > 0) {
			t.Fatalf("left %v, denied %v, want %v", v.Retry, v.Denied(), want)
		}
	}
	x.Verdict, x.Status = filters.Pass(), 200
	for range 10000 {
		tr.Settle(x)
	}
	left(0)
	guess(9)
	now = now.Add(150 * time.Second) // halves: 45
	guess(5)
	left(0)
	x.Dry = true
	guess(1)
	left(0)
	x.Dry = false
	guess(1)
	left(15 * time.Minute)
	x.Client = netip.MustParseAddr("2001:db8::2") // the same /64
	left(15 * time.Minute)
	if tr, err = New(Config{MaxClients: 640}, tr, env); err != nil { // a reload
		t.Fatal(err)
	}
	left(15 * time.Minute)
	now = now.Add(16 * time.Minute)
	left(0)
	guess(10)
	left(30 * time.Minute)
	banned := x.Client
	x.Verdict = filters.Deny(filters.InvalidRequest, "")
	for i := range 100000 {
		x.Client = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		tr.Settle(x)
	}
	n := 0
	for i := range tr.shards {
		n += len(tr.shards[i].scores)
	}
	if n == 0 || n > 640 {
		t.Fatalf("%d addresses are remembered, want 1 to 640", n)
	}
	x.Client = banned
	left(30 * time.Minute)
	if a := testing.AllocsPerRun(100, func() { tr.Check(x) }); a != 0 {
		t.Fatalf("%v allocations", a)
	}
	if !tr.Lift(banned) {
		t.Fatal("not lifted")
	}
	left(0)
}
