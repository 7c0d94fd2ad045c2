package behavior

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaissmai/bart"
)

// The list of bans is bounded: in each shard so many, running or remembered. When a shard is full, what is only remembered
// goes first. A ban that runs never makes room for one by score, so that nobody gets out by having others banned; there is
// then no new one, and the client goes on scoring.
const (
	maxShard = 512
	maxBans  = shards * maxShard
	maxWide  = 1024
)

// bans is the list, read by every request while anybody is banned.
type bans struct {
	seed    maphash.Seed
	running atomic.Int64 // bans that may run; 0 is the way of most requests
	people  atomic.Int64 // identities among them
	shards  [shards]banShard
	wide    atomic.Pointer[bart.Table[Target]] // networks of more than one client; nil for none
	wideMu  sync.Mutex                         // held while wide is made anew
	wides   map[Target]struct{}                // guarded by wideMu
}

type banShard struct {
	// maybe has a bit set for every ban that runs, by its target's hash: most who are not banned need no lock to know it.
	// Written with mu held.
	maybe [maxShard * 8 / 64]atomic.Uint64

	mu   sync.RWMutex
	bans map[Target]Ban // guarded by mu
}

// bit is where a target's hash is in maybe.
func (s *banShard) bit(hash uint64) (word *atomic.Uint64, bit uint64) {
	return &s.maybe[hash>>6&uint64(len(s.maybe)-1)], 1 << (hash >> 12 & 63)
}

// tidy sets maybe to what is there, a word at a time: at no moment does a ban that runs lack its bit.
func (s *banShard) tidy(seed maphash.Seed) {
	var next [len(s.maybe)]uint64
	for t, ban := range s.bans {
		if !ban.over && !ban.Lifted {
			h := t.hash(seed)
			next[h>>6&uint64(len(next)-1)] |= 1 << (h >> 12 & 63)
		}
	}
	for i := range next {
		s.maybe[i].Store(next[i])
	}
}

func newBans(seed maphash.Seed) *bans {
	b := &bans{seed: seed, wides: map[Target]struct{}{}}
	for i := range b.shards {
		b.shards[i].bans = map[Target]Ban{}
	}
	return b
}

// may reports whether t may have a ban that runs.
func (b *bans) may(t Target) bool {
	h := t.hash(b.seed)
	word, bit := b.shards[h>>58].bit(h)
	return word.Load()&bit != 0
}

// get returns what is known of t.
func (b *bans) get(t Target) (Ban, bool) {
	s := &b.shards[t.hash(b.seed)>>58]
	s.mu.RLock()
	defer s.mu.RUnlock()
	ban, ok := s.bans[t]
	return ban, ok
}

// outcome says what became of a change.
type outcome uint8

const (
	unchanged outcome = iota
	changed
	full
)

// change replaces what is known of t by what edit makes of it; ok false leaves it. With force there is always room.
func (b *bans) change(t Target, now time.Time, force bool, edit func(old Ban, known bool) (next Ban, ok bool)) outcome {
	h := t.hash(b.seed)
	s := &b.shards[h>>58]
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.bans[t]
	next, ok := edit(old, known)
	if !ok {
		return unchanged
	}
	if !known && len(s.bans) >= maxShard && !b.makeRoom(s.bans, now, force) {
		return full
	}
	if t.wide() && !b.widen(t, next.runs(now)) {
		return full
	}
	b.count(old, known, -1)
	b.count(next, true, 1)
	s.bans[t] = next
	word, bit := s.bit(h)
	word.Or(bit)
	return changed
}

// count keeps the numbers that let requests pass without a look.
func (b *bans) count(ban Ban, known bool, by int64) {
	if !known || ban.Lifted || ban.over {
		return
	}
	b.running.Add(by)
	if !ban.Net.IsValid() {
		b.people.Add(by)
	}
}

// makeRoom drops the ban that ended first; with force, where all run, the one by score that ends first.
func (b *bans) makeRoom(list map[Target]Ban, now time.Time, force bool) bool {
	var victim Ban
	for _, ban := range list {
		if (force && ban.By == byScore || !ban.runs(now)) && (victim.By == "" || ban.Until.Before(victim.Until)) {
			victim = ban
		}
	}
	if victim.By == "" {
		return false
	}
	b.count(victim, true, -1)
	delete(list, victim.Target)
	return true
}

// widen makes the table of wide networks anew, with or without t; false when there are too many.
func (b *bans) widen(t Target, in bool) bool {
	b.wideMu.Lock()
	defer b.wideMu.Unlock()
	if _, there := b.wides[t]; there == in {
		return true
	}
	if in {
		if len(b.wides) >= maxWide {
			return false
		}
		b.wides[t] = struct{}{}
	} else {
		delete(b.wides, t)
	}
	if len(b.wides) == 0 {
		b.wide.Store(nil)
		return true
	}
	next := new(bart.Table[Target])
	for t := range b.wides {
		next.Insert(t.Net, t)
	}
	b.wide.Store(next)
	return true
}

// sweep takes note of the bans that ended, drops what is remembered no more, and returns those of this replica's own that
// ended since the last sweep.
func (b *bans) sweep(now time.Time) (ended []Ban) {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		for t, ban := range s.bans {
			if ban.runs(now) {
				continue
			}
			if !ban.over && !ban.Lifted {
				if b.ends(&ban); ban.own {
					ended = append(ended, ban)
				}
				s.bans[t] = ban
			}
			if !now.Before(ban.memory()) {
				delete(s.bans, t)
			}
		}
		s.tidy(b.seed)
		s.mu.Unlock()
	}
	return ended
}

// ends notes that a ban is over.
func (b *bans) ends(ban *Ban) {
	b.count(*ban, true, -1)
	ban.over = true
	if ban.wide() {
		b.widen(ban.Target, false)
	}
}

// list returns the bans for which want is true, the last placed first.
func (b *bans) list(want func(*Ban) bool) []Ban {
	var out []Ban
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.RLock()
		for _, ban := range s.bans {
			if want(&ban) {
				out = append(out, ban)
			}
		}
		s.mu.RUnlock()
	}
	slices.SortFunc(out, func(a, c Ban) int { return c.Since.Compare(a.Since) })
	return out
}
