package ratelimit

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// table holds one limit's accounts by hashed key: bounded, without eviction. An account is dropped only when it is as good
// as new. When the table is full of accounts that are not, newcomers share coarse accounts by their network: whoever
// invents keys spends the account of the network he sits in, and no busy user's debt is forgotten.
type table struct {
	shards [shardCount]*shard
	seed   keySeed
	most   int // accounts in one shard
	coarse atomic.Int64
}

const (
	shardBits   = 6
	shardCount  = 1 << shardBits
	coarseCount = 64        // coarse accounts in one shard
	firstSize   = 8         // of a shard's slots
	fullSweep   = 1_000_000 // µs between two sweeps of a whole shard that is full
)

type entry struct {
	key uint64 // 0 is an empty place
	s   state
}

// placeSize is the size of an entry, a cache line; places begin at a multiple of it.
const placeSize = unsafe.Sizeof(entry{})

// shard is a hash table with linear probing; the hash is seeded, so nobody can aim at one place. 64 bytes, each
// allocated for itself, so that two never share a cache line.
type shard struct {
	mu     sync.Mutex
	places []entry        // guarded by mu; a power of two
	n      int            // guarded by mu; accounts
	cursor int            // guarded by mu; where sweeping goes on
	full   *full          // guarded by mu; nil while the shard has room
	where  atomic.Uintptr // of places, for hint: its address, and its length's exponent in the bits below, which are 0 there
}

// full is what a shard has that is full.
type full struct {
	swept    int64 // µs
	accounts [coarseCount]state
}

func newTable(seed keySeed, most int) *table {
	t := &table{seed: seed, most: max(most/shardCount, 1)}
	for i := range t.shards {
		t.shards[i] = &shard{}
	}
	return t
}

func (t *table) shard(key uint64) *shard { return t.shards[key>>(64-shardBits)] }

// hint has the processor fetch the place where key's account should be, without waiting for it: with a million accounts the
// memory is far, and there is enough to do until the account is needed. No lock is held, so places may just be another; then
// the hint was in vain.
func (h *shard) hint(key uint64) {
	if at := h.home(key); at != 0 {
		prefetch(at)
	}
}

// home is the address of the place that key is meant for, 0 while there is none; a hint, since no lock is held.
func (h *shard) home(key uint64) uintptr {
	where := h.where.Load()
	if where == 0 {
		return 0
	}
	exponent := where % placeSize
	return where - exponent + uintptr(key&(1<<exponent-1))*placeSize
}

// find returns key's account, or nil. The caller holds mu.
func (h *shard) find(key uint64) *state {
	mask := len(h.places) - 1
	if mask < 0 {
		return nil
	}
	for i := int(key) & mask; ; i = (i + 1) & mask {
		switch h.places[i].key {
		case key:
			return &h.places[i].s
		case 0:
			return nil
		}
	}
}

// reach returns key's account, and whether it is there: if not, there is room for it and insert will make it; when there
// is none, it is the coarse account of the client's network. The caller holds mu.
func (t *table) reach(h *shard, r *rule, key uint64, net uint32, now int64) *state {
	if s := h.find(key); s != nil {
		return s
	}
	if h.n < t.most {
		return nil
	}
	if h.full == nil {
		h.full = &full{}
	}
	if now-h.full.swept >= fullSweep {
		h.full.swept = now
		if h.sweep(r, len(h.places), now); h.n < t.most {
			return nil
		}
	}
	t.coarse.Add(1)
	return &h.full.accounts[net%coarseCount]
}

// insert makes key's account. The caller holds mu and has seen that there is room. What find returned before is void.
func (h *shard) insert(r *rule, key uint64, s state, now int64) {
	h.sweep(r, 2, now) // each newcomer looks at two others: what is as good as new makes room
	if 4*(h.n+1) > 3*len(h.places) {
		h.grow(r, now)
	}
	h.put(key, s)
}

func (h *shard) put(key uint64, s state) {
	mask := len(h.places) - 1
	i := int(key) & mask
	for h.places[i].key != 0 {
		i = (i + 1) & mask
	}
	h.places[i] = entry{key, s}
	h.n++
}

// grow doubles the places, leaving behind what is as good as new.
func (h *shard) grow(r *rule, now int64) { h.resize(r, max(2*len(h.places), firstSize), now) }

func (h *shard) resize(r *rule, size int, now int64) {
	old := h.places
	h.places, h.n, h.cursor = make([]entry, size), 0, 0
	h.where.Store(uintptr(unsafe.Pointer(&h.places[0])) + uintptr(bits.TrailingZeros(uint(size))))
	for i := range old {
		if old[i].key != 0 && !r.idle(&old[i].s, now) {
			h.put(old[i].key, old[i].s)
		}
	}
}

// sweep looks at the next n places and drops the accounts that are as good as new.
func (h *shard) sweep(r *rule, n int, now int64) {
	mask := len(h.places) - 1
	for range min(n, len(h.places)) {
		h.cursor &= mask
		if e := &h.places[h.cursor]; e.key != 0 && r.idle(&e.s, now) {
			h.drop(h.cursor)
			continue // another one may have moved here
		}
		h.cursor++
	}
}

// drop empties place i and moves up those behind it that could not have the place they were meant for.
func (h *shard) drop(i int) {
	mask := len(h.places) - 1
	h.n--
	for j := (i + 1) & mask; h.places[j].key != 0; j = (j + 1) & mask {
		home := int(h.places[j].key) & mask
		if (j-home)&mask >= (j-i)&mask {
			h.places[i] = h.places[j]
			i = j
		}
	}
	h.places[i] = entry{}
}

// tidy sweeps one shard and gives memory back that a past rush took.
func (t *table) tidy(r *rule, i int, now int64) {
	h := t.shards[i%shardCount]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sweep(r, len(h.places), now)
	if size := len(h.places); size > firstSize && 8*h.n < size {
		h.resize(r, size/2, now)
	}
	if h.full == nil {
		return
	}
	for j := range h.full.accounts {
		if !r.idle(&h.full.accounts[j], now) {
			return
		}
	}
	h.full = nil
}

// size counts the accounts.
func (t *table) size() int {
	n := 0
	for i := range t.shards {
		h := t.shards[i]
		h.mu.Lock()
		n += h.n
		h.mu.Unlock()
	}
	return n
}
