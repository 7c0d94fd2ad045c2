package ratelimit

import (
	"testing"
	"time"

	"blaze/filters"
)

// twoLimits is a filter on s with a limit on requests and one on tokens. Its clock stands still: what Redis has refused stays known,
// however slow the test is.
func (w *tester) twoLimits(s *server, requests, tokens int64) *Filter {
	w.t.Helper()
	const per = 700 * time.Hour
	return w.replica(redisConfig(s),
		Limit{Name: "requests", By: by("user"), Algorithm: FixedWindow, Limit: requests, Per: per},
		Limit{Name: "tokens", By: by("user"), Algorithm: FixedWindow, Limit: tokens, Per: per, Count: Tokens})
}

// together is a chat whose body has come with its head.
func (w *tester) together() *filters.Exchange {
	x := w.exchange(chat(`,"max_tokens":80`)) // and 20 of the prompt
	x.BodyHere = true
	return x
}

// TestAskedOnceForHeadAndBody: nothing is taken on the head; on the body all limits grant, or none has given anything.
func TestAskedOnceForHeadAndBody(t *testing.T) {
	s := startRedis(t)
	w := newTester(t)
	f := w.twoLimits(s, 3, 250)
	for i, want := range []bool{true, true, false} { // the third has not the tokens
		x := w.together()
		if !f.Request(x).Passed() || len(x.Taken) != 0 {
			t.Fatalf("request %d is not put off: %+v", i, x.Taken)
		}
		v := f.Body(x)
		if v.Passed() != want {
			t.Fatalf("request %d: passed is %v; want %v", i, v.Passed(), want)
		}
		if !want && v.Rule != "tokens" {
			t.Errorf("refused by %q; want tokens", v.Rule)
		}
		if l := x.Limits.Tokens; l.Limit != 250 {
			t.Errorf("headers %+v", x.Limits)
		}
		if r := x.Limits.Requests; want && r.Remaining != int64(2-i) {
			t.Errorf("request %d: %d remain in the headers; want %d", i, r.Remaining, 2-i)
		}
	}
	if x := w.exchange(caller{subject: "ann"}); !f.Request(x).Passed() || x.Limits.Requests.Remaining != 0 {
		t.Errorf("the refused request has taken of the other limit: %+v", x.Limits.Requests)
	}
}

// TestKnownHopelessOnTheHead: who was refused on the body is refused on the head when he comes again at once.
func TestKnownHopelessOnTheHead(t *testing.T) {
	w := newTester(t)
	f := w.twoLimits(startRedis(t), 1, 10_000)
	f.Body(w.prepared(f))
	second := w.prepared(f)
	if v := f.Body(second); v.Denial == nil || v.Denial.Code != "rate_limit_exceeded" {
		t.Fatalf("%+v", v)
	}
	third := w.together()
	if v := f.Request(third); v.Denial == nil || v.Retry <= 0 || third.LimitsDue {
		t.Errorf("%+v: asked again; due %v", v, third.LimitsDue)
	}
	if third.Limits.Requests.Limit != 1 || third.Limits.Requests.Remaining != 0 {
		t.Errorf("headers %+v", third.Limits.Requests)
	}
}

// prepared is a request that has passed its head.
func (w *tester) prepared(f *Filter) *filters.Exchange {
	w.t.Helper()
	x := w.together()
	if v := f.Request(x); !v.Passed() || !x.LimitsDue {
		w.t.Fatalf("%+v; due %v", v, x.LimitsDue)
	}
	return x
}

