package ratelimit

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"blaze/filters"
)

// queuer runs requests in a bubble of virtual time and notes when and in which order they passed.
type queuer struct {
	*tester
	f      *Filter
	mu     sync.Mutex
	passed []string
	at     []time.Duration
	codes  map[string]int
	began  time.Time
	wg     sync.WaitGroup
}

func newQueuer(t *testing.T, limits ...Limit) *queuer {
	q := &queuer{tester: newTester(t), codes: map[string]int{}, began: time.Now()}
	q.env.Now = time.Now
	for i := range limits {
		limits[i] = defaults(limits[i])
	}
	f, err := New(Config{Limits: limits, Priority: map[string]int{"gold": 100, "silver": 50, "free": 10}}, nil, q.env)
	if err != nil {
		t.Fatal(err)
	}
	q.f = f
	return q
}

// start lets c's request in and returns when it waits or is through.
func (q *queuer) start(c caller) *filters.Exchange {
	q.now = time.Now()
	x := q.exchange(c)
	q.wg.Go(func() {
		v := q.f.Request(x)
		if v.Passed() {
			v = q.f.Body(x)
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		if v.Passed() {
			i, now := len(q.passed), time.Since(q.began)
			for i > 0 && q.at[i-1] == now && q.passed[i-1] > c.subject {
				i-- // who leave at one instant come here in any order
			}
			q.passed, q.at = slices.Insert(q.passed, i, c.subject), append(q.at, now)
			return
		}
		x.DeniedBy = filterName
		q.f.Settle(x)
		q.codes[v.Denial.Code]++
	})
	synctest.Wait()
	return x
}

// order is who passed, first to last.
func (q *queuer) order() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.passed)
}

// refused counts refusals with that code.
func (q *queuer) refused(code string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.codes[code]
}

func shaper(perSecond, burst int64, wait time.Duration) Limit {
	return Limit{Name: "x", By: by("global"), Algorithm: LeakyBucket, Limit: perSecond, Per: time.Second, Burst: count(burst), Then: Queue, MaxWait: wait}
}

func TestShaperLetsRequestsLeaveEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(10, 100, time.Minute))
		for range 20 {
			q.start(caller{subject: "a"})
		}
		q.wg.Wait()
		for i, at := range q.at {
			if want := time.Duration(i) * 100 * time.Millisecond; at != want {
				t.Errorf("request %d left after %v; want %v", i, at, want)
			}
		}
		if len(q.at) != 20 {
			t.Errorf("%d left; want 20", len(q.at))
		}
	})
}

func TestLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(10, 5, time.Minute))
		for range 9 {
			q.start(caller{subject: "a"})
		}
		if q.refused("queue_full") != 3 {
			t.Errorf("%d found the line full; want 3 (one leaves at once, five wait)", q.refused("queue_full"))
		}
		q.wg.Wait()
	})
}

// TestHopelessRequestsAreRefusedAtOnce: who would wait longer than he may does not wait at all.
func TestHopelessRequestsAreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(10, 100, time.Second))
		for range 20 {
			q.start(caller{subject: "a"})
		}
		if since := time.Since(q.began); since != 0 || q.refused("queue_timeout") != 9 {
			t.Errorf("after %v %d are refused; want 9 at once", since, q.refused("queue_timeout"))
		}
		q.wg.Wait()
		if len(q.at) != 11 {
			t.Errorf("%d left; want 11", len(q.at))
		}
	})
}

func TestExchangeDeadlineBoundsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(1, 100, time.Hour))
		q.start(caller{subject: "a"})
		q.now = time.Now()
		x := q.exchange(caller{subject: "b"})
		x.Deadline = time.Now().Add(999 * time.Millisecond)
		if v := q.f.Request(x); v.Passed() || v.Denial.Code != "queue_timeout" || time.Since(q.began) != 0 || v.Retry != time.Second {
			t.Errorf("got %+v after %v", v, time.Since(q.began))
		}
	})
}

func TestPriorityGoesFirstAndTenantsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(10, 100, time.Minute))
		q.start(caller{subject: "first"})
		for range 3 {
			q.start(caller{subject: "a", tenant: "busy", tier: "free"})
		}
		q.start(caller{subject: "b", tenant: "other", tier: "free"})
		q.start(caller{subject: "c", tenant: "rich", tier: "gold"})
		q.wg.Wait()
		if want := []string{"first", "c", "a", "b", "a", "a"}; !slices.Equal(q.passed, want) {
			t.Errorf("order %v; want %v", q.passed, want)
		}
	})
}

func TestDelayIsFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Limit{Name: "x", By: by("global"), Algorithm: FixedWindow, Limit: 2, Per: time.Second, Then: Delay, MaxWait: time.Minute}
		q := newQueuer(t, l)
		for _, s := range []string{"a", "b", "c", "d", "e"} {
			q.start(caller{subject: s, tier: map[string]string{"e": "gold"}[s]})
		}
		q.wg.Wait()
		if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(q.passed, want) {
			t.Errorf("order %v; want %v", q.passed, want)
		}
		if last := q.at[4] - q.at[2]; last != time.Second {
			t.Errorf("the fifth left %v after the third; want 1s", last)
		}
	})
}

// TestLowestPriorityStillGetsOn: under three times the load, all of it of the top tier, the lowest tier is served too.
func TestLowestPriorityStillGetsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(10, 1000, time.Hour))
		for range 3 {
			q.start(caller{subject: "low", tenant: "l", tier: "free"})
		}
		for range 60 {
			for range 3 {
				q.start(caller{subject: "top", tenant: "t", tier: "gold"})
			}
			time.Sleep(100 * time.Millisecond)
		}
		low := 0
		for _, s := range q.order() {
			if s == "low" {
				low++
			}
		}
		if low != 3 {
			t.Errorf("%d of the lowest tier passed; want 3", low)
		}
		q.wg.Wait()
	})
}

func TestAClientThatLeavesFreesItsPlaceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(1, 2, time.Minute))
		q.start(caller{subject: "a"})
		leaver := q.start(caller{subject: "b"})
		q.start(caller{subject: "c"})
		leaver.Cancel.Cancel()
		synctest.Wait()
		if n := q.f.limits[0].ledger.lines.waiting.Load(); n != 1 || time.Since(q.began) != 0 {
			t.Errorf("%d wait after %v; want 1 at once", n, time.Since(q.began))
		}
		q.start(caller{subject: "d"})
		q.wg.Wait()
		if want := []string{"a", "c", "d"}; !slices.Equal(q.passed, want) || q.at[2] != 2*time.Second {
			t.Errorf("order %v at %v; want %v", q.passed, q.at, want)
		}
	})
}

// TestWhatIsGivenBackWakesTheNext: a waiter is let pass when somebody settles for less than was reserved.
func TestWhatIsGivenBackWakesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Limit{Name: "x", By: by("global"), Limit: 1000, Per: time.Minute, Count: OutputTokens, Then: Queue, MaxWait: time.Hour}
		q := newQueuer(t, l)
		body := `{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":900}`
		x := q.start(caller{subject: "a", path: "POST /v1/chat/completions", body: body})
		q.start(caller{subject: "b", path: "POST /v1/chat/completions", body: body})
		time.Sleep(time.Second)
		x.Status, x.Usage.Output = 200, 10
		q.f.Settle(x)
		synctest.Wait()
		q.wg.Wait()
		if want := []string{"a", "b"}; !slices.Equal(q.passed, want) || q.at[1] != time.Second {
			t.Errorf("%v passed at %v; want b as soon as a has settled", q.passed, q.at)
		}
	})
}

// TestNobodyOvertakesALine: who comes when an account has room, but others wait for it, stands behind them.
func TestNobodyOvertakesALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(10, 100, time.Minute))
		for _, s := range []string{"a", "b", "c"} {
			q.start(caller{subject: s})
		}
		time.Sleep(150 * time.Millisecond)
		q.start(caller{subject: "d"})
		q.wg.Wait()
		if want := []string{"a", "b", "c", "d"}; !slices.Equal(q.passed, want) {
			t.Errorf("order %v; want %v", q.passed, want)
		}
	})
}

func TestALimitThatRefusesEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(10, 100, time.Minute), Limit{Name: "user", By: by("user"), Limit: 2, Per: time.Hour})
		for range 4 {
			q.start(caller{subject: "a"})
		}
		q.wg.Wait()
		if len(q.passed) != 2 || q.codes["rate_limit_exceeded"] != 2 {
			t.Errorf("%d passed, %v; want 2 and 2", len(q.passed), q.codes)
		}
	})
}

func TestShadowDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueuer(t, shaper(1, 100, 2*time.Second))
		for range 3 {
			x := q.exchange(caller{subject: "a"})
			x.Shadowed = true
			if v := q.f.Request(x); !v.Passed() || x.Waited != 0 || x.Limits.Requests.Limit != 0 {
				t.Errorf("got %+v, waited %v, headers %+v", v, x.Waited, x.Limits)
			}
		}
	})
}
