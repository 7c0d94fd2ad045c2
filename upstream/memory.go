package upstream

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream/cache"
)

// Cache keeps answers to requests whose answer is the same each time, for the tenant that got them.
type Cache struct {
	TTL     time.Duration `yaml:"ttl" default:"5m" doc:"how long an answer is given out again"`
	Max     setting.Bytes `yaml:"max" default:"64MiB" doc:"memory for answers; the least recently used go first, and one answer may fill an eighth"`
	Streams bool          `yaml:"streams" default:"false" doc:"keep streams too, and replay them frame by frame"`
	Stale   time.Duration `yaml:"stale" default:"1h" doc:"how long after its ttl an answer may still be the fallback {cached: true}; without that fallback answers go at the end of their ttl"`
}

// Idempotency keeps answers by the Idempotency-Key of their requests (draft-ietf-httpapi-idempotency-key-header).
type Idempotency struct {
	TTL time.Duration `yaml:"ttl" default:"10m" doc:"how long a repeated key gets the answer that the first got"`
	Max setting.Bytes `yaml:"max" default:"64MiB" doc:"memory for answers; the least recently used go first, and one answer may fill an eighth"`
}

// memory is what a pool remembers of its answers: one store for equal requests, one for keys. Either may be nil.
type memory struct {
	cached, keyed *cache.Store
	streams       bool
	cfg           Config // what the answers depend on, to tell whether a reload changes them
	cacheCount    [recalls]*telemetry.Counter
	keyCount      [recalls]*telemetry.Counter
}

func checkMemory(cfg *Config) error {
	var problems []error
	wrong := func(path, want string, got any) { problems = append(problems, setting.Wrong(path, want, got)) }
	bounds := func(name string, ttl time.Duration, size setting.Bytes) {
		if ttl < time.Second || ttl > 24*time.Hour {
			wrong(name+".ttl", "a duration from 1s to 24h", ttl)
		}
		if size < 1<<20 || size > 1<<40 {
			wrong(name+".max", "a size from 1MiB to 1TiB", int64(size))
		}
	}
	if c := cfg.Cache; c != nil {
		bounds("cache", c.TTL, c.Max)
		if c.Stale < 0 || c.Stale > 7*24*time.Hour {
			wrong("cache.stale", "a duration from 0s to 168h", c.Stale)
		}
	}
	if c := cfg.Idempotency; c != nil {
		bounds("idempotency", c.TTL, c.Max)
	}
	return errors.Join(problems...)
}

// newMemory makes the pool's stores, or takes them over from the pool before where nothing has changed that an answer
// depends on.
func newMemory(name string, cfg Config, prev *Pool, env Env) *memory {
	if cfg.Cache == nil && cfg.Idempotency == nil {
		return nil
	}
	m := &memory{cfg: cfg}
	var old *memory
	if prev != nil && prev.memory != nil && reflect.DeepEqual(answersOf(prev.memory.cfg), answersOf(cfg)) {
		old = prev.memory
	}
	store := func(l cache.Limits, old *cache.Store) *cache.Store {
		if old != nil && old.Limits() == l {
			return old
		}
		return cache.New(l, env.Now)
	}
	if c := cfg.Cache; c != nil {
		m.streams = c.Streams
		l := cache.Limits{Bytes: int64(c.Max), TTL: c.TTL}
		for _, f := range cfg.Fallback {
			if f.Cached {
				l.Stale = c.Stale
			}
		}
		m.cached = store(l, old.store(false))
	}
	if c := cfg.Idempotency; c != nil {
		m.keyed = store(cache.Limits{Bytes: int64(c.Max), TTL: c.TTL}, old.store(true))
	}
	for r := Miss; r < recalls; r++ {
		m.cacheCount[r] = env.Metrics.Counter("blaze_cache_requests_total", name, r.String())
		m.keyCount[r] = env.Metrics.Counter("blaze_idempotency_requests_total", name, r.String())
	}
	return m
}

// answersOf is the part of an upstream's configuration that its answers depend on.
func answersOf(c Config) Config {
	return Config{Engine: c.Engine, Targets: c.Targets, Headers: c.Headers}
}

func (m *memory) store(keyed bool) *cache.Store {
	switch {
	case m == nil:
		return nil
	case keyed:
		return m.keyed
	}
	return m.cached
}

// Caches reports whether the pool keeps answers to equal requests, and whether streams too.
func (p *Pool) Caches() (answers, streams bool) {
	if p.memory == nil {
		return false, false
	}
	return p.memory.cached != nil, p.memory.streams
}

// Idempotent reports whether the pool keeps answers by idempotency keys.
func (p *Pool) Idempotent() bool { return p.memory != nil && p.memory.keyed != nil }

// PerSubject reports whether what the pool's headers tell the upstream differs between the callers of one tenant, so that
// its answers may too.
func (p *Pool) PerSubject() bool {
	if p.rewrite == nil {
		return false
	}
	for _, f := range p.rewrite.set {
		for _, part := range f.parts {
			if part.variable == subject || part.variable == tier {
				return true
			}
		}
	}
	return false
}

// run keeps the stores tidy until ctx ends.
func (m *memory) run(ctx context.Context, wg *sync.WaitGroup) {
	for _, keyed := range [...]bool{false, true} {
		if s := m.store(keyed); s != nil {
			wg.Go(func() { s.Run(ctx) })
		}
	}
}

// gauges shows how full the stores are.
func (m *memory) gauges(pool string, show func(name string, f func() float64, labels ...string)) {
	for keyed, label := range map[bool]string{false: "cache", true: "idempotency"} {
		if s := m.store(keyed); s != nil {
			show("blaze_cache_bytes", func() float64 { return float64(s.Stats().Bytes) }, pool, label)
			show("blaze_cache_entries", func() float64 { return float64(s.Stats().Entries) }, pool, label)
		}
	}
}

// memoryChecks are the memory's part of /health/detailed.
func (p *Pool) memoryChecks() []telemetry.Check {
	var checks []telemetry.Check
	if p.memory == nil {
		return nil
	}
	add := func(name string, s *cache.Store, count *[recalls]*telemetry.Counter) {
		if s == nil {
			return
		}
		detail := memoryDetail{Stats: s.Stats(), Requests: map[string]int64{}}
		for r := Miss; r < recalls; r++ {
			detail.Requests[r.String()] = count[r].Value()
		}
		checks = append(checks, telemetry.Check{Name: name + " " + p.name, Status: telemetry.StatusOK, Detail: detail})
	}
	add("cache", p.memory.cached, &p.memory.cacheCount)
	add("idempotency", p.memory.keyed, &p.memory.keyCount)
	return checks
}

type memoryDetail struct {
	cache.Stats
	Requests map[string]int64 `json:"requests"`
}
