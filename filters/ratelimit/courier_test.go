package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"blaze/filters"
)

// patient is a filter, without its Run, that waits a minute for Redis: who freezes that needs no clock.
func (w *tester) patient(s *server, l Limit) *Filter {
	w.t.Helper()
	cfg := redisConfig(s)
	f, err := New(Config{Store: Store{Redis: &cfg}, Limits: []Limit{defaults(l)}}, nil, w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = f.remote.client.Close()
	f.remote.cfg.Timeout = time.Minute
	f.remote.client = redis.NewClient(&redis.Options{Addr: s.addr, ReadTimeout: time.Minute, ContextTimeoutEnabled: true, MaxRetries: -1})
	w.t.Cleanup(f.stop)
	return f
}

func budget(limit int64) Limit {
	return Limit{Name: "x", By: by("tenant"), Limit: limit, Per: 700 * time.Hour, Count: Tokens}
}

// reserved is a request of a budget that has set 5,020 tokens aside.
func (w *tester) reserved(f *Filter) *filters.Exchange {
	w.t.Helper()
	x := w.exchange(chat(`,"max_tokens":5000`))
	if !f.Body(x).Passed() {
		w.t.Fatal("refused")
	}
	return x
}

func (c *courier) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

// countPipelines counts the round trips of requests.
type countPipelines struct{ n atomic.Int64 }

func (*countPipelines) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*countPipelines) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (c *countPipelines) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmds)
	}
}

// TestManyShareARoundTrip: who comes while Redis is being asked goes with all others who came meanwhile, each with an answer
// of its own.
func TestManyShareARoundTrip(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	f := w.patient(s, Limit{Name: "x", By: by("user"), Limit: 61, Per: 100 * time.Hour})
	w.ask(f, caller{subject: "ann"})
	var trips countPipelines
	f.remote.client.AddHook(&trips)
	s.freeze(true)
	var all sync.WaitGroup
	var passed atomic.Int64
	const n = 100
	ask := func() {
		x := w.exchange(caller{subject: "ann"})
		all.Go(func() {
			if f.Request(x).Passed() {
				passed.Add(1)
			}
		})
	}
	ask()
	eventually(t, "the first is on its way", func() bool { return trips.n.Load() == 1 })
	for range n - 1 {
		ask()
	}
	eventually(t, "all others wait", func() bool { return f.remote.courier.len() == n-1 })
	s.freeze(false)
	all.Wait()
	if got := passed.Load(); got != 60 {
		t.Errorf("%d passed; want 60", got)
	}
	if got := trips.n.Load(); got != 2 {
		t.Errorf("%d round trips for %d requests, want two", got, n)
	}
}

// TestNobodyWaitsForASettlement: an exchange ends though Redis does not answer, and Redis hears of it later.
func TestNobodyWaitsForASettlement(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	f := w.patient(s, budget(10_000))
	x := w.reserved(f)
	s.freeze(true)
	answered(x, 20, 80)
	f.Settle(x) // waiting for it would take the timeout, and open the breaker
	if f.remote.broken.Load() || len(x.Taken) != 0 {
		t.Errorf("broken: %v; %d takings are left", f.remote.broken.Load(), len(x.Taken))
	}
	s.freeze(false)
	w.remain(f, 10_000-200)
}

// remain checks what is left of a budget when 100 more have been taken.
func (w *tester) remain(f *Filter, want int64) {
	w.t.Helper()
	x := w.exchange(chat(`,"max_tokens":80`))
	f.Body(x)
	if got := x.Limits.Tokens.Remaining; got != want {
		w.t.Errorf("%d remain; want %d", got, want)
	}
}

// TestNobodyWaitsLongForOthers: who has waited a quarter of the timeout for those under way is sent for.
func TestNobodyWaitsLongForOthers(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	f := w.patient(s, Limit{Name: "x", By: by("user"), Limit: 100, Per: 100 * time.Hour})
	f.remote.cfg.Timeout = 8 * time.Second
	w.ask(f, caller{subject: "ann"})
	var trips countPipelines
	f.remote.client.AddHook(&trips)
	s.freeze(true)
	var all sync.WaitGroup
	for i := range int64(2) {
		x := w.exchange(caller{subject: "ann"})
		all.Go(func() { f.Request(x) })
		eventually(t, "it is on its way, though nobody has come back", func() bool { return trips.n.Load() == i+1 })
	}
	s.freeze(false)
	all.Wait()
}

// TestARefundIsHeardFirst: what is given back is there for what is asked after it, every time.
func TestARefundIsHeardFirst(t *testing.T) {
	w := newTester(t)
	w.env.Now = time.Now
	f := w.patient(realRedis(t), budget(10_000))
	for i := range 200 {
		x := w.exchange(chat(`,"max_tokens":9900`))
		if !f.Body(x).Passed() {
			t.Fatalf("request %d is refused, of a budget that is given back whole", i)
		}
		answered(x, 0, 0)
		x.Status = 502
		f.Settle(x)
	}
}

// TestSettledAtTheEnd: a filter that ends has told Redis of everything, in time.
func TestSettledAtTheEnd(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	f := w.patient(s, budget(1_000_000))
	var key string
	for range 50 {
		x := w.reserved(f)
		key = f.remote.key(f.limits[0], x.Taken[0].Digest)
		answered(x, 20, 80)
		f.Settle(x)
	}
	f.stop() // as Run does when it ends
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	defer c.Close()
	n, err := c.HGet(context.Background(), key, "n").Int64()
	if used := ceilDiv(n, f.limits[0].ledger.rule.q); err != nil || used != 50*100 {
		t.Errorf("redis knows of %d tokens, %v; want 5000", used, err)
	}
	x := w.exchange(chat(`,"max_tokens":10`)) // of somebody who holds the filter still
	f.Body(x)
	f.Settle(x)
}

// TestTooMuchWaits: beyond its bound nothing waits for Redis; a settlement is then kept here, and told later.
func TestTooMuchWaits(t *testing.T) {
	s := realRedis(t)
	w := newTester(t)
	w.env.Now = time.Now
	f := w.patient(s, budget(1_000_000))
	x := w.reserved(f)
	s.freeze(true)
	_ = f.remote.send(&trip{op: "settle", by: f})
	eventually(t, "the courier is away with the first", func() bool { return f.remote.courier.len() == 0 })
	for f.remote.send(&trip{op: "settle", by: f}) == nil { // none of them is taken before redis answers
	}
	if n := f.remote.courier.len(); n != mostWaiting {
		t.Errorf("%d wait; want %d", n, mostWaiting)
	}
	answered(x, 20, 80)
	f.Settle(x)
	if !f.remote.dirty.any() {
		t.Error("a settlement that found no room is forgotten")
	}
	s.freeze(false)
	f.remote.lookAfter(context.Background(), f.clock)
	if f.remote.dirty.any() {
		t.Error("redis is not told")
	}
}
