package cache

import (
	"bytes"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Answer is one answer: its head, and of its body what has been written so far. Once whole it never changes.
type Answer struct {
	// Of a whole answer, guarded by the store's mu until then.
	kept time.Time
	cost int64

	mu      sync.Mutex
	state   state                   // guarded by mu
	header  fasthttp.ResponseHeader // guarded by mu until state is begun
	frames  frameKind               // guarded by mu until state is begun
	body    []byte                  // guarded by mu until state is whole; it only grows
	readers int                     // guarded by mu; who wait for a running answer
	keep    func(bool)              // guarded by mu; nil once nothing is written any more
	changed chan struct{}           // guarded by mu; closed and replaced at every change that somebody waits for
}

type state uint8

const (
	pending state = iota // nothing has come yet
	begun                // the head is known
	whole
	failed
)

// frameKind says how an answer is divided, and so how it is given out again.
type frameKind uint8

const (
	inOnePiece frameKind = iota
	events               // text/event-stream
	lines                // application/x-ndjson
)

// join adds a reader to an answer that was running a moment ago; nil when it failed meanwhile.
func (a *Answer) join() *Reader {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case failed:
		return nil
	case whole:
		return &Reader{a: a}
	}
	if a.readers++; a.readers == 1 {
		a.keep(true)
	}
	return &Reader{a: a, joined: true}
}

// leave takes a reader away.
func (a *Answer) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.readers--; a.readers == 0 && a.keep != nil {
		a.keep(false)
	}
}

// tell wakes the readers. It is called with mu held.
func (a *Answer) tell() {
	if a.readers > 0 {
		close(a.changed)
		a.changed = make(chan struct{})
	}
}

// over ends the writing.
func (a *Answer) over(ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state = failed; ok {
		a.state = whole
	}
	if cap(a.body)-len(a.body) > len(a.body)/4 {
		a.body = bytes.Clone(a.body) // what is counted is what is held
	}
	a.keep(false)
	a.keep = nil
	a.tell()
}

// Recording is the right to write one answer. It belongs to one goroutine at a time.
type Recording struct {
	s    *Store
	e    *entry
	a    *Answer
	cost int64
	keep bool // once whole, the answer stays
	done bool
}

// Begin publishes the head. keep says whether the answer stays once it is whole; one that does not is given only to those
// who wait for it now. The header is copied, without the fields that were meant for one client.
func (r *Recording) Begin(h *fasthttp.ResponseHeader, keep bool) {
	if r.done {
		return
	}
	size := int64(0)
	for name, value := range h.All() {
		size += int64(len(name) + len(value))
	}
	if !r.s.grow(r, size) {
		r.Abandon()
		return
	}
	a := r.a
	a.mu.Lock()
	defer a.mu.Unlock()
	h.CopyTo(&a.header)
	personal(&a.header)
	r.keep = keep
	a.frames, a.state = framesOf(h.ContentType()), begun
	a.tell()
}

// Write adds to the body. An answer too large for the store is given up: those who read it fail.
func (r *Recording) Write(p []byte) {
	if r.done {
		return
	}
	if !r.s.grow(r, int64(len(p))) {
		r.Abandon()
		return
	}
	a := r.a
	a.mu.Lock()
	defer a.mu.Unlock()
	a.body = append(a.body, p...)
	a.tell()
}

// Wanted reports whether somebody waits for the rest of the answer.
func (r *Recording) Wanted() bool {
	if r.done {
		return false
	}
	r.a.mu.Lock()
	defer r.a.mu.Unlock()
	return r.a.readers > 0
}

// End says that the body is whole. More calls do nothing.
func (r *Recording) End() { r.end(true) }

// Abandon says that the answer will not come. More calls, and one after End, do nothing.
func (r *Recording) Abandon() { r.end(false) }

func (r *Recording) end(ok bool) {
	if r.done {
		return
	}
	r.done = true
	r.a.over(ok)
	r.s.settle(r, ok && r.keep)
}

// grow takes room for n more bytes.
func (s *Store) grow(r *Recording, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.cost+n > s.limits.Bytes/share {
		return false
	}
	r.cost += n
	s.bytes += n
	return s.makeRoom()
}

// settle puts the recorded answer in its entry's place, or gives its room back.
func (s *Store) settle(r *Recording, keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := r.e
	e.running = nil
	if !keep {
		s.bytes -= r.cost + overhead
		if e.whole == nil {
			delete(s.entries, e.key)
		}
		return
	}
	if e.whole != nil {
		s.unlink(e)
		s.bytes -= e.whole.cost
	}
	r.a.kept, r.a.cost = s.now(), r.cost+overhead
	e.whole = r.a
	s.touch(e)
}
