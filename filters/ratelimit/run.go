package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"blaze/telemetry"
)

// How often what is looked after.
const (
	lookAfter = 250 * time.Millisecond
	tidyEach  = 4 // shards of every table, each time: a table is through in four seconds
	seenFor   = 5 * time.Second
	maxDirty  = 1 << 16
)

// Run looks after what no request does: it sweeps the tables and, with Redis, notices that it answers again, tells it what
// happened meanwhile, and counts the replicas.
func (f *Filter) Run(ctx context.Context) {
	f.begin()
	f.gauges()
	t := time.NewTicker(lookAfter)
	defer t.Stop()
	for n := 0; ; n++ {
		if f.remote != nil {
			f.remote.lookAfter(ctx, f.clock)
		}
		f.tidy(n * tidyEach)
		select {
		case <-ctx.Done():
			f.stop()
			return
		case <-t.C:
		}
	}
}

func (f *Filter) tidy(from int) {
	now := f.clock.micros()
	for _, l := range f.limits {
		g := l.ledger.live()
		for i := range tidyEach {
			g.table.tidy(&g.rule, from+i, now)
		}
		if from%shardCount == 0 {
			g.forget(now)
		}
	}
}

// stop says to Redis what is still to be said and closes the connections, unless a later filter goes on with them.
func (f *Filter) stop() {
	if f.remote != nil && !f.remote.adopted.Load() {
		f.remote.courier.close()
		_ = f.remote.client.Close()
	}
}

// gauges shows the limits, and no more those that are gone.
func (f *Filter) gauges() {
	for _, name := range f.gone {
		for _, g := range []string{"accounts", "waiting", "coarse", "limit"} {
			f.env.Metrics.Gauge("blaze_ratelimit_"+g, nil, name)
		}
	}
	for _, l := range f.limits {
		g := l.ledger
		f.env.Metrics.Gauge("blaze_ratelimit_accounts", func() float64 { return float64(g.live().size(f.clock.micros())) }, l.name)
		f.env.Metrics.Gauge("blaze_ratelimit_waiting", func() float64 { return float64(g.live().lines.waiting.Load()) }, l.name)
		f.env.Metrics.Gauge("blaze_ratelimit_coarse", func() float64 { return float64(g.live().table.coarse.Load()) }, l.name)
		f.env.Metrics.Gauge("blaze_ratelimit_limit", func() float64 { return float64(g.live().rule.capacity()) }, l.name)
	}
	if r := f.remote; r != nil {
		f.env.Metrics.Gauge("blaze_ratelimit_redis_up", func() float64 {
			if r.broken.Load() {
				return 0
			}
			return 1
		})
		f.env.Metrics.Gauge("blaze_ratelimit_replicas", func() float64 { return float64(r.replicas.Load()) })
	}
}

// Checks is Redis's part of /health/detailed.
func (f *Filter) Checks() []telemetry.Check {
	r := f.remote
	if r == nil {
		return nil
	}
	status := "ok"
	if r.broken.Load() {
		status = "degraded"
		if r.cfg.OnError == Closed {
			status = "down"
		}
	}
	detail := map[string]any{"mode": r.cfg.Mode.String(), "on_error": r.cfg.OnError.String(), "replicas": r.replicas.Load()}
	return []telemetry.Check{{Name: "redis", Status: status, Detail: detail}}
}

// lookAfter keeps the breaker and the count of replicas.
func (r *remote) lookAfter(parent context.Context, c *clock) {
	ctx, cancel := context.WithTimeout(parent, max(10*r.cfg.Timeout, 100*time.Millisecond))
	defer cancel()
	if err := r.countReplicas(ctx); err != nil {
		if parent.Err() == nil {
			r.lost(err)
		}
		return
	}
	if (r.broken.Load() || r.dirty.any()) && r.reconcile(ctx, c) == nil {
		r.found()
	}
}

// replicasScript registers a replica and counts those seen lately, on Redis's clock.
const replicasScript = `local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
return redis.call('ZCARD', KEYS[1])`

func (r *remote) countReplicas(ctx context.Context) error {
	n, err := r.client.Eval(ctx, replicasScript, []string{r.cfg.Prefix + ":replicas"}, r.id, seenFor.Milliseconds()).Int64()
	if err == nil && n > 0 && !r.broken.Load() {
		r.replicas.Store(n)
	}
	return err
}

// reconcile tells Redis, of every account that was used without it, how much is in use by now. Redis keeps the larger
// figure, so that it does not matter which replica speaks first, nor whether Redis has lost its memory.
func (r *remote) reconcile(ctx context.Context, c *clock) error {
	all := r.dirty.list()
	for len(all) > 0 {
		some := all[:min(len(all), 100)]
		all = all[len(some):]
		pipe := r.client.Pipeline()
		cmds := make([]*redis.Cmd, len(some))
		for i, k := range some {
			keys, args := r.prepare("raise", []call{k.call(r, c.micros())})
			cmds[i] = r.script.Eval(ctx, pipe, keys, args...)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		r.dirty.done(some)
	}
	return nil
}

// dirtyKeys are the accounts that were used without Redis. Beyond their bound an account is not told of: it is whole in
// Redis when that answers again.
type dirtyKeys struct {
	mu   sync.Mutex
	keys map[dirtyKey]struct{} // guarded by mu
}

type dirtyKey struct {
	limit  *limit
	ledger *ledger
	key    uint64
	digest [16]byte
}

// call raises the account in Redis to what the mirror says.
func (k *dirtyKey) call(r *remote, now int64) call {
	used := k.ledger.live().usedBy(k.key, now)
	return call{key: r.key(k.limit, k.digest), rule: &k.ledger.live().rule, units: used}
}

func (d *dirtyKeys) add(asks []ask) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil {
		d.keys = map[dirtyKey]struct{}{}
	}
	for i := range asks {
		if len(d.keys) < maxDirty {
			d.keys[dirtyKey{asks[i].limit, asks[i].ledger, asks[i].key, asks[i].digest}] = struct{}{}
		}
	}
}

func (d *dirtyKeys) any() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.keys) > 0
}

func (d *dirtyKeys) list() (out []dirtyKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.keys {
		out = append(out, k)
	}
	return out
}

func (d *dirtyKeys) done(keys []dirtyKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range keys {
		delete(d.keys, k)
	}
}
