package auth

import (
	"context"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"blaze/filters"
)

// replica is a filter of its own on the Redis at addr, agreed with it once.
func replica(t testing.TB, addr string, prev *Filter, at *time.Time) *Filter {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1, DialTimeout: 100 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	e := env(t, nil, nil)
	e.Now = func() time.Time { return *at }
	e.Redis = &filters.Redis{Client: client, Prefix: "blaze"}
	cfg := testConfig()
	cfg.Sessions.Revoked = Revoked{Redis: true, MaxStale: time.Minute}
	f, err := New(cfg, prev, e)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func look(t testing.TB, fs ...*Filter) {
	t.Helper()
	for _, f := range fs {
		if err := f.replicas.look(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// realRedis starts a redis-server for the test. Where there is none the test is skipped; in CI there has to be one.
func realRedis(t testing.TB) (addr string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI needs a redis-server")
		}
		t.Skip("there is no redis-server here; miniredis stands for it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = l.Close()
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	for deadline := time.Now().Add(10 * time.Second); client.Ping(context.Background()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return addr
}

func TestReplicas(t *testing.T) {
	t.Run("miniredis", func(t *testing.T) { testReplicas(t, miniredis.RunT(t).Addr()) })
	t.Run("redis-server", func(t *testing.T) { testReplicas(t, realRedis(t)) })
}

func testReplicas(t *testing.T, addr string) {
	now := noon
	a, b := replica(t, addr, nil, &now), replica(t, addr, nil, &now)
	ask := func(f *Filter, want string) {
		t.Helper()
		if got := verdict(f, exchange("x-api-key: "+userKey)); got != want {
			t.Errorf("want %s; got %s", want, got)
		}
	}
	ask(a, "failed") // the list was never read
	look(t, a, b)
	ask(a, "pass ci-bot")
	// What one is told, all know after a look.
	if err := a.Revoke(context.Background(), Revocation{Kind: RevokeKey, ID: "ci", Reason: "lost"}); err != nil {
		t.Fatal(err)
	}
	ask(a, "invalid_api_key revoked")
	ask(b, "pass ci-bot")
	look(t, b)
	ask(b, "invalid_api_key revoked")
	// A restart remembers.
	c := replica(t, addr, nil, &now)
	look(t, c)
	ask(c, "invalid_api_key revoked")
	// Lifted anywhere, lifted everywhere.
	if was, err := b.Lift(context.Background(), RevokeKey, "ci"); err != nil || !was {
		t.Fatalf("lift: %v, %v", was, err)
	}
	look(t, a, c)
	ask(a, "pass ci-bot")
	ask(c, "pass ci-bot")
	// Redis loses its data: nobody comes back in.
	if err := a.Revoke(context.Background(), Revocation{Kind: RevokeKey, ID: "ci"}); err != nil {
		t.Fatal(err)
	}
	look(t, a, b)
	if err := a.replicas.redis.Client.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	look(t, b, a, c)
	for _, f := range []*Filter{a, b, c} {
		ask(f, "invalid_api_key revoked")
	}
	look(t, a, b, c)
	ask(a, "invalid_api_key revoked")
	// A one-time code is good once, on all of them together.
	if no := a.replicas.claim("ops", 7); no != nil {
		t.Errorf("the first: got %s", no.rule)
	}
	if no := b.replicas.claim("ops", 7); no != &wrongCode {
		t.Errorf("the second: got %v", no)
	}
	if no := b.replicas.claim("ops", 8); no != nil {
		t.Errorf("the next code: got %s", no.rule)
	}
}

func TestReplicasWithoutRedis(t *testing.T) {
	server := miniredis.RunT(t)
	addr, now := server.Addr(), noon
	a := replica(t, addr, nil, &now)
	look(t, a)
	server.Close()
	ctx := context.Background()
	// Revoked here at once all the same, and told later; the caller hears of it.
	if err := a.Revoke(ctx, Revocation{Kind: RevokeKey, ID: "ci"}); err != errLocal {
		t.Errorf("got %v", err)
	}
	if got := verdict(a, exchange("x-api-key: "+userKey)); got != "invalid_api_key revoked" {
		t.Errorf("got %s", got)
	}
	if _, err := a.Lift(ctx, RevokeKey, "ci"); err == nil {
		t.Error("lifted without Redis")
	}
	if no := a.replicas.claim("ops", 7); no != &noClaim {
		t.Errorf("a code without Redis: got %v", no)
	}
	if err := a.replicas.look(ctx); err == nil {
		t.Error("looked without Redis")
	}
	if c := a.Checks(); len(c) != 1 || c[0].Name != "revocations" || c[0].Status != "degraded" {
		t.Errorf("check: got %+v", c)
	}
	// The list is old, then too old; then the identity is known but not whether it still counts.
	now = noon.Add(59 * time.Second)
	if got := verdict(a, withToken(mint(t, "HS256", []byte(secret), nil))); got != "pass alice" {
		t.Errorf("an old list: got %s", got)
	}
	now = noon.Add(61 * time.Second)
	x := withToken(mint(t, "HS256", []byte(secret), nil))
	if got := verdict(a, x); got != "failed" || x.Identity.Subject != "alice" {
		t.Errorf("a list too old: got %s as %q", got, x.Identity.Subject)
	}
	if c := a.Checks(); c[0].Status != "down" {
		t.Errorf("check: got %+v", c)
	}
	// Nobody at all is let in as somebody when the list was never read; a policy's own tests do not depend on it.
	b := replica(t, addr, nil, &now)
	x = exchange("x-api-key: " + userKey)
	if got := verdict(b, x); got != "failed" || x.Identity != filters.Anonymous {
		t.Errorf("a list never read: got %s as %q", got, x.Identity.Subject)
	}
	x = exchange()
	x.Dry, x.Assume = true, "ci"
	if got := verdict(b, x); got != "pass ci-bot" {
		t.Errorf("dry: got %s", got)
	}
	// Redis comes back, empty: it is told, over a reload too.
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	again := replica(t, addr, a, &now)
	look(t, again, b)
	if got := verdict(b, exchange("x-api-key: "+userKey)); got != "invalid_api_key revoked" {
		t.Errorf("told later: got %s", got)
	}
}

func TestReplicasRun(t *testing.T) {
	server := miniredis.RunT(t)
	now := noon
	a := replica(t, server.Addr(), nil, &now)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	deadline := time.Now().Add(10 * time.Second)
	for !a.revoked.synced.is() && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	running.Wait()
	if got := verdict(a, exchange("x-api-key: "+userKey)); got != "pass ci-bot" {
		t.Errorf("after a run: got %s", got)
	}
}

func TestReplicasNeedRedis(t *testing.T) {
	cfg := testConfig()
	cfg.Sessions.Revoked.Redis = true
	if _, err := New(cfg, nil, env(t, nil, nil)); err == nil {
		t.Error("shared through no Redis")
	}
}

// TestReplicasEmptyBox: nothing is assumed about a Redis whose client is not there.
func TestReplicasEmptyBox(t *testing.T) {
	cfg := testConfig()
	cfg.Sessions.Revoked.Redis = true
	e := env(t, nil, nil)
	e.Redis = &filters.Redis{}
	f := build(t, cfg, e)
	if err := f.replicas.look(t.Context()); err != errNoRedis {
		t.Errorf("look: got %v", err)
	}
	if err := f.Revoke(t.Context(), Revocation{Kind: RevokeKey, ID: "ci"}); err != errLocal {
		t.Errorf("revoke: got %v", err)
	}
	if _, err := f.Lift(t.Context(), RevokeKey, "ci"); err == nil {
		t.Error("lifted")
	}
	if no := f.replicas.claim("ci", 1); no != &noClaim {
		t.Errorf("claim: got %v", no)
	}
}

func TestReplicasTrustNothingOdd(t *testing.T) {
	server := miniredis.RunT(t)
	now := noon
	a := replica(t, server.Addr(), nil, &now)
	f := func(name, value string) {
		t.Helper()
		server.FlushAll()
		server.HSet(a.replicas.entries(), name, value)
		if err := a.replicas.look(context.Background()); err == nil {
			t.Errorf("%s = %s: taken", name, value)
		}
	}
	f("key:ci", "garbage")
	f("key:ci", `{}`)
	f("key:ci", `{"kind":"key","id":"other"}`)
	f("key:ci", `{"kind":"user","id":"ci"}`)
}
