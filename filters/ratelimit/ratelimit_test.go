package ratelimit

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"blaze/filters"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestEachAlgorithmAdmitsItsLimit(t *testing.T) {
	f := func(l Limit, first, later int) {
		t.Helper()
		w := newTester(t)
		l.Name, l.By, l.Per = "x", by("user"), 10*time.Second
		filter := w.filter(nil, l)
		if got := w.admitted(filter, 50, caller{subject: "ann"}); got != first {
			t.Errorf("%v: %d at once; want %d", l.Algorithm, got, first)
		}
		if got := w.admitted(filter, 50, caller{subject: "bob"}); got != first {
			t.Errorf("%v: %d of somebody else; want %d", l.Algorithm, got, first)
		}
		w.now = w.now.Add(5 * time.Second)
		if got := w.admitted(filter, 50, caller{subject: "ann"}); got != later {
			t.Errorf("%v: %d half a window later; want %d", l.Algorithm, got, later)
		}
		w.now = w.now.Add(time.Minute)
		if got := w.admitted(filter, 50, caller{subject: "ann"}); got != first {
			t.Errorf("%v: %d after a rest; want %d", l.Algorithm, got, first)
		}
	}
	f(Limit{Algorithm: TokenBucket, Limit: 20}, 20, 10)
	f(Limit{Algorithm: TokenBucket, Limit: 20, Burst: count(5)}, 5, 5)
	f(Limit{Algorithm: LeakyBucket, Limit: 20, Burst: count(7)}, 7, 7)
	f(Limit{Algorithm: FixedWindow, Limit: 20}, 20, 0)
	f(Limit{Algorithm: SlidingWindow, Limit: 20}, 20, 0)
	f(Limit{Algorithm: Adaptive, Limit: 20, Min: 5, Max: 30, Target: &Target{Latency: time.Second}}, 20, 10)
}

// TestWhoSharesAnAccount: two callers share an account, or not.
func TestWhoSharesAnAccount(t *testing.T) {
	a := caller{subject: "ann", tenant: "acme", tier: "gold", addr: "192.0.2.1"}
	f := func(context string, b caller, shared bool) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by(context), Limit: 1})
		w.admitted(filter, 1, a)
		if got := w.admitted(filter, 1, b) == 0; got != shared {
			t.Errorf("by %s, %+v: shared is %v; want %v", context, b, got, shared)
		}
	}
	f("global", caller{subject: "bob", addr: "198.51.100.7"}, true)
	f("user", caller{subject: "ann", addr: "198.51.100.7"}, true)
	f("user", caller{subject: "bob", addr: "192.0.2.1"}, false)
	f("user", caller{addr: "192.0.2.1"}, false)
	f("ip", caller{subject: "bob", addr: "192.0.2.1"}, true)
	f("ip", caller{subject: "bob", addr: "::ffff:192.0.2.1"}, true)
	f("ip", caller{subject: "ann", addr: "192.0.2.2"}, false)
	f("endpoint", caller{subject: "bob", path: "GET /v1/models"}, true)
	f("endpoint", caller{subject: "ann", path: "POST /v1/chat/completions"}, false)
	f("tenant", caller{subject: "bob", tenant: "acme"}, true)
	f("tenant", caller{subject: "ann", tenant: "other"}, false)
	f("tenant", caller{subject: "acme"}, false) // a subject cannot pose as a tenant
	f("tier", caller{subject: "bob", tier: "gold"}, true)
	f("tier", caller{subject: "ann", tier: "free"}, false)
	f("header:x-team", caller{subject: "ann"}, true) // no header: by user
	f("claim:team", caller{subject: "bob"}, false)   // no claim: by user
}

func TestStrangersCountByNetwork(t *testing.T) {
	f := func(a, b string, shared bool) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1})
		w.admitted(filter, 1, caller{addr: a})
		if got := w.admitted(filter, 1, caller{addr: b}) == 0; got != shared {
			t.Errorf("%s and %s: shared is %v; want %v", a, b, got, shared)
		}
	}
	f("192.0.2.1", "192.0.2.1", true)
	f("192.0.2.1", "192.0.2.2", false)
	f("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)
	f("2001:db8:0:1::1", "2001:db8:0:2::1", false)
}

