package ratelimit

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry/setting"
)

// TestMain runs every property on ten thousand schedules, unless the command line says how many.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		_ = flag.Set("rapid.checks", "10000")
	}
	LogRedis(zerolog.Nop())
	os.Exit(m.Run())
}

// tester is a clock that the test sets and what filters are built with.
type tester struct {
	t   testing.TB
	now time.Time
	env filters.Env
}

func newTester(t testing.TB) *tester {
	w := &tester{t: t, now: time.UnixMicro(1_700_000_000_000_000)}
	w.env = filterstest.Env(t, func() time.Time { return w.now }, nil)
	return w
}

// defaults fills in what the policy's decoder would.
func defaults(l Limit) Limit {
	if l.MaxKeys == 0 {
		l.MaxKeys = 1_000_000
	}
	if l.Reserve == 0 {
		l.Reserve = 1024
	}
	if l.MaxQueue == 0 {
		l.MaxQueue = 100
	}
	if l.Per == 0 {
		l.Per = time.Minute
	}
	return l
}

func by(s string) (b By) {
	if err := b.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return b
}

func (w *tester) filter(prev *Filter, limits ...Limit) *Filter {
	w.t.Helper()
	for i := range limits {
		limits[i] = defaults(limits[i])
	}
	f, err := New(Config{Limits: limits}, prev, w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// caller is somebody's request.
type caller struct{ subject, tenant, tier, addr, path, body string }

func (w *tester) exchange(c caller) *filters.Exchange {
	w.t.Helper()
	if c.path == "" {
		c.path = "GET /v1/models"
	}
	x := filterstest.New(w.t, c.path+"\n\n"+c.body)
	x.Began = w.now
	x.Deadline = w.now.Add(time.Minute)
	x.Identity = &filters.Identity{Subject: c.subject, Tenant: c.tenant, Tier: c.tier}
	if c.addr != "" {
		x.Client = addr(c.addr)
	}
	return x
}

// ask runs a whole exchange: head, body, settle; ok is whether it passed.
func (w *tester) ask(f *Filter, c caller) (v filters.Verdict, x *filters.Exchange) {
	w.t.Helper()
	x = w.exchange(c)
	if v = f.Request(x); v.Passed() {
		v = f.Body(x)
	}
	if !v.Passed() {
		x.DeniedBy = "ratelimit"
	}
	f.Settle(x)
	return v, x
}

// admitted counts how many of n requests of c pass.
func (w *tester) admitted(f *Filter, n int, c caller) (passed int) {
	w.t.Helper()
	for range n {
		if v, _ := w.ask(f, c); v.Passed() {
			passed++
		}
	}
	return passed
}

// usedByAll is what all accounts have in use together.
func (l *ledger) usedByAll(now int64) (n int64) {
	if l.only != nil {
		return l.rule.read(&l.only.s, 0, now).used
	}
	for s := range l.table.shards {
		for _, e := range l.table.shards[s].places {
			n += l.rule.read(&e.s, 0, now).used
		}
	}
	return n
}

func percent(p float64) *setting.Percent {
	s := setting.Percent(p)
	return &s
}

func count(n int64) *int64 { return &n }
