package ratelimit

import (
	"testing"

	"pgregory.net/rapid"
)

// drawRule draws a rule of kind whose numbers are awkward now and then.
func drawRule(t *rapid.T, kind Algorithm) rule {
	limit := rapid.OneOf(rapid.Int64Range(1, 20), rapid.Int64Range(1, 1_000_000)).Draw(t, "limit")
	per := rapid.SampledFrom([]int64{1_000, 999_983, 1_000_000, 60_000_000, 3_600_000_000}).Draw(t, "per")
	switch kind {
	case FixedWindow:
		return rule{kind: kind, limit: limit, per: per, cap: limit}
	case SlidingWindow:
		return slidingRule(limit, per)
	}
	r, off := bucketRule(limit, per, rapid.Int64Range(1, 2*limit).Draw(t, "burst"))
	if off > maxOff {
		t.Fatalf("%d per %dµs is off by %g", limit, per, off)
	}
	return r
}

// TestArithmeticFollowsTheModel runs random schedules of takes, settlements and give-backs on each algorithm.
func TestArithmeticFollowsTheModel(t *testing.T) {
	for _, kind := range []Algorithm{TokenBucket, FixedWindow, SlidingWindow} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { runSchedule(t, drawRule(t, kind)) })
		})
	}
}

type takenUnits struct {
	amount, mark int64
	id           int
}

func runSchedule(t *rapid.T, r rule) {
	var s state
	m := referenceOf(&r)
	now := rapid.Int64Range(0, 1<<50).Draw(t, "begin")
	var open []takenUnits
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		now += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, max(r.per/max(r.limit, 1), 1)), rapid.Int64Range(1, 3*r.per)).Draw(t, "dt")
		if len(open) > 0 && rapid.Bool().Draw(t, "settle") {
			o := open[len(open)-1]
			open = open[:len(open)-1]
			back := rapid.Int64Range(0, o.amount).Draw(t, "back")
			r.giveBack(&s, back, o.mark, now)
			m.giveBack(back, o.id, now)
		} else {
			cost := rapid.Int64Range(1, r.cap).Draw(t, "cost")
			got := r.read(&s, cost, now)
			checkWait(t, &r, &s, cost, now, got)
			if r.fits(&s, cost, now) != (got.wait == 0) {
				t.Fatalf("fits says otherwise than a wait of %d", got.wait)
			}
			if fits := m.used(now)+cost <= r.cap; r.kind != TokenBucket && fits != (got.wait == 0) {
				t.Fatalf("cost %d of %d with %d used: wait %d", cost, r.cap, m.used(now), got.wait)
			}
			bounded := r.q == 0 || m.used(now)+cost < maxLoad/r.q // beyond it a load is no longer counted
			if got.wait == 0 || bounded && rapid.IntRange(0, 9).Draw(t, "debt") == 0 {
				open = append(open, takenUnits{cost, r.add(&s, cost, now), m.add(cost, now)})
			}
		}
		if got, want := r.read(&s, 0, now).used, m.used(now); got != want {
			t.Fatalf("at %d: %d used; want %d", now, got, want)
		}
	}
}

// checkWait says that what is told to wait is the first moment that works, and that reset is the first moment of rest.
func checkWait(t *rapid.T, r *rule, s *state, cost, now int64, got reading) {
	if got.wait > 0 && r.read(s, cost, now+got.wait).wait != 0 {
		t.Fatalf("after the wait of %dµs it still must wait", got.wait)
	}
	if got.wait > 1 && r.read(s, cost, now+got.wait-1).wait == 0 {
		t.Fatalf("a wait shorter than %dµs does too", got.wait)
	}
	if rest := r.read(s, cost, now+got.reset); rest.used != 0 {
		t.Fatalf("%d used after the reset of %dµs", rest.used, got.reset)
	}
	if got.reset > 1 && r.read(s, cost, now+got.reset-1).used == 0 {
		t.Fatalf("a reset shorter than %dµs does too", got.reset)
	}
}

// TestSlidingWindowHasNoSeam: no window of length per, wherever it begins, admits more than the limit.
func TestSlidingWindowHasNoSeam(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := slidingRule(rapid.Int64Range(1, 50).Draw(t, "limit"), rapid.Int64Range(1000, 100_000).Draw(t, "per"))
		var s state
		var admitted []int64
		now := rapid.Int64Range(0, 1<<40).Draw(t, "begin")
		for range 200 {
			now += rapid.Int64Range(0, r.per/20).Draw(t, "dt")
			if r.read(&s, 1, now).wait != 0 {
				continue
			}
			r.add(&s, 1, now)
			admitted = append(admitted, now)
			n := int64(0)
			for _, at := range admitted {
				if at > now-r.per {
					n++
				}
			}
			if n > r.limit {
				t.Fatalf("%d of %d in one window", n, r.limit)
			}
		}
	})
}

// TestReservationIsNotPaidTwice: whoever keeps a reservation open until its account is whole again and then gives it back
// has gained nothing.
func TestReservationIsNotPaidTwice(t *testing.T) {
	r, _ := bucketRule(100, 60_000_000, 100)
	var s state
	mark := r.add(&s, 100, 1)
	now := int64(1 + 60_000_000)
	r.add(&s, 100, now)
	r.giveBack(&s, 100, mark, now)
	if got := r.read(&s, 0, now).used; got != 100 {
		t.Errorf("%d used; want 100", got)
	}
}

func TestHugeAmountsStayInBounds(t *testing.T) {
	for _, r := range []rule{mustBucket(maxLimit, 1000), {kind: FixedWindow, limit: maxLimit, per: 1000, cap: maxLimit}, slidingRule(maxSliding, 1000)} {
		var s state
		for range 5 {
			mark := r.add(&s, 1<<62, 10_000)
			if got := r.read(&s, 1, 10_000); got.wait <= 0 || got.used < r.cap || got.reset < got.wait {
				t.Errorf("%v: %+v", r.kind, got)
			}
			r.giveBack(&s, 1<<62, mark, 10_000)
		}
	}
}

func mustBucket(limit, per int64) rule {
	r, _ := bucketRule(limit, per, limit)
	return r
}