func TestHeadersAndClaimsNameAccounts(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "h", By: by("header:X-Team"), Limit: 1}, Limit{Name: "c", By: by("claim:org.id"), Limit: 2})
	f := func(team string, claims map[string]any, want string) {
		t.Helper()
		x := w.exchange(caller{subject: "ann"})
		x.Request.Set("X-Team", team)
		x.Identity.Claims = claims
		if v := filter.Request(x); v.Rule != want {
			t.Errorf("%s %v: refused by %q; want %q", team, claims, v.Rule, want)
		}
	}
	f("red", map[string]any{"org": map[string]any{"id": "a"}}, "")
	f("red", map[string]any{"org": map[string]any{"id": "b"}}, "h")
	f("blue", map[string]any{"org.id": "a"}, "")
	f("green", map[string]any{"org": map[string]any{"id": "a"}}, "c")
	f("green", map[string]any{"org": map[string]any{"id": 7.0}}, "")
}

func TestARefusedRequestTakesNothing(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil,
		Limit{Name: "all", By: by("global"), Limit: 100},
		Limit{Name: "ip", By: by("ip"), Limit: 50, Algorithm: SlidingWindow},
		Limit{Name: "user", By: by("user"), Limit: 3, Algorithm: FixedWindow})
	if got := w.admitted(filter, 40, caller{subject: "ann"}); got != 3 {
		t.Errorf("%d admitted; want 3", got)
	}
	v, x := w.ask(filter, caller{subject: "ann"})
	if v.Rule != "user" || v.Denial.Code != "rate_limit_exceeded" || v.Denial.Status != 429 {
		t.Errorf("refused by %q with %v", v.Rule, v.Denial)
	}
	if x.Limits.Requests.Name != "user" || x.Limits.Requests.Remaining != 0 || x.Limits.Requests.Limit != 3 {
		t.Errorf("headers of a refusal: %+v", x.Limits.Requests)
	}
	for _, l := range filter.limits {
		if used := l.ledger.usedByAll(filter.clock.micros()); used != 3 {
			t.Errorf("limit %s counts %d; want 3", l.name, used)
		}
	}
}

func TestRetryIsWhenItWorks(t *testing.T) {
	f := func(l Limit) {
		t.Helper()
		w := newTester(t)
		w.now = w.now.Add(1234567 * time.Microsecond)
		l.Name, l.By = "x", by("user")
		filter := w.filter(nil, l)
		var v filters.Verdict
		for v.Passed() || v.Retry == 0 {
			v, _ = w.ask(filter, caller{subject: "ann"})
		}
		w.now = w.now.Add(v.Retry - time.Microsecond)
		if v, _ := w.ask(filter, caller{subject: "ann"}); v.Passed() {
			t.Errorf("%v passes before %v", l.Algorithm, v.Retry)
		}
		w.now = w.now.Add(time.Microsecond)
		if v, _ := w.ask(filter, caller{subject: "ann"}); !v.Passed() {
			t.Errorf("%v does not pass after %v", l.Algorithm, v.Retry)
		}
	}
	f(Limit{Algorithm: TokenBucket, Limit: 7})
	f(Limit{Algorithm: FixedWindow, Limit: 7})
	f(Limit{Algorithm: SlidingWindow, Limit: 7})
	f(Limit{Algorithm: LeakyBucket, Limit: 7, Burst: count(2)})
}

