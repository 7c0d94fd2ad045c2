package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"blaze/filters"
)

func threeLimits(w *tester) *Filter {
	return w.filter(nil,
		Limit{Name: "all", By: by("global"), Limit: 1_000_000_000, Per: time.Second},
		Limit{Name: "ip", By: by("ip"), Algorithm: SlidingWindow, Limit: 1_000_000_000},
		Limit{Name: "user", By: by("user"), Limit: 1_000_000_000})
}

// TestDecisionsAllocateNothing: three limits, a decision and its settlement.
func TestDecisionsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w := newTester(t)
	f := threeLimits(w)
	x := w.exchange(caller{subject: "ann"})
	if n := testing.AllocsPerRun(1000, func() {
		x.Limits = filters.LimitHeaders{}
		if !f.Request(x).Passed() || !f.Body(x).Passed() {
			t.Fatal("refused")
		}
		f.Settle(x)
	}); n != 0 {
		t.Errorf("%v allocations; want none", n)
	}
	f = w.filter(nil, Limit{Name: "tokens", By: by("user"), Count: Tokens, Limit: 1_000_000_000})
	x = w.exchange(chat(`,"max_tokens":9`))
	if n := testing.AllocsPerRun(1000, func() {
		if !f.Body(x).Passed() {
			t.Fatal("refused")
		}
		answered(x, 10, 9)
		f.Settle(x)
	}); n != 0 {
		t.Errorf("tokens: %v allocations; want none", n)
	}
	f = w.filter(nil, Limit{Name: "no", By: by("user"), Limit: 1, Per: time.Hour})
	x = w.exchange(caller{subject: "ann"})
	f.Request(x)
	if n := testing.AllocsPerRun(1000, func() {
		if f.Request(x).Passed() {
			t.Fatal("passed")
		}
	}); n != 0 {
		t.Errorf("a refusal: %v allocations; want none", n)
	}
}

// BenchmarkThreeLimits is one decision, for one caller and for callers drawn from many.
func BenchmarkThreeLimits(b *testing.B) {
	for _, callers := range []int{1, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			w := newTester(b)
			w.env.Now = time.Now
			f := threeLimits(w)
			ids := make([]*filters.Identity, callers)
			for i := range ids {
				ids[i] = &filters.Identity{Subject: fmt.Sprint("user", i)}
			}
			x := w.exchange(caller{})
			for _, id := range ids {
				x.Identity = id
				f.Request(x)
				x.Taken = x.Taken[:0]
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				x.Identity = ids[i*7919%callers]
				f.Request(x)
				x.Taken = x.Taken[:0]
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		w := newTester(b)
		w.env.Now = time.Now
		f := threeLimits(w)
		b.RunParallel(func(pb *testing.PB) {
			x := w.exchange(caller{subject: fmt.Sprint(pb)})
			for pb.Next() {
				f.Request(x)
				x.Taken = x.Taken[:0]
			}
		})
	})
}
