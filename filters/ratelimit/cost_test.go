package ratelimit

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"blaze/filters"
)

// threeLimits is a limit for all, one by address and one by user. So many callers in turn are never refused, and their
// accounts never as good as new again meanwhile.
func threeLimits(w *tester, callers int64) *Filter {
	return w.filter(nil,
		Limit{Name: "all", By: by("global"), Limit: 1_000_000_000, Per: time.Second},
		Limit{Name: "ip", By: by("ip"), Algorithm: SlidingWindow, Limit: 1_000_000_000},
		Limit{Name: "user", By: by("user"), Limit: 1_000_000_000 / callers, Per: 744 * time.Hour, MaxKeys: 2_000_000})
}

// TestDecisionsAllocateNothing: three limits, a decision and its settlement.
func TestDecisionsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w := newTester(t)
	f := threeLimits(w, 1)
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

// BenchmarkThreeLimits is one decision on a limit for all, one by address and one by user, for one caller and for callers
// drawn from many. Who calls is known by then (auth has just found out), so the caller's name is near and his account far.
func BenchmarkThreeLimits(b *testing.B) {
	for _, callers := range []int{1, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			w := newTester(b)
			w.env.Now = time.Now
			f := threeLimits(w, int64(callers))
			x, call := callerOf(w, callers)
			for i := range callers {
				call(i)
				f.Request(x)
				x.Taken = x.Taken[:0]
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu()
			for i := range b.N {
				call(i)
				if !f.Request(x).Passed() {
					b.Fatal("refused")
				}
				x.Taken = x.Taken[:0]
			}
			reportCPU(b, before)
			if n := f.limits[2].ledger.table.size(); n != callers {
				b.Fatalf("%d accounts; want %d", n, callers)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		const callers = 1000
		w := newTester(b)
		w.env.Now = time.Now
		f := threeLimits(w, callers)
		var core atomic.Uint32
		defer reportCPU(b, cpu())
		b.RunParallel(func(pb *testing.PB) {
			x, call := callerOf(w, callers)
			x.Client = netip.AddrFrom4([4]byte{192, 0, 2, byte(core.Add(1))})
			for i := 0; pb.Next(); i++ {
				call(i)
				f.Request(x)
				x.Taken = x.Taken[:0]
			}
		})
	})
}

// cpu is the processor time that the process has used, ns: on a machine with other work it says more than the clock does.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func reportCPU(b *testing.B, before int64) {
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

// callerOf is an exchange and what makes it one of so many callers' in turn. Their accounts lie in no order.
func callerOf(w *tester, callers int) (x *filters.Exchange, call func(i int)) {
	x = w.exchange(caller{})
	name := []byte("user-00000000")
	x.Identity = &filters.Identity{Subject: unsafe.String(&name[0], len(name))}
	return x, func(i int) {
		i %= callers
		for j := len(name) - 1; j >= 5; j-- {
			name[j] = byte('a' + i%16)
			i /= 16
		}
	}
}