// TestExactUnderConcurrency: 64 goroutines at one account get exactly what is in it.
func TestExactUnderConcurrency(t *testing.T) {
	for _, kind := range []Algorithm{TokenBucket, FixedWindow, SlidingWindow} {
		w := newTester(t)
		filter := w.filter(nil,
			Limit{Name: "all", By: by("global"), Limit: 1000, Algorithm: kind},
			Limit{Name: "user", By: by("user"), Limit: 700, Algorithm: kind})
		var admitted [2]atomic.Int64
		var wg sync.WaitGroup
		for g := range 64 {
			user := g % 2
			wg.Go(func() {
				for range 50 {
					x := w.exchange(caller{subject: [...]string{"ann", "bob"}[user]})
					if filter.Request(x).Passed() {
						admitted[user].Add(1)
					}
				}
			})
		}
		wg.Wait()
		if a, b := admitted[0].Load(), admitted[1].Load(); a+b != 1000 || a > 700 || b > 700 {
			t.Errorf("%v: %d and %d admitted; want 1000 together, at most 700 each", kind, a, b)
		}
	}
}

func TestAReloadKeepsWhatWasUsed(t *testing.T) {
	f := func(before, after Limit, want int) {
		t.Helper()
		w := newTester(t)
		before.Name, after.Name = "x", "x"
		before.By = by("user")
		if after.By.kind == byNothing {
			after.By = by("user")
		}
		old := w.filter(nil, before)
		w.admitted(old, 5, caller{subject: "ann"})
		renewed := w.filter(old, after)
		if got := w.admitted(renewed, 100, caller{subject: "ann"}); got != want {
			t.Errorf("%d more after the reload; want %d", got, want)
		}
	}
	ten := Limit{Limit: 10}
	f(ten, ten, 5)
	f(ten, Limit{Limit: 20}, 10)                                       // half is half
	f(ten, Limit{Limit: 10, Per: time.Hour}, 5)                        // another time, the same share
	f(ten, Limit{Limit: 10, Algorithm: FixedWindow}, 5)                // another algorithm
	f(Limit{Limit: 10, Algorithm: SlidingWindow}, Limit{Limit: 4}, 2)  //
	f(ten, Limit{Limit: 10, Then: Delay, MaxWait: time.Nanosecond}, 5) // another action
	f(ten, Limit{Limit: 10, By: by("ip")}, 10)                         // somebody else's account
}

func TestOldExchangesSettleInTheNewLedger(t *testing.T) {
	w := newTester(t)
	old := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 10})
	x := w.exchange(caller{subject: "ann"})
	old.Request(x)
	renewed := w.filter(old, Limit{Name: "x", By: by("user"), Limit: 20})
	if got := w.admitted(renewed, 1, caller{subject: "ann"}); got != 1 {
		t.Fatal("refused")
	}
	if got := w.admitted(old, 100, caller{subject: "ann"}); got != 17 {
		t.Errorf("the old filter admits %d; want the 17 that the new ledger has", got)
	}
	x.DeniedBy = "ratelimit"
	old.Settle(x)
	if got := w.admitted(renewed, 100, caller{subject: "ann"}); got != 1 {
		t.Errorf("%d after the old exchange gave back; want 1", got)
	}
}

// TestAReloadLocksInNoCircle: a request of the filter before holds the account that one of the new filter must take over, and
// wants one that both share. Both are asked again and again; a circle would stop them for good.
func TestAReloadLocksInNoCircle(t *testing.T) {
	w := newTester(t)
	changed, kept := Limit{Name: "x", By: by("user"), Limit: 10}, Limit{Name: "y", By: by("user"), Limit: 10}
	old := w.filter(nil, changed, kept)
	var before, after decision
	x := w.exchange(caller{subject: "ann"})
	before.collect(x, old.head, false)
	changed.Limit = 20
	f := w.filter(old, changed, kept)
	f.begin()
	after.collect(x, f.head, false)
	if old.limits[0].ledger == f.limits[0].ledger || old.limits[1].ledger != f.limits[1].ledger {
		t.Fatal("want one ledger changed and one shared")
	}
	done := make(chan struct{}, 2)
	for _, d := range []*decision{&before, &after} {
		go func() {
			for range 50_000 {
				take(d.asks, w.now.UnixMicro(), true)
			}
			done <- struct{}{}
		}()
	}
	for range 2 {
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatal("they wait for each other")
		}
	}
}

