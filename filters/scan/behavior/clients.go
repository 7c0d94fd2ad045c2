package behavior

import (
	"math"
	"sync"
	"time"
	"unsafe"
)

// The table of clients: so many, whatever comes. A client's place is one of ways in the one set that its key points to,
// and its set is behind one of the locks.
const (
	shards     = 64
	sets       = 128 // in a shard
	ways       = 8   // in a set
	maxClients = shards * sets * ways
)

// clients knows the score of every client that did something lately. When a set is full, a newcomer takes the place of the
// one whose points, decayed to now, are fewest; among equals, the longest quiet (LRFU: Lee et al., 2001). So those who
// invent addresses push out those who did nothing, and last of all each other. The key is a keyed hash: nobody can aim at
// a set, and two clients that share a key are as likely as a guess of 64 bits.
type clients struct {
	began  time.Time // what at counts from: with the monotonic half of the clock, so that setting the clock ages no point
	shards [shards]struct {
		mu   sync.Mutex
		sets *[sets][ways]client // guarded by mu; nil until the first client
	}
}

// client is one cache line.
type client struct {
	key         uint64
	at          int64  // when points were last brought up to date; nanoseconds since the table began
	paths       uint64 // sketch of the unknown paths it tried: one bit each
	credentials uint64 // sketch of the credentials it tried
	points      [causes]float32
	size        float32 // of its prompts, as a binary logarithm: mean
	spread      float32 // and mean deviation
	prompts     uint8   // how many made them; stays at 255
}

// clientBytes is what one place takes.
const clientBytes = int(unsafe.Sizeof(client{}))

// note is what the table is told of one exchange.
type note struct {
	weight
	bit      uint8 // in the sketch that weight.by names
	forgiven float32
	size     float32 // binary logarithm of the body's size; 0 is none
}

// half makes a score whole: five refusals of 20 points in a row are 100, although the first is older by a moment.
const half = 0.5

// rules are what a policy says of scores.
type rules struct {
	half float64 // time in which points halve, ns
	goal float32
}

// since is now as the table counts it.
func (c *clients) since(now time.Time) int64 { return int64(now.Sub(c.began)) }

// add takes n in. At the goal it says what the points were given for, and forgets them. A note of good alone makes no
// place for a client that has none.
func (c *clients) add(key uint64, now int64, n note, r rules) (why [causes]float32, over bool) {
	s := &c.shards[key>>58]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil {
		if n.first == 0 && n.size == 0 {
			return why, false
		}
		s.sets = new([sets][ways]client)
	}
	set := &s.sets[key>>51&(sets-1)]
	e := find(set, key)
	if e == nil {
		if n.first == 0 && n.size == 0 {
			return why, false
		}
		if e = vacate(set, now, n.first == 0, r); e == nil {
			return why, false
		}
		*e = client{key: key, at: now}
	}
	e.decay(now, r)
	if n.size > 0 {
		e.sized(n.size, r)
	}
	if n.forgiven > 0 {
		e.forgive(n.forgiven)
	}
	if n.first > 0 {
		e.points[n.cause] += e.weigh(n)
	}
	if e.total() < r.goal-half {
		return why, false
	}
	why = e.points
	e.points = [causes]float32{}
	return why, true
}

// forget takes a client's points away.
func (c *clients) forget(key uint64) {
	s := &c.shards[key>>58]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil {
		return
	}
	if e := find(&s.sets[key>>51&(sets-1)], key); e != nil {
		*e = client{}
	}
}

func find(set *[ways]client, key uint64) *client {
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
	}
	return nil
}

// vacate finds the place for a newcomer; one that did nothing (clean) takes none from somebody who did.
func vacate(set *[ways]client, now int64, clean bool, r rules) *client {
	var least *client
	fewest := float32(math.Inf(1))
	for i := range set {
		e := &set[i]
		if e.key == 0 {
			return e
		}
		left := e.total()
		if left > 0 {
			left *= e.rest(now, r)
		}
		if left < fewest || left == fewest && e.at < least.at {
			least, fewest = e, left
		}
	}
	if clean && fewest >= 1 {
		return nil
	}
	return least
}

// known counts the clients that have a place.
func (c *clients) known() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += taken(s.sets)
		s.mu.Unlock()
	}
	return n
}

// taken counts the places of a shard that hold a client.
func taken(all *[sets][ways]client) (n int) {
	if all == nil {
		return 0
	}
	for i := range all {
		for j := range all[i] {
			if all[i][j].key != 0 {
				n++
			}
		}
	}
	return n
}
