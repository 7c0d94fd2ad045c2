// Package cache keeps answers in memory: bounded in bytes and in age, the least recently used out first. An answer is
// found while it is still being written, so that many who ask the same at once share one generation. It decides neither
// what may be kept nor who may see it: that is what the keys say.
package cache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Key says whose answer to what: a cryptographic hash, so that nobody can ask for another's.
type Key [32]byte

// Limits are a store's bounds.
type Limits struct {
	Bytes int64         // of all answers, those being written too
	TTL   time.Duration // how long an answer is given out
	Stale time.Duration // how long after that it may still stand in where nothing better is to be had
}

// overhead is what an answer costs beside its bytes.
const overhead = 1 << 10

// share of the store that one answer may fill: one huge answer must not push out all others.
const share = 8

// Store keeps answers by key. Safe for concurrent use. Its lock is held for a few map operations only, and only by
// requests that can be answered from it.
type Store struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	entries map[Key]*entry // guarded by mu
	newest  *entry         // guarded by mu; entries with a whole answer, as a ring through newest; nil when there is none
	bytes   int64          // guarded by mu
	evicted int64          // guarded by mu; whole answers pushed out for others
}

// entry is what is known under one key: an answer that is whole, one that is being written, or both.
type entry struct {
	key        Key
	digest     Key
	whole      *Answer
	running    *Answer
	prev, next *entry
}

// New makes an empty store.
func New(l Limits, now func() time.Time) *Store {
	return &Store{limits: l, now: now, entries: map[Key]*entry{}}
}

// Limits are the bounds that the store was made with.
func (s *Store) Limits() Limits { return s.limits }

// Found says what there was under a key.
type Found uint8

// What Find can find.
const (
	Nothing Found = iota // the caller has a Recording, and must end it
	Whole                // an answer
	Running              // an answer that is being written
	Other                // the key stands for another request
	Taken                // an answer is being written, and the caller did not want to wait for it
)

// Query is one question to a store.
type Query struct {
	Key Key
	// Digest is of the request where the key alone does not tell: under one key there is one request.
	Digest Key
	// Alone says that the caller would rather have no answer than wait for one that is being written.
	Alone bool
	// Keep is called with true when somebody waits for what the caller records, with false when nobody does any more.
	// It must not block, and must not call back.
	Keep func(bool)
}

// Find looks q up. Exactly one of the results beside the first is set, and only by the Found that it belongs to: a Reader
// for Whole and Running, a Recording for Nothing. Each is ended once, by Close and by End or Abandon.
func (s *Store) Find(q Query) (Found, *Reader, *Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[q.Key]
	if e != nil && e.whole != nil && s.age(e.whole) >= s.limits.TTL+s.limits.Stale {
		e = s.forget(e)
	}
	switch {
	case e == nil:
	case e.digest != q.Digest && (e.running != nil || s.fresh(e)):
		return Other, nil, nil
	case s.fresh(e):
		s.touch(e)
		return Whole, &Reader{a: e.whole, since: s.age(e.whole)}, nil
	case e.running != nil && q.Alone:
		return Taken, nil, nil
	case e.running != nil:
		if r := e.running.join(); r != nil {
			return Running, r, nil
		}
		return Taken, nil, nil
	}
	if e == nil {
		e = &entry{key: q.Key}
		s.entries[q.Key] = e
	}
	a := &Answer{changed: make(chan struct{}), keep: q.Keep}
	if a.keep == nil {
		a.keep = func(bool) {}
	}
	e.digest, e.running = q.Digest, a
	s.bytes += overhead
	s.makeRoom()
	return Nothing, nil, &Recording{s: s, e: e, a: a}
}

// Stale returns an answer to q that may be past its time; nil when there is none.
func (s *Store) Stale(k Key) *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	if e == nil || e.whole == nil || s.age(e.whole) >= s.limits.TTL+s.limits.Stale {
		return nil
	}
	s.touch(e)
	return &Reader{a: e.whole, since: s.age(e.whole)}
}

// Stats are a store's figures.
type Stats struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
	Max     int64 `json:"max_bytes"`
	Evicted int64 `json:"evicted"`
}

// Stats says how full the store is.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Entries: len(s.entries), Bytes: s.bytes, Max: s.limits.Bytes, Evicted: s.evicted}
}

// Run takes out answers that are too old to be given to anybody, until ctx ends: what was said to one client does not
// stay in memory because nobody else came.
func (s *Store) Run(ctx context.Context) {
	tick := time.NewTicker(min(max((s.limits.TTL+s.limits.Stale)/4, time.Second), time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sweep()
		}
	}
}

func (s *Store) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if e.whole != nil && s.age(e.whole) >= s.limits.TTL+s.limits.Stale {
			s.forget(e)
		}
	}
}

// The errors of a Reader.
var (
	// ErrFailed: the answer will not come, or not whole; whoever wrote it has given up.
	ErrFailed = errors.New("the answer that was waited for failed")
	// ErrGone: the reader's own exchange was given up.
	ErrGone = errors.New("the reader has gone")
	// ErrLate: the reader's time is up.
	ErrLate = errors.New("the reader's time is up")
)

func (s *Store) age(a *Answer) time.Duration { return s.now().Sub(a.kept) }

func (s *Store) fresh(e *entry) bool { return e.whole != nil && s.age(e.whole) < s.limits.TTL }

// forget drops e's whole answer, and returns e if something is left of it. The methods from here on are called with mu
// held.
func (s *Store) forget(e *entry) *entry {
	s.unlink(e)
	s.bytes -= e.whole.cost
	e.whole = nil
	if e.running == nil {
		delete(s.entries, e.key)
		return nil
	}
	return e
}

// makeRoom pushes out the least recently used until the store is within its bounds; false when it cannot be.
func (s *Store) makeRoom() bool {
	for s.bytes > s.limits.Bytes {
		if s.newest == nil {
			return false
		}
		s.forget(s.newest.prev)
		s.evicted++
	}
	return true
}

// touch makes e the most recently used.
func (s *Store) touch(e *entry) {
	s.unlink(e)
	if s.newest == nil {
		e.prev, e.next = e, e
	} else {
		e.prev, e.next = s.newest.prev, s.newest
		e.prev.next, e.next.prev = e, e
	}
	s.newest = e
}

func (s *Store) unlink(e *entry) {
	if e.next == nil {
		return
	}
	switch {
	case e.next == e:
		s.newest = nil
	default:
		e.prev.next, e.next.prev = e.next, e.prev
		if s.newest == e {
			s.newest = e.next
		}
	}
	e.prev, e.next = nil, nil
}
