package upstream

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var figures = Breaker{FailureRate: 0.5, Over: 30 * time.Second, MinRequests: 4, OpenFor: 10 * time.Second, Probes: 2}

func openBreaker(t *testing.T) *breaker {
	t.Helper()
	b := newBreaker(figures, "model", "test", "test", testEnv(nil))
	for range 4 {
		b.record(mustAcquire(t, b), Failure, "test")
	}
	if s := b.state(); s != "open" {
		t.Fatalf("state %s after 4 failures", s)
	}
	return b
}

func mustAcquire(t *testing.T, b *breaker) permit {
	t.Helper()
	p, _, ok := b.tryAcquire()
	if !ok {
		t.Fatalf("no permit in state %s", b.state())
	}
	return p
}

func refused(t *testing.T, b *breaker) time.Duration {
	t.Helper()
	_, wait, ok := b.tryAcquire()
	if ok {
		t.Fatalf("a permit in state %s", b.state())
	}
	return wait
}

func TestBreakerOpensByRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(figures, "model", "test", "test", testEnv(nil))
		for _, o := range []Outcome{Failure, Failure, Failure} { // fewer than min_requests
			b.record(mustAcquire(t, b), o, "test")
		}
		time.Sleep(31 * time.Second) // the window has passed
		for _, o := range []Outcome{Success, Success, Success, Failure, Neutral, Neutral, Failure} {
			b.record(mustAcquire(t, b), o, "test") // 2 of 5 so far: neutral ends do not count
		}
		if s := b.state(); s != "closed" {
			t.Fatalf("state %s", s)
		}
		b.record(mustAcquire(t, b), Failure, "the last")
		if s := b.state(); s != "open" || b.lastCause() != "the last" {
			t.Fatalf("state %s, cause %q", s, b.lastCause())
		}
		if wait := refused(t, b); wait != 10*time.Second {
			t.Errorf("wait %v", wait)
		}
	})
}

func TestBreakerProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBreaker(t)
		time.Sleep(10 * time.Second)
		if s := b.state(); s != "probe_due" {
			t.Errorf("state %s", s)
		}
		one, two := mustAcquire(t, b), mustAcquire(t, b)
		refused(t, b)
		b.record(one, Success, "")
		three := mustAcquire(t, b) // one place is free again
		refused(t, b)
		b.record(two, Success, "")
		if s := b.state(); s != "closed" {
			t.Fatalf("state %s after two good probes", s)
		}
		b.record(three, Failure, "stale") // began half-open: nothing about the closed state
		if n := b.cb.Metrics().Failures(); n != 0 {
			t.Errorf("%d failures counted", n)
		}
	})
}

// A long request that began while the breaker was closed says nothing about the half-open state it ends in.
func TestBreakerIgnoresOldResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(figures, "model", "test", "test", testEnv(nil))
		var old []permit
		for range 20 {
			old = append(old, mustAcquire(t, b))
		}
		for _, p := range old[:4] {
			b.record(p, Failure, "test")
		}
		time.Sleep(10 * time.Second)
		probe := mustAcquire(t, b)
		for i, p := range old[4:] {
			o := Success
			if i%2 == 0 {
				o = Failure
			}
			b.record(p, o, "old")
		}
		if s := b.state(); s != "half_open" {
			t.Fatalf("state %s: old results were counted", s)
		}
		b.record(probe, Failure, "test")
		if s := b.state(); s != "open" {
			t.Errorf("state %s", s)
		}
	})
}

func TestBreakerBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBreaker(t)
		for _, want := range []time.Duration{10, 20, 40, 80, 160, 160} {
			if wait := refused(t, b); wait != want*time.Second {
				t.Fatalf("wait %v, want %v", wait, want*time.Second)
			}
			time.Sleep(want * time.Second)
			b.record(mustAcquire(t, b), Failure, "probe")
		}
		time.Sleep(160 * time.Second)
		for range 2 {
			b.record(mustAcquire(t, b), Success, "")
		}
		for range 4 {
			b.record(mustAcquire(t, b), Failure, "again")
		}
		if wait := refused(t, b); wait != 10*time.Second {
			t.Errorf("wait %v after it was closed in between", wait)
		}
	})
}

// A probe whose client left gives its permit back without a verdict, as often as it happens.
func TestBreakerNeutralProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBreaker(t)
		time.Sleep(10 * time.Second)
		for range 10 {
			one, two := mustAcquire(t, b), mustAcquire(t, b)
			refused(t, b)
			b.record(one, Neutral, "")
			b.record(two, Neutral, "")
			if s := b.state(); s != "half_open" {
				t.Fatalf("state %s", s)
			}
		}
		b.record(mustAcquire(t, b), Failure, "test")
		if wait := refused(t, b); wait != 20*time.Second {
			t.Errorf("wait %v: neutral probes counted as failed ones", wait)
		}
	})
}

func TestBreakerSurvivesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := openBreaker(t)
		time.Sleep(4 * time.Second)
		b := newBreaker(Breaker{FailureRate: 0.9, Over: time.Minute, MinRequests: 50, OpenFor: time.Minute, Probes: 1}, "model", "test", "test", testEnv(nil))
		b.inherit(old)
		if wait := refused(t, b); wait != 6*time.Second || b.lastCause() != "test" {
			t.Errorf("wait %v, cause %q", wait, b.lastCause())
		}
	})
	b := serve(t, answers("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"))
	cfg := map[string]Config{"model": config(b.url())}
	one, err := New(cfg, nil, testEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ask(one.Pool("model"), post("{}"))
	}
	two, err := New(cfg, one, testEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if res := ask(two.Pool("model"), post("{}")); !errors.Is(res.err, ErrUnavailable) {
		t.Errorf("after the reload: got %+v", res)
	}
	one.Close(two)
	drained(t, two)
}

// Statuses, slow first bytes, stalls and cuts open the breaker; clients' errors do not.
func TestWhatOpensTheBreaker(t *testing.T) {
	f := func(name string, serveWith string, failing bool) {
		t.Helper()
		b := serve(t, silence(serveWith))
		cfg := config(b.url())
		cfg.Breaker.MinRequests = 3
		cfg.Timeout.Stall, cfg.Timeout.FirstByte = 30*time.Millisecond, 30*time.Millisecond
		p := makePool(t, cfg)
		for range 3 {
			ask(p, post("{}"))
		}
		l, retry, err := p.Acquire(Want{})
		if l != nil {
			l.Release(Neutral)
		}
		if failing && (!errors.Is(err, ErrUnavailable) || retry <= 0 || retry > 10*time.Second) {
			t.Errorf("%s: got %v, retry %v; want the breaker open", name, err, retry)
		}
		if !failing && err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
	status := func(s string) string { return "HTTP/1.1 " + s + "\r\nContent-Length: 0\r\n\r\n" }
	f("500", status("500 Oops"), true)
	f("503", status("503 Busy"), true)
	f("no head", "", true)
	f("stall", partAnswer, true)
	f("garbage", "SSH-2.0\r\n", true)
	f("200", status("200 OK"), false)
	f("400", status("400 Bad"), false)
	f("429", status("429 Later"), false)
	f("501", status("501 No"), false)
}