// TestRefusedByOthersIsCharged: a request that another filter refuses between its head and its body counts, and only as a request;
// with Redis and without.
func TestRefusedByOthersIsCharged(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	f := w.twoLimits(s, 5, 10_000)
	refused := func() {
		x := w.prepared(f)
		if x.Limits.Requests.Limit != 5 {
			t.Errorf("an answer of another filter has no headers: %+v", x.Limits)
		}
		x.Status, x.DeniedBy = 403, "scan"
		f.Settle(x)
		f.Settle(x) // once only
	}
	refused()
	refused()
	eventually(t, "two are charged", func() bool { return w.remaining(f) == 3 })
	if n := f.limits[1].ledger.live().size(f.clock.micros()); n != 0 {
		t.Errorf("%d accounts of tokens are charged", n)
	}
	s.kill()
	eventually(t, "redis is missed", func() bool { return f.remote.broken.Load() })
	refused()
	if n := w.remaining(f); n != 2 {
		t.Errorf("%d remain without Redis; want 2", n)
	}
}

// remaining is what the headers say of the limit on requests to somebody who takes nothing.
func (w *tester) remaining(f *Filter) int64 {
	x := w.exchange(caller{subject: "ann"})
	x.Dry = true
	f.Request(x)
	return x.Limits.Requests.Remaining
}

// TestChargesThatRedisHasNotHeardOf are made here: Redis goes away while one is on its way.
func TestChargesThatRedisHasNotHeardOf(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	f := w.twoLimits(s, 5, 10_000)
	f.Body(w.prepared(f))
	x := w.prepared(f)
	s.freeze(true)
	defer s.freeze(false)
	x.Status, x.DeniedBy = 403, "scan"
	f.Settle(x)
	eventually(t, "it is charged here", func() bool { return w.remaining(f) == 3 })
}

// TestChargesAreBounded: an account that has nothing left is not overdrawn by requests that others refuse.
func TestChargesAreBounded(t *testing.T) {
	w := newTester(t)
	f := w.twoLimits(startRedis(t), 2, 10_000)
	for range 4 {
		x := w.together()
		if !f.Request(x).Passed() {
			break // Redis has spoken: what is hopeless is known on the head
		}
		x.Status, x.DeniedBy = 403, "scan"
		f.Settle(x)
	}
	eventually(t, "two are charged", func() bool { return w.remaining(f) == 0 })
	d := f.pool.Get().(*decision)
	d.collect(w.exchange(caller{subject: "ann"}), f.head, true)
	if _, out, err := f.remote.run("look", f.remote.calls(d.asks)); err != nil || out[0].used != 2 {
		t.Errorf("%+v in use of 2; error %v", out, err)
	}
}

// TestInMemoryTheHeadDecides: what costs no round trip is asked as soon as it can be.
func TestInMemoryTheHeadDecides(t *testing.T) {
	w := newTester(t)
	f := w.filter(nil, Limit{Name: "requests", By: by("user"), Limit: 1}, Limit{Name: "tokens", By: by("user"), Limit: 1000, Count: Tokens})
	if x := w.together(); !f.Request(x).Passed() || x.LimitsDue || len(x.Taken) != 1 {
		t.Errorf("due %v, taken %v", x.LimitsDue, x.Taken)
	}
}

// TestRoutesThatGoByTheModel: a limit on one of them counts what takes that route, which the body tells.
func TestRoutesThatGoByTheModel(t *testing.T) {
	f := func(byModel bool, head, body int) {
		t.Helper()
		w := newTester(t)
		w.env.Routes, w.env.ByModel = []string{"large", "small"}, byModel
		filter := w.filter(nil, Limit{Name: "large", By: by("user"), Limit: 10, For: Scope{Routes: []string{"large"}}})
		x := w.exchange(chat(""))
		x.Route = "large" // the first of the path stands for all
		filter.Request(x)
		if len(x.Taken) != head {
			t.Errorf("by model %v: %d taken on the head; want %d", byModel, len(x.Taken), head)
		}
		if byModel {
			x.Route = "small"
		}
		filter.Body(x)
		if len(x.Taken) != body {
			t.Errorf("by model %v: %d taken in all; want %d", byModel, len(x.Taken), body)
		}
	}
	f(false, 1, 1)
	f(true, 0, 0)
}
