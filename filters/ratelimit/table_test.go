package ratelimit

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// TestTableIsAMap: whatever is put in, grown, swept and dropped, every account that is in use is found as it was left.
func TestTableIsAMap(t *testing.T) {
	r := rule{kind: FixedWindow, limit: 10, per: 1000, cap: 10}
	rapid.Check(t, func(t *rapid.T) {
		var h shard
		want := map[uint64]state{}
		now := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.Int64Range(0, 400).Draw(t, "dt")
			key := rapid.Uint64Range(1, 40).Draw(t, "key") * 8 // many meant for one place
			if s := h.find(key); s != nil {
				r.add(s, 1, now)
				want[key] = *s
			} else {
				var s state
				r.add(&s, 1, now)
				h.insert(&r, key, s, now)
				want[key] = s
			}
			for k, s := range want {
				got := h.find(k)
				if got == nil && !r.idle(&s, now) || got != nil && *got != s {
					t.Fatalf("key %d: got %v; want %v", k, got, s)
				}
				if got == nil {
					delete(want, k)
				}
			}
			if h.n != len(want) {
				t.Fatalf("%d accounts; want %d", h.n, len(want))
			}
		}
	})
}

// TestInventedKeysEvictNobody: a flood of keys neither grows the table past its bound nor makes a busy user's account whole.
func TestInventedKeysEvictNobody(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("header:x-id"), Limit: 3, Per: time.Hour, MaxKeys: 6400})
	ask := func(id, from string) bool {
		x := w.exchange(caller{addr: from})
		x.Request.Set("X-Id", id)
		return filter.Request(x).Passed()
	}
	for range 3 {
		ask("busy", "192.0.2.1")
	}
	passed := 0
	for i := range 20_000 {
		if ask(fmt.Sprint("invented", i), "203.0.113.9") {
			passed++
		}
	}
	if ask("busy", "192.0.2.1") {
		t.Error("the flood gave the busy user a new account")
	}
	if n := filter.limits[0].ledger.table.size(); n > 6400 {
		t.Errorf("%d accounts; want at most 6400", n)
	}
	if passed > 6400+3*shardCount+64 {
		t.Errorf("%d invented callers passed; want no more than have accounts, and three for each coarse one", passed)
	}
	served := 0
	for i := range 64 {
		if ask(fmt.Sprint("newcomer", i), fmt.Sprintf("198.51.%d.1", i)) {
			served++
		}
	}
	if served < 56 {
		t.Errorf("%d of 64 newcomers from other networks pass; want nearly all", served)
	}
	w.now = w.now.Add(2 * time.Hour)
	if !ask("later", "203.0.113.9") {
		t.Error("the flood is not forgotten when its accounts are whole again")
	}
}

func TestTidyGivesMemoryBack(t *testing.T) {
	tab := newTable(newKeySeed(), 1<<20)
	r := mustBucket(10, 1_000_000)
	for i := range 10_000 {
		var s state
		r.add(&s, 10, 0)
		h := tab.shard(uint64(i)<<shardBits | 1)
		h.insert(&r, uint64(i)<<shardBits|1, s, 0)
	}
	for range 20 {
		for i := range shardCount {
			tab.tidy(&r, i, 10_000_000)
		}
	}
	places := 0
	for i := range tab.shards {
		places += len(tab.shards[i].places)
	}
	if tab.size() != 0 || places > shardCount*firstSize {
		t.Errorf("%d accounts in %d places are left of a rush that is over", tab.size(), places)
	}
}

// TestOneLineForEach: an account with its key, a shard's head, and the account of a global limit with its lock are a cache
// line each.
func TestOneLineForEach(t *testing.T) {
	if e, h, a := unsafe.Sizeof(entry{}), unsafe.Sizeof(shard{}), unsafe.Sizeof(account{}); e != 64 || h != 64 || a != 64 {
		t.Errorf("an entry has %d bytes, a shard %d, a single account %d; want 64 each", e, h, a)
	}
	tab := newTable(newKeySeed(), 1<<20)
	tab.shards[1].places = make([]entry, firstSize)
	for what, at := range map[string]unsafe.Pointer{"a shard": unsafe.Pointer(tab.shards[1]), "an entry": unsafe.Pointer(&tab.shards[1].places[0])} {
		if uintptr(at)%64 != 0 {
			t.Errorf("%s begins %d bytes into a cache line", what, uintptr(at)%64)
		}
	}
}

// TestHintsAreRight: what is fetched ahead is the place where an account is then looked for, however often the shard grew.
func TestHintsAreRight(t *testing.T) {
	var h shard
	if h.home(1) != 0 {
		t.Error("an empty shard gives hints")
	}
	r := mustBucket(10, 1_000_000)
	checked := 0
	for key := uint64(1); key <= 5000; key++ {
		var s state
		r.add(&s, 10, 0)
		h.insert(&r, key, s, 0)
		for _, k := range []uint64{1, key / 2, key, key * 0x9e3779b97f4a7c15} {
			checked++
			if want := uintptr(unsafe.Pointer(&h.places[int(k)&(len(h.places)-1)])); h.home(k) != want {
				t.Fatalf("%d places: key %d is looked for at %#x; the hint says %#x", len(h.places), k, want, h.home(k))
			}
			h.hint(k)
		}
	}
	if checked != 20_000 || len(h.places) < 4096 {
		t.Errorf("%d hints checked in %d places", checked, len(h.places))
	}
}

// TestAMillionAccountsFit in 200 MB.
func TestAMillionAccountsFit(t *testing.T) {
	if testing.Short() && os.Getenv("CI") != "true" {
		t.Skip("fills a table")
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	tab := newTable(newKeySeed(), 1<<30)
	r := slidingRule(10, 60_000_000)
	var key [8]byte
	for i := range 1_000_000 {
		key[0], key[1], key[2] = byte(i), byte(i>>8), byte(i>>16)
		k := tab.seed.part(0, key[:])
		var s state
		r.add(&s, 1, 1)
		tab.shard(k).insert(&r, k, s, 1)
	}
	got := heap() - before
	t.Logf("%d MB for %d accounts", got>>20, tab.size())
	if got > 200<<20 {
		t.Errorf("a million accounts take %d MB", got>>20)
	}
	runtime.KeepAlive(tab)
}
