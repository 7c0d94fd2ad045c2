package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func redisConfig(s *server) Redis {
	return Redis{Addresses: []string{s.addr}, Prefix: "blaze", Timeout: 500 * time.Millisecond}
}

// replica is a filter of its own, with its Run, on s.
func (w *tester) replica(cfg Redis, limits ...Limit) *Filter {
	w.t.Helper()
	for i := range limits {
		limits[i] = defaults(limits[i])
	}
	f, err := New(Config{Store: Store{Redis: &cfg}, Limits: limits}, nil, w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	w.t.Cleanup(func() { cancel(); <-done })
	return f
}

// TestRedisCountsAsMemoryDoes runs 10,000 random schedules of each algorithm, many accounts a call, on Redis with the clock
// injected: every figure must be what the arithmetic in the process says, and what the model says.
func TestRedisCountsAsMemoryDoes(t *testing.T) {
	t.Parallel()
	const schedules, batch, steps = 10_000, 50, 12
	s := startRedis(t)
	w := newTester(t)
	for _, kind := range []Algorithm{TokenBucket, FixedWindow, SlidingWindow} {
		t.Run(kind.String(), func(t *testing.T) {
			r, err := newRemote(redisConfig(s), nil, w.env)
			if err != nil {
				t.Fatal(err)
			}
			defer r.client.Close()
			rnd := rand.New(rand.NewPCG(uint64(kind), 7))
			for run := range schedules / batch {
				compareRun(t, r, rnd, kind, fmt.Sprintf("%v:%d", kind, run), batch, steps)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// twin is one account in Redis, in memory and in the model.
type twin struct {
	rule rule
	s    state
	m    model
	open []takenUnits
}

func randomRule(rnd *rand.Rand, kind Algorithm) rule {
	limit := []int64{1 + rnd.Int64N(20), 1 + rnd.Int64N(1_000_000)}[rnd.IntN(2)]
	per := []int64{60_000_000, 59_999_999, 3_600_000_000}[rnd.IntN(3)]
	switch kind {
	case FixedWindow:
		return rule{kind: kind, limit: limit, per: per, cap: limit}
	case SlidingWindow:
		return slidingRule(limit, per)
	}
	r, _ := bucketRule(limit, per, 1+rnd.Int64N(2*limit))
	return r
}

func compareRun(t *testing.T, r *remote, rnd *rand.Rand, kind Algorithm, name string, batch, steps int) {
	t.Helper()
	twins := make([]*twin, batch)
	for i := range twins {
		twins[i] = &twin{rule: randomRule(rnd, kind)}
		twins[i].m = referenceOf(&twins[i].rule)
	}
	r.now = 1_700_000_000_000_000 + rnd.Int64N(1<<40)
	for range steps {
		r.now += []int64{0, rnd.Int64N(1000) + 1, rnd.Int64N(60_000_000), rnd.Int64N(600_000_000)}[rnd.IntN(4)]
		op := []string{"take", "take", "settle"}[rnd.IntN(3)]
		calls := make([]call, batch)
		for i, w := range twins {
			calls[i] = w.next(rnd, op, fmt.Sprintf("t:%s:%d", name, i))
		}
		_, out, err := r.run(op, calls)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range twins {
			if got, want := out[i], w.apply(op, &calls[i], r.now); got != want {
				t.Fatalf("%s %v of %+v at %d:\nredis  %+v\nmemory %+v", op, calls[i].units, w.rule, r.now, got, want)
			}
			if got := w.m.used(r.now); got != out[i].used {
				t.Fatalf("%s: redis has %d in use; the model %d", op, out[i].used, got)
			}
		}
	}
}

// next draws the twin's next operation.
func (w *twin) next(rnd *rand.Rand, op, key string) call {
	c := call{key: key, rule: &w.rule, optional: true, units: 1 + rnd.Int64N(w.rule.cap)}
	if op == "settle" {
		c.units = rnd.Int64N(w.rule.cap/16 + 1) // more would run into maxLoad, which the model has not
		if n := len(w.open); n > 0 && rnd.IntN(2) == 0 {
			o := w.open[n-1]
			c.units, c.mark = -min(c.units, o.amount), o.mark
		}
	} else if rnd.IntN(4) == 0 {
		c.least = 1
	}
	return c
}

// apply does in memory and in the model what the script does.
func (w *twin) apply(op string, c *call, now int64) answer {
	r := &w.rule
	units := c.units
	got := r.read(&w.s, units, now)
	if room := r.cap - got.used; got.wait > 0 && c.least > 0 && room >= c.least {
		units = min(units, room)
		got = r.read(&w.s, units, now)
	}
	a := answer{wait: got.wait, units: units}
	if got.wait == 0 {
		a.fits = 1
	}
	switch {
	case op == "take" && got.wait == 0:
		a.mark = r.add(&w.s, units, now)
		w.open = append(w.open, takenUnits{units, a.mark, w.m.add(units, now)})
	case op == "settle" && units >= 0:
		r.add(&w.s, units, now)
		w.m.add(units, now)
	case op == "settle":
		o := w.open[len(w.open)-1]
		w.open = w.open[:len(w.open)-1]
		r.giveBack(&w.s, -units, o.mark, now)
		w.m.giveBack(-units, o.id, now)
	}
	after := r.read(&w.s, 0, now)
	a.used, a.reset = after.used, after.reset
	return a
}

// TestThreeReplicasShareOneLimit: exactly the limit is admitted, whoever asks.
func TestThreeReplicasShareOneLimit(t *testing.T) {
	s := startRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	var replicas []*Filter
	for range 3 {
		replicas = append(replicas, w.replica(redisConfig(s),
			Limit{Name: "user", By: by("user"), Algorithm: SlidingWindow, Limit: 300, Per: time.Hour},
			Limit{Name: "all", By: by("global"), Limit: 500, Per: 500 * time.Hour}))
	}
	var admitted [2]atomic.Int64
	var wg sync.WaitGroup
	for g := range 48 {
		f, user := replicas[g%3], g%2
		wg.Go(func() {
			for range 20 {
				x := w.exchange(caller{subject: [...]string{"ann", "bob"}[user]})
				if f.Request(x).Passed() {
					admitted[user].Add(1)
				}
			}
		})
	}
	wg.Wait()
	if a, b := admitted[0].Load(), admitted[1].Load(); a+b != 500 || a > 300 || b > 300 {
		t.Errorf("%d and %d admitted; want 500 together, at most 300 each", a, b)
	}
}

// TestRedisScalesWhatWasUsed: a policy with another limit finds the same share used up.
func TestRedisScalesWhatWasUsed(t *testing.T) {
	s := startRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	f := func(kind Algorithm, limit, want int64) {
		t.Helper()
		name := fmt.Sprint("x", kind)
		l := Limit{Name: name, By: by("user"), Algorithm: kind, Limit: 100, Per: 100 * time.Hour}
		a := w.replica(redisConfig(s), l)
		w.admitted(a, 50, caller{subject: "ann"})
		l.Limit = limit
		b := w.replica(redisConfig(s), l)
		if got := w.admitted(b, 500, caller{subject: "ann"}); int64(got) != want {
			t.Errorf("%v: %d of %d; want %d", kind, got, limit, want)
		}
	}
	f(TokenBucket, 200, 100)
	f(FixedWindow, 40, 20)
	f(SlidingWindow, 200, 100)
}

func TestTokensSettleInRedis(t *testing.T) {
	s := startRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	f := w.replica(redisConfig(s), budget(10_000))
	x := w.reserved(f)
	if x.Limits.Tokens.Remaining != 10_000-5020 {
		t.Fatalf("headers %+v", x.Limits.Tokens)
	}
	answered(x, 20, 80)
	f.Settle(x)
	w.remain(f, 10_000-200)
}

// TestWithoutRedisEachReplicaHasItsShare: three replicas lose Redis half way; together they admit no more than the limit.
func TestWithoutRedisEachReplicaHasItsShare(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	l := Limit{Name: "x", By: by("user"), Algorithm: FixedWindow, Limit: 300, Per: 500 * time.Hour}
	var replicas []*Filter
	for range 3 {
		replicas = append(replicas, w.replica(redisConfig(s), l))
	}
	for _, f := range replicas {
		eventually(t, "three replicas are seen", func() bool { return f.remote.replicas.Load() == 3 })
	}
	total := 0
	for i := range 150 {
		total += w.admitted(replicas[i%3], 1, caller{subject: "ann"})
	}
	s.kill()
	for i := range 900 {
		total += w.admitted(replicas[i%3], 1, caller{subject: "ann"})
	}
	if total < 285 || total > 300 {
		t.Errorf("%d admitted of 300; half of them without Redis", total)
	}
	s.start(t) // with no memory of what was
	for _, f := range replicas {
		eventually(t, "redis is seen again", func() bool { return !f.remote.broken.Load() })
	}
	if more := w.admitted(replicas[0], 300, caller{subject: "ann"}); total+more > 330 {
		t.Errorf("%d admitted in all of 300 after Redis came back empty", total+more)
	}
}

// TestAFrozenRedisCostsItsTimeoutOnce: after the first request nobody waits for it.
func TestAFrozenRedisCostsItsTimeoutOnce(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	cfg := redisConfig(s)
	cfg.Timeout = 50 * time.Millisecond
	f := w.replica(cfg, Limit{Name: "x", By: by("user"), Algorithm: FixedWindow, Limit: 100, Per: 500 * time.Hour})
	w.admitted(f, 10, caller{subject: "ann"})
	s.freeze(true)
	began := time.Now()
	admitted := w.admitted(f, 200, caller{subject: "ann"})
	took := time.Since(began)
	if calls := f.remote.errors.Value(); calls > 1 {
		t.Errorf("%d requests waited for a frozen Redis; want one at most", calls)
	}
	if admitted != 90 {
		t.Errorf("%d more admitted of 100 after 10; want 90", admitted)
	}
	t.Logf("200 decisions took %v with a timeout of %v", took, cfg.Timeout)
	s.freeze(false)
	eventually(t, "redis is seen again", func() bool { return !f.remote.broken.Load() })
	if more := w.admitted(f, 50, caller{subject: "ann"}); more != 0 {
		t.Errorf("%d more admitted after Redis came back; want none", more)
	}
}

func TestOnErrorOpenAndClosed(t *testing.T) {
	f := func(on OnError, passed, failed bool) {
		t.Helper()
		w := newTester(t)
		cfg := Redis{Addresses: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}, Prefix: "blaze", Timeout: 50 * time.Millisecond, OnError: on}
		filter := w.replica(cfg, Limit{Name: "x", By: by("user"), Limit: 1, Per: time.Hour})
		w.ask(filter, caller{subject: "ann"})
		v, _ := w.ask(filter, caller{subject: "ann"})
		if v.Passed() != passed || v.Failed() != failed {
			t.Errorf("%v: passed %v, failed %v", on, v.Passed(), v.Failed())
		}
	}
	f(Open, true, false)
	f(Closed, false, true)
	f(Local, false, false)
}

// TestNothingIsLeftBehind: a filter whose Run has ended has neither goroutines nor connections.
func TestNothingIsLeftBehind(t *testing.T) {
	s := startRedis(t)
	before := goleak.IgnoreCurrent()
	w := newTester(t)
	w.env.Now = time.Now
	t.Run("", func(t *testing.T) {
		w.t = t
		f := w.replica(redisConfig(s), Limit{Name: "x", By: by("user"), Limit: 10})
		w.admitted(f, 20, caller{subject: "ann"})
	})
	goleak.VerifyNone(t, before)
}
