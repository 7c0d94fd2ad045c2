package auth

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"blaze/filters"
)

func TestConcurrent(t *testing.T) {
	cfg := testConfig()
	cfg.Sessions.MaxConcurrent = 2
	filter := build(t, cfg, env(t, nil, nil))
	alice, bob := mint(t, "HS256", []byte(secret), nil), mint(t, "HS256", []byte(secret), map[string]any{"sub": "bob"})
	take := func(token, want string) *filters.Exchange {
		t.Helper()
		x := withToken(token)
		if got := verdict(filter, x); got != want {
			t.Fatalf("want %s; got %s", want, got)
		}
		return x
	}
	const full = "too_many_sessions sessions.max_concurrent"
	first, second := take(alice, "pass alice"), take(alice, "pass alice")
	refused := take(alice, full)
	take(bob, "pass bob") // everybody for themselves
	filter.Settle(refused)
	take(alice, full) // what was refused took nothing
	filter.Settle(first)
	filter.Settle(first) // once only
	third := take(alice, "pass alice")
	take(alice, full)
	// A reload forgets nobody, and a dry run takes nothing.
	again, err := New(cfg, filter, env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := verdict(again, withToken(alice)); got != full {
		t.Errorf("after a reload: got %s", got)
	}
	dry := withToken(alice)
	dry.Dry = true
	if got := verdict(filter, dry); got != "pass alice" || dry.Session {
		t.Errorf("dry: got %s, session %v", got, dry.Session)
	}
	filter.Settle(second)
	filter.Settle(third)
	if n := filter.sessions.running.subjects(); n != 1 { // bob
		t.Errorf("want one subject; got %d", n)
	}
}

func TestConcurrentShadow(t *testing.T) {
	cfg := testConfig()
	cfg.Sessions = Sessions{MaxConcurrent: 1, Rollout: filters.Rollout{Mode: filters.Shadow}}
	filter := build(t, cfg, env(t, nil, nil))
	var xs []*filters.Exchange
	for range 3 {
		x := exchange("x-api-key: " + userKey)
		if got := verdict(filter, x); got != "pass ci-bot" {
			t.Fatalf("shadow: got %s", got)
		}
		xs = append(xs, x)
	}
	if n := len(xs[2].Shadows); n != 1 {
		t.Errorf("want one note; got %d", n)
	}
	for _, x := range xs {
		filter.Settle(x)
	}
	if n := filter.sessions.running.subjects(); n != 0 {
		t.Errorf("want none under way; got %d", n)
	}
}

// TestRunningIsExact holds the counts against a map while exchanges begin and end in any order.
func TestRunningIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, model := newRunning(), map[string]int{}
		var open []*filters.Identity
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(t, "end") {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				r.end(open[i])
				model[open[i].Subject]--
				open = append(open[:i], open[i+1:]...)
				continue
			}
			id := &filters.Identity{Subject: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "subject")}
			if ok := r.begin(id, 3); ok != (model[id.Subject] < 3) {
				t.Fatalf("%s has %d: begin says %v", id.Subject, model[id.Subject], ok)
			} else if ok {
				model[id.Subject]++
				open = append(open, id)
			}
		}
		for _, id := range open {
			r.end(id)
		}
		if r.subjects() != 0 {
			t.Fatalf("%d subjects are left", r.subjects())
		}
	})
}

func TestRunningUnderLoad(t *testing.T) {
	r, id := newRunning(), &filters.Identity{Subject: "a"}
	var all sync.WaitGroup
	var mu sync.Mutex
	now, most := 0, 0
	for range 64 {
		all.Go(func() {
			for range 200 {
				if !r.begin(id, 8) {
					continue
				}
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				mu.Lock()
				now--
				mu.Unlock()
				r.end(id)
			}
		})
	}
	all.Wait()
	if most > 8 || r.subjects() != 0 {
		t.Errorf("%d at once, %d left", most, r.subjects())
	}
}

