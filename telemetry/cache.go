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

// full reports whether add would do nothing for a new key.
func (c *cache[K, V]) full() bool {
	m := c.m.Load()
	return m != nil && len(*m) >= c.max
}

// add keeps v under k unless the cache is full. k must own its memory.
func (c *cache[K, V]) add(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.m.Load()
	next := map[K]V{}
	if old != nil {
		if len(*old) >= c.max {
			return
		}
		next = maps.Clone(*old)
	}
	next[k] = v
	c.m.Store(&next)
}
