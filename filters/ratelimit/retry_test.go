package ratelimit

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"blaze/filters"
)

// anyLimit draws a limit that refuses.
func anyLimit(t *rapid.T, name string) Limit {
	l := Limit{
		Name: name, By: by("user"),
		Algorithm: rapid.SampledFrom([]Algorithm{TokenBucket, FixedWindow, SlidingWindow, LeakyBucket}).Draw(t, "algorithm"),
		Limit:     rapid.Int64Range(1, 20).Draw(t, "limit"),
		Per:       rapid.SampledFrom([]time.Duration{time.Second, 59999 * time.Millisecond, time.Minute, time.Hour}).Draw(t, "per"),
	}
	if l.Algorithm == LeakyBucket || l.Algorithm == TokenBucket && rapid.Bool().Draw(t, "has burst") {
		l.Burst = count(rapid.Int64Range(1, 30).Draw(t, "burst"))
	}
	return l
}

// TestRetryIsTrue: however three limits were used before, a refused request passes exactly when retry-after says, to the µs
// in which accounts are kept, and no µs before; and the header that says when an account is whole is as true.
func TestRetryIsTrue(t *testing.T) {
	w := newTester(t)
	start := w.now
	refused := 0
	rapid.Check(t, func(rt *rapid.T) {
		w.now = start.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(rt, "start")).Truncate(time.Microsecond))
		f := w.filter(nil, anyLimit(rt, "a"), anyLimit(rt, "b"), anyLimit(rt, "c"))
		x := w.exchange(caller{subject: "ann"})
		ask := func(dry bool) filters.Verdict {
			x.Dry, x.Limits, x.Taken = dry, filters.LimitHeaders{}, x.Taken[:0]
			return f.Request(x)
		}
		for range rapid.IntRange(1, 60).Draw(rt, "requests") {
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int64{0, 0, 1, 1000, 1_000_000}).Draw(rt, "µs")) * time.Microsecond)
			ask(false)
		}
		v := ask(false)
		if !v.Denied() {
			return
		}
		refused++
		w.now = w.now.Add(v.Retry - time.Microsecond)
		if ask(true).Passed() {
			rt.Fatalf("refused by %s for %v; it passes a µs before", v.Rule, v.Retry)
		}
		w.now = w.now.Add(time.Microsecond)
		if !ask(true).Passed() {
			rt.Fatalf("refused by %s for %v; it does not pass then", v.Rule, v.Retry)
		}
		ask(false)
		whole := x.Limits.Requests
		w.now = w.now.Add(whole.Reset - time.Microsecond)
		if ask(true); x.Limits.Requests.Name == whole.Name && x.Limits.Requests.Reset != time.Microsecond {
			rt.Fatalf("%s is to be whole in a µs; it says %v", whole.Name, x.Limits.Requests.Reset)
		}
	})
	if refused < 10 {
		t.Errorf("only %d of the runs came to a refusal", refused)
	}
}
