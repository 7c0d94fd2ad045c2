package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// moody answers health checks with whatever status is set, and everything else with 200.
func moody(status *atomic.Value) func(b *backend, c net.Conn) {
	return func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			req := b.request(r)
			if req == "" {
				return
			}
			a := okAnswer
			if strings.HasPrefix(req, "GET /health ") {
				a = answer(status.Load().(string))
			}
			if _, err := io.WriteString(c, a); err != nil {
				return
			}
		}
	}
}

func healthy() *Health {
	return &Health{Path: "/health", Every: 5 * time.Second, UnhealthyAfter: 3, HealthyAfter: 2}
}

// Checks take a target out after so many failures in a row, bring it back after so many successes, and say so.
func TestActiveHealth(t *testing.T) {
	var status atomic.Value
	status.Store("200 OK")
	b := serve(t, moody(&status))
	cfg := config(b.url())
	cfg.Health = healthy()
	p := makePool(t, cfg)
	check := func(n int) {
		for range n {
			p.checkOne(t.Context(), p.targets()[0])
		}
	}
	serves := func(want bool) {
		t.Helper()
		if res := ask(p, post("{}")); errors.Is(res.err, ErrUnavailable) == want {
			t.Errorf("got %+v, want served: %v", res, want)
		}
	}
	check(5)
	serves(true)
	status.Store("503 Loading")
	check(2)
	serves(true)
	status.Store("200 OK")
	check(1)
	status.Store("503 Loading")
	check(2)
	serves(true) // never three in a row
	check(1)
	serves(false)
	if c := p.check(); c.Status != "down" || c.Detail.([]targetDetail)[0].LastFailure != "health check answered 503" {
		t.Errorf("check %+v", c)
	}
	status.Store("200 OK")
	check(1)
	serves(false)
	check(1)
	serves(true)
	if c := p.check(); c.Status != "ok" {
		t.Errorf("check %+v", c)
	}
}

// Requests that find no connection take a target out too, but never the last one.
func TestPassiveHealth(t *testing.T) {
	b := serve(t, answers(okAnswer))
	cfg := config(deadURL(t), b.url(), deadURL(t))
	cfg.Health, cfg.Breaker.FailureRate = healthy(), 0
	p := makePool(t, cfg)
	for range 100 {
		if res := ask(p, post("{}")); res.err != nil {
			t.Fatal(res.err)
		}
	}
	for i, down := range []bool{true, false, true} {
		if got := p.targets()[i].health.down.Load(); got != down {
			t.Errorf("target %d: down %v", i, got)
		}
	}
	cfg = config(deadURL(t))
	cfg.Health, cfg.Breaker.FailureRate = healthy(), 0
	p = makePool(t, cfg)
	for range 20 {
		if res := ask(p, post("{}")); !errors.Is(res.err, ErrConnect) {
			t.Fatalf("the last target was taken out: %+v", res)
		}
	}
}

// A target that comes back gets its share little by little, and all there is when it is alone.
func TestSlowStart(t *testing.T) {
	cfg := config("http://127.0.0.1:1", "http://127.0.0.1:2")
	cfg.Health, cfg.Balance = healthy(), RoundRobin
	cfg.Health.SlowStart = time.Hour
	p := makePool(t, cfg)
	share := func(age time.Duration) (n int) {
		p.targets()[0].health.since.Store(time.Now().Add(-age).UnixNano())
		for range 1000 {
			l := mustLease(t, p, Want{})
			if l.target == p.targets()[0] {
				n++
			}
			l.Release(Neutral)
		}
		return n
	}
	if n := share(time.Minute); n < 15 || n > 100 {
		t.Errorf("%d of 1000 at the beginning, want about 50", n)
	}
	if n := share(30 * time.Minute); n < 180 || n > 320 {
		t.Errorf("%d of 1000 half way, want about 250", n)
	}
	if n := share(2 * time.Hour); n != 500 {
		t.Errorf("%d of 1000 at the end", n)
	}
	p.targets()[1].health.down.Store(true)
	if n := share(time.Minute); n != 1000 {
		t.Errorf("%d of 1000 when it is alone", n)
	}
}

// Run checks on its own, keeps one connection for it, and ends with its context.
func TestRunChecks(t *testing.T) {
	var status atomic.Value
	status.Store("500 Oops")
	b := serve(t, moody(&status))
	cfg := config(b.url())
	cfg.Health = healthy()
	cfg.Health.Every = 100 * time.Millisecond
	ps := makePools(t, map[string]Config{"model": cfg})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		ps.Run(ctx)
		close(ended)
	}()
	down := func(want bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ps.Pool("model").targets()[0].health.down.Load() != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("target not down=%v after 20 s", want)
			}
		}
	}
	down(true)
	status.Store("200 Fine")
	down(false)
	stop()
	<-ended
	if b.conns.Load() != 1 {
		t.Errorf("%d connections for the checks", b.conns.Load())
	}
}

func TestHealthProblems(t *testing.T) {
	cfg := config("http://127.0.0.1:1")
	cfg.Health = &Health{Path: "health x", Every: time.Millisecond, SlowStart: -1}
	_, err := New(map[string]Config{"model": cfg}, nil, testEnv(nil))
	for _, want := range []string{"health.path", "health.every", "health.unhealthy_after", "health.healthy_after", "health.slow_start"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no problem at %s in %v", want, err)
		}
	}
}
