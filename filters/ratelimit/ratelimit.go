// Package ratelimit decides whether a request may be served now, by how much its caller, and everybody, has used: requests
// and tokens, in memory or in a Redis that all replicas share. Beyond a limit it refuses, lets the request wait its turn, or
// lets it pass with less. It never looks at what a request says, only at how much of it there is and whose it is.
//
// Reading starts at decide.go; the arithmetic is in one file for each algorithm, on the state of state.go; ledger.go keeps
// accounts over a reload; line.go is where requests wait; tokens.go knows what an answer will cost; redis.go shares it all, due.go
// so that Redis is asked once.
package ratelimit

import (
	"cmp"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"blaze/filters"
)

// Filter is the ratelimit filter. Immutable after New, safe for concurrent use.
type Filter struct {
	limits []*limit // in policy order; Taking.Limit is an index into it
	head   []*limit // decided by the head, in the order of their locks
	body   []*limit // decided once the body is known, likewise
	both   []*limit // all of them, likewise
	clock  *clock
	env    filters.Env
	remote *remote // nil where accounts are in memory
	nextID uint64
	gone   []string    // limits that the filter before had
	live   atomic.Bool // ledgers have been taken over from the filter before
	pool   sync.Pool   // of *decision
}

// New compiles cfg; prev is the filter that serves now, or nil. Problems are joined *setting.Problem, with paths
// relative to the section. What it makes changes nothing until its first request.
func New(cfg Config, prev *Filter, env filters.Env) (*Filter, error) {
	if err := cfg.check(env); err != nil {
		return nil, err
	}
	f := &Filter{env: env, clock: newClock(env.Now), nextID: 1}
	f.pool.New = func() any { return &decision{asks: make([]ask, 0, 8)} }
	if prev != nil {
		f.clock, f.nextID = prev.clock, prev.nextID
	}
	if cfg.Store.Redis != nil {
		var err error
		if f.remote, err = newRemote(*cfg.Store.Redis, prev.shared(), env); err != nil {
			return nil, err
		}
	}
	for i := range cfg.Limits {
		l := compile(&cfg.Limits[i], i, &cfg, prev.named(cfg.Limits[i].Name), f.nextID, env)
		f.nextID++
		f.limits = append(f.limits, l)
	}
	f.gone = f.lost(prev)
	f.head = f.ordered(func(l *limit) bool { return !l.onBody })
	f.body = f.ordered(func(l *limit) bool { return l.onBody })
	f.both = f.ordered(func(*limit) bool { return true })
	return f, nil
}

// named is the limit of that name, or nil.
func (f *Filter) named(name string) *limit {
	if f == nil {
		return nil
	}
	for _, l := range f.limits {
		if l.name == name {
			return l
		}
	}
	return nil
}

// lost lists the limits of prev that f has no more.
func (f *Filter) lost(prev *Filter) (names []string) {
	if prev == nil {
		return nil
	}
	for _, l := range prev.limits {
		if f.named(l.name) == nil {
			names = append(names, l.name)
		}
	}
	return names
}

// shared is the shared store, or nil.
func (f *Filter) shared() *remote {
	if f == nil {
		return nil
	}
	return f.remote
}

// ordered lists limits in the order in which their locks are taken: the accounts that all requests share come last, so that
// they are held shortest.
func (f *Filter) ordered(which func(*limit) bool) []*limit {
	var out []*limit
	for _, l := range f.limits {
		if which(l) && l.Mode != filters.Off {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b *limit) int {
		if ga, gb := a.by.kind == byGlobal, b.by.kind == byGlobal; ga != gb {
			if ga {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.ledger.order, b.ledger.order)
	})
	return out
}

// begin makes the ledgers before send their callers here, once.
func (f *Filter) begin() {
	if f.live.Load() || f.live.Swap(true) {
		return
	}
	for _, l := range f.limits {
		l.ledger.takeOver()
	}
}

// clock gives the time in µs since the epoch as it was when the first filter began; steps of the wall clock do not reach it.
type clock struct {
	now   func() time.Time
	real  bool // now is time.Now: its monotonic half, which is half the cost, will do
	base  time.Time
	epoch int64
}

func newClock(now func() time.Time) *clock {
	base := now()
	isReal := reflect.ValueOf(now).Pointer() == reflect.ValueOf(time.Now).Pointer()
	return &clock{now: now, real: isReal, base: base, epoch: base.UnixMicro()}
}

func (c *clock) micros() int64 {
	if c.real {
		return c.epoch + time.Since(c.base).Microseconds()
	}
	return c.epoch + c.now().Sub(c.base).Microseconds()
}
