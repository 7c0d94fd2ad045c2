package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
)

// cache finds what belongs to a small key without a lock and without an allocation: readers see an immutable map, and
// the rare writer replaces it. Bounded: past max nothing is added.
type cache[K comparable, V any] struct {
	m   atomic.Pointer[map[K]V]
	mu  sync.Mutex // one writer at a time
	max int
}

func (c *cache[K, V]) get(k K) (v V, ok bool) {
	if m := c.m.Load(); m != nil {
		v, ok = (*m)[k]
	}
	return v, ok
}

// full reports whether ensure would keep nothing new.
func (c *cache[K, V]) full() bool {
	m := c.m.Load()
	return m != nil && len(*m) >= c.max
}

// ensure returns what is kept under k, or makes it and keeps it unless the cache is full. k must own its memory.
func (c *cache[K, V]) ensure(k K, make func() V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.get(k); ok {
		return v
	}
	v := make()
	if c.full() {
		return v
	}
	next := map[K]V{}
	if old := c.m.Load(); old != nil {
		next = maps.Clone(*old)
	}
	next[k] = v
	c.m.Store(&next)
	return v
}

func (c *cache[K, V]) each(f func(K, V)) {
	if m := c.m.Load(); m != nil {
		for k, v := range *m {
			f(k, v)
		}
	}
}