func TestMaxAgeOfSession(t *testing.T) {
	cfg := testConfig()
	cfg.Sessions.MaxAge = 12 * time.Hour
	filter := build(t, cfg, env(t, nil, nil))
	f := func(claims map[string]any, want string) {
		t.Helper()
		if got := verdict(filter, withToken(mint(t, "HS256", []byte(secret), claims))); got != want {
			t.Errorf("%v: want %s; got %s", claims, want, got)
		}
	}
	old := noon.Add(-13 * time.Hour).Unix()
	f(nil, "pass alice")
	f(map[string]any{"iat": old}, "token_expired sessions.max_age")
	f(map[string]any{"auth_time": old}, "token_expired sessions.max_age") // a fresh token of an old session
	f(map[string]any{"iat": old, "auth_time": noon.Unix() - 60}, "pass alice")
	f(map[string]any{"iat": nil}, "token_expired sessions.max_age")
	if got := verdict(filter, exchange("x-api-key: "+userKey)); got != "pass ci-bot" {
		t.Errorf("a key is no session: got %s", got)
	}
}

func TestRevoke(t *testing.T) {
	filter := build(t, testConfig(), env(t, nil, nil))
	tok := mint(t, "HS256", []byte(secret), map[string]any{"jti": "t1"})
	fresh := mint(t, "HS256", []byte(secret), map[string]any{"jti": "t2", "iat": noon.Unix() + 1})
	f := func(x *filters.Exchange, want string) {
		t.Helper()
		if got := verdict(filter, x); got != want {
			t.Errorf("want %s; got %s", want, got)
		}
	}
	revoke := func(r Revocation) {
		t.Helper()
		if err := filter.Revoke(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	lift := func(kind Kind, id string) {
		t.Helper()
		if was, err := filter.Lift(context.Background(), kind, id); err != nil || !was {
			t.Fatalf("lift %s: %v, %v", id, was, err)
		}
	}
	key := func() *filters.Exchange { return exchange("x-api-key: " + userKey) }
	f(withToken(tok), "pass alice") // remembered as good from here on
	f(withToken(fresh), "pass alice")
	revoke(Revocation{Kind: RevokeToken, ID: "t1"})
	f(withToken(tok), "invalid_token revoked")
	f(withToken(fresh), "pass alice")
	lift(RevokeToken, "t1")
	f(withToken(tok), "pass alice")
	revoke(Revocation{Kind: RevokeSubject, ID: "alice"})
	f(withToken(tok), "invalid_token revoked")
	f(withToken(fresh), "pass alice") // signed in again since
	f(withToken(mint(t, "HS256", []byte(secret), map[string]any{"iat": nil})), "invalid_token revoked")
	f(key(), "pass ci-bot")
	revoke(Revocation{Kind: RevokeSubject, ID: "ci-bot"})
	f(key(), "invalid_api_key revoked")
	lift(RevokeSubject, "ci-bot")
	revoke(Revocation{Kind: RevokeKey, ID: "ci"})
	f(key(), "invalid_api_key revoked")
	revoke(Revocation{Kind: RevokeKey, ID: "ci", Until: noon})
	f(key(), "pass ci-bot") // over
	// A reload forgets nothing.
	again, err := New(testConfig(), filter, env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := verdict(again, withToken(tok)); got != "invalid_token revoked" {
		t.Errorf("after a reload: got %s", got)
	}
	if n := len(filter.Revocations()); n != 1 {
		t.Errorf("want one in force; got %d", n)
	}
}

func TestRevokeRefuses(t *testing.T) {
	filter := build(t, testConfig(), env(t, nil, nil))
	for _, r := range []Revocation{{}, {Kind: "user", ID: "a"}, {Kind: RevokeKey}, {Kind: RevokeKey, ID: "a\nb"}, {Kind: RevokeKey, ID: strings.Repeat("a", 257)}} {
		if err := filter.Revoke(context.Background(), r); err != ErrRevocation {
			t.Errorf("%+v: got %v", r, err)
		}
	}
	if was, _ := filter.Lift(context.Background(), RevokeKey, "nobody"); was {
		t.Error("lifted what was not there")
	}
	full := map[named]Revocation{}
	for i := range maxRevocations {
		full[named{RevokeKey, strings.Repeat("x", 1+i%9) + string(rune(0x4e00+i%20000)) + string(rune('a'+i/20000))}] = Revocation{Kind: RevokeKey}
	}
	filter.revoked.current.Store(&full)
	if len(full) == maxRevocations {
		if err := filter.Revoke(context.Background(), Revocation{Kind: RevokeKey, ID: "one-more"}); err != ErrFull {
			t.Errorf("a full list: got %v", err)
		}
	} else {
		t.Fatalf("only %d entries", len(full))
	}
}