func TestShadowAndDryTakeNothingAndRefuseNobody(t *testing.T) {
	w := newTester(t)
	shadow := Limit{Name: "x", By: by("user"), Limit: 2}
	shadow.Mode = filters.Shadow
	filter := w.filter(nil, shadow)
	if got := w.admitted(filter, 5, caller{subject: "ann"}); got != 5 {
		t.Errorf("%d pass a limit in shadow; want 5", got)
	}
	_, x := w.ask(filter, caller{subject: "ann"})
	if len(x.Shadows) != 1 || x.Shadows[0].Rule != "x" || x.Limits.Requests.Limit != 0 {
		t.Errorf("shadow notes %+v, headers %+v", x.Shadows, x.Limits)
	}
	filter = w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1})
	for range 3 {
		x := w.exchange(caller{subject: "ann"})
		x.Dry = true
		if !filter.Request(x).Passed() || len(x.Taken) != 0 {
			t.Error("a dry run takes")
		}
	}
	w.admitted(filter, 1, caller{subject: "ann"})
	x = w.exchange(caller{subject: "ann"})
	x.Dry = true
	if filter.Request(x).Passed() {
		t.Error("a dry run passes where there is nothing left")
	}
}

func TestForNarrows(t *testing.T) {
	f := func(s Scope, c caller, counted bool) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("global"), Limit: 1, For: s})
		if got := w.admitted(filter, 2, c) == 1; got != counted {
			t.Errorf("%+v counts %+v: %v; want %v", s, c, got, counted)
		}
	}
	chat := caller{path: "POST /v1/chat/completions", body: `{"model":"llama-3","messages":[]}`}
	f(Scope{Tiers: []string{"free"}}, caller{tier: "free"}, true)
	f(Scope{Tiers: []string{"free"}}, caller{tier: "gold"}, false)
	f(Scope{Tenants: []string{"a*"}}, caller{tenant: "acme"}, true)
	f(Scope{Tenants: []string{"a*"}}, caller{}, false)
	f(Scope{Routes: []string{"utility"}}, caller{}, true)
	f(Scope{Routes: []string{"inference"}}, caller{}, false)
	f(Scope{Routes: []string{"chat.*"}}, chat, true)
	f(Scope{Models: []string{"llama-*"}}, chat, true)
	f(Scope{Models: []string{"gpt-*"}}, chat, false)
	f(Scope{Roles: []string{"user"}}, chat, false)
	f(Scope{}, chat, true)
}

// TestCallersOfAUnixSocketShareAnAccount: they have no address.
func TestCallersOfAUnixSocketShareAnAccount(t *testing.T) {
	w := newTester(t)
	f := w.filter(nil, Limit{Name: "x", By: by("ip"), Limit: 1})
	for i, want := range []bool{true, false} {
		x := w.exchange(caller{})
		x.Client = netip.Addr{}
		if got := f.Request(x).Passed(); got != want {
			t.Errorf("request %d: %v; want %v", i, got, want)
		}
	}
}

// TestRunLooksAfterTheTables: without a request, accounts that are whole again are dropped, and Run ends with its context.
func TestRunLooksAfterTheTables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTester(t)
		w.env.Now = time.Now
		old := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 10}, Limit{Name: "y", By: by("user"), Limit: 10})
		w.now = time.Now()
		w.admitted(old, 5, caller{subject: "ann"})
		f := w.filter(old, Limit{Name: "x", By: by("user"), Limit: 20})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			f.Run(ctx)
		}()
		w.admitted(f, 1, caller{subject: "ann"})
		if n := f.limits[0].ledger.table.size(); n != 1 {
			t.Errorf("%d accounts; want 1", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := f.limits[0].ledger.table.size(); n != 0 {
			t.Errorf("%d accounts are left when all are whole; want none", n)
		}
		if f.limits[0].ledger.from.Load() != nil {
			t.Error("the ledger before is still kept")
		}
		cancel()
		<-done
	})
}
