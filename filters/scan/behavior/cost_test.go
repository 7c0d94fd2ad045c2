package behavior

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"blaze/filters"
	"blaze/filters/filterstest"
)

func exp2(x float64) float64 { return math.Exp2(x) }

// clean is an exchange of a user who is served.
func clean(t testing.TB) *filters.Exchange {
	x := as(from(t, "192.0.2.1"), "ada", "https://id.example")
	x.Status, x.BytesIn, x.Verdict = 200, 700, filters.Pass()
	return x
}

// round is what the rule does in one exchange.
func round(tr *Tracker, x *filters.Exchange) {
	tr.Check(x)
	tr.Identified(x)
	tr.Ended(x)
}

// crowd bans so many others, networks and identities among them.
func crowd(t testing.TB, tr *Tracker, n int) {
	for i := range n {
		target := Target{Net: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), 32)}
		switch i % 100 {
		case 0:
			target = Target{Subject: fmt.Sprint("mallory", i), Issuer: "https://id.example"}
		case 1:
			target.Net = netip.PrefixFrom(netip.AddrFrom4([4]byte{203, byte(i >> 8), byte(i), 0}), 24)
		}
		if _, err := tr.Place(target, time.Hour, ""); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	tr, err := New(Config{}, nil, filterstest.Env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, x *filters.Exchange) {
		t.Helper()
		round(tr, x)
		if n := testing.AllocsPerRun(1000, func() { round(tr, x) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	f("clean, nobody is banned", clean(t))
	crowd(t, tr, 1000)
	f("clean, many are banned", clean(t))
	x := filterstest.New(t, "GET /nowhere\nAuthorization: Bearer wrong")
	x.Credentials.Authorization, x.Verdict = true, filters.Deny(filters.UnknownRoute, "")
	f("refused", x)
	x.Endpoint = clean(t).Endpoint
	x.Verdict = filters.Deny(filters.InvalidAPIKey, "")
	f("a wrong key", x)
	x.Client = netip.MustParseAddr("172.16.0.2")
	x.Verdict = filters.Deny(addressBanned, Rule)
	f("banned", x)
}

// BenchmarkClean is what the rule costs an exchange of a user who is served.
func BenchmarkClean(b *testing.B) {
	for _, banned := range []int{0, 10000} {
		b.Run(fmt.Sprintf("banned=%d", banned), func(b *testing.B) {
			tr, err := New(Config{}, nil, filterstest.Env(b, nil, nil))
			if err != nil {
				b.Fatal(err)
			}
			crowd(b, tr, banned)
			x := clean(b)
			b.ReportAllocs()
			for b.Loop() {
				round(tr, x)
			}
		})
	}
}

// BenchmarkRefused is what it costs an exchange that counts.
func BenchmarkRefused(b *testing.B) {
	tr, err := New(Config{}, nil, filterstest.Env(b, nil, nil))
	if err != nil {
		b.Fatal(err)
	}
	x := from(b, "192.0.2.1")
	x.Verdict = filters.Deny(filters.MissingCredentials, "")
	b.ReportAllocs()
	for b.Loop() {
		round(tr, x)
	}
}
