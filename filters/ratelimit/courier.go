package ratelimit

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"blaze/filters"
)

// courier carries what requests have to say to Redis: whoever comes while it is away goes with it the next time, all in one
// pipeline. So a request that is alone waits for one round trip, many at once share their round trips, and all are heard in
// the order in which they came: a refund before what its client asks next. Where Redis is far, a request waits for who is away no
// longer than a quarter of the timeout; then another courier takes it, and who is heard first is open. Each is a goroutine only while
// there is something to carry.
type courier struct {
	mu      sync.Mutex
	waiting []*trip // guarded by mu
	away    int     // guarded by mu: couriers
	closed  bool    // guarded by mu
	flights sync.WaitGroup
}

// Bounds of what waits, and of what goes in one pipeline.
const (
	mostWaiting = 1 << 12
	mostAtOnce  = 1 << 8
	mostAway    = 1 << 5 // fewer than the client has connections
)

var (
	errBusy    = errors.New("too much waits for redis")
	errTimeout = errors.New("redis did not answer in time")
	errClosed  = errors.New("the filter has ended")
)

// trip is one operation on accounts on its way to Redis and back.
type trip struct {
	op    string
	calls []call
	cmds  []*redis.Cmd
	fate  atomic.Int32  // of who waits
	done  chan struct{} // closed at the end; nil where nobody waits
	// What nobody waits for has the filter that it is by, the takings that it corrects, and the limits that it charges a request for
	// which has ended: memory is corrected or charged instead when Redis does not hear of it.
	by      *Filter
	settled []settlement
	charged []ask

	granted bool
	out     []answer
	err     error
}

// What becomes of who waits for a trip.
const (
	waits int32 = iota
	left        // not any more
	heard
)

// settlement is what of one taking was used.
type settlement struct {
	limit *limit
	taken filters.Taking
	used  int64
}

// run does one operation on all accounts and waits for it, within the timeout. In a cluster, where accounts live on
// different nodes, each is decided for itself; granted is then what they say together.
func (r *remote) run(op string, calls []call) (granted bool, out []answer, err error) {
	if r.broken.Load() {
		return false, nil, errBroken
	}
	t := &trip{op: op, calls: calls, done: make(chan struct{})}
	if err := r.send(t); err != nil {
		return false, nil, r.failed(err)
	}
	if !r.await(t) {
		return false, nil, r.failed(errTimeout)
	}
	return t.granted, t.out, t.err
}

// await waits for t, within the timeout.
func (r *remote) await(t *trip) bool {
	quarter := r.cfg.Timeout / 4
	late := time.NewTimer(quarter)
	defer late.Stop()
	select {
	case <-t.done:
		return true
	case <-late.C:
	}
	r.another()
	late.Reset(r.cfg.Timeout - quarter)
	select {
	case <-t.done:
		return true
	case <-late.C:
	}
	if t.fate.CompareAndSwap(waits, left) {
		return false
	}
	<-t.done
	return true
}

// failed counts an error, and opens the breaker.
func (r *remote) failed(err error) error {
	r.errors.Inc()
	r.lost(err)
	return err
}

// send gives t to the courier.
func (r *remote) send(t *trip) error {
	c := &r.courier
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return errClosed
	case len(c.waiting) == mostWaiting:
		return errBusy
	}
	c.waiting = append(c.waiting, t)
	if c.away == 0 {
		r.departLocked()
	}
	return nil
}

// another sends one more courier for those who have waited too long for the others.
func (r *remote) another() {
	c := &r.courier
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 && c.away < mostAway { // so somebody is away, whom close waits for
		r.departLocked()
	}
}

func (r *remote) departLocked() {
	r.courier.away++
	r.courier.flights.Go(r.carry)
}

// next is a courier's next load; none when it may rest.
func (c *courier) next(load []*trip) []*trip {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), mostAtOnce)
	load = append(load[:0], c.waiting[:n]...)
	rest := copy(c.waiting, c.waiting[n:])
	clear(c.waiting[rest:])
	c.waiting = c.waiting[:rest]
	if n == 0 {
		c.away--
	}
	return load
}

// close lets nobody come any more, and waits for who is on the way.
func (c *courier) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.flights.Wait()
}

func (r *remote) carry() {
	var load []*trip
	for {
		runtime.Gosched() // who can run has his say meanwhile, and comes along
		if load = r.courier.next(load); len(load) == 0 {
			return
		}
		r.deliver(load)
		clear(load)
	}
}

// deliver does a load's operations in one pipeline.
func (r *remote) deliver(load []*trip) {
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.Timeout)
	defer cancel()
	pipe := r.client.Pipeline()
	for _, t := range load {
		if t.fate.Load() != left && !r.broken.Load() {
			r.board(ctx, pipe, t)
		}
	}
	if pipe.Len() > 0 {
		began := time.Now()
		_, _ = pipe.Exec(ctx) // each command carries its own error
		r.trips.Observe(time.Since(began).Seconds())
	}
	for _, t := range load {
		if t.err = errBroken; len(t.cmds) > 0 {
			t.granted, t.out, t.err = r.answers(ctx, t)
		}
		r.arrive(t)
	}
}

// board puts t's commands into the pipeline: one, or in a cluster one for each account.
func (r *remote) board(ctx context.Context, pipe redis.Pipeliner, t *trip) {
	for _, calls := range r.parts(t.calls) {
		keys, args := r.prepare(t.op, calls)
		t.cmds = append(t.cmds, r.script.EvalSha(ctx, pipe, keys, args...))
	}
}

// parts are the calls that one command may make together.
func (r *remote) parts(calls []call) [][]call {
	if r.cfg.Mode != Cluster {
		return [][]call{calls}
	}
	return slices.Collect(slices.Chunk(calls, 1))
}

// answers reads what Redis said to t. A script that a node does not know yet is sent whole.
func (r *remote) answers(ctx context.Context, t *trip) (granted bool, out []answer, err error) {
	granted = true
	for i, calls := range r.parts(t.calls) {
		reply, err := t.cmds[i].Int64Slice()
		if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
			keys, args := r.prepare(t.op, calls)
			reply, err = r.script.Eval(ctx, r.client, keys, args...).Int64Slice()
		}
		if err != nil {
			return false, nil, err
		}
		ok, some, err := parseReply(reply, len(calls))
		if err != nil {
			return false, nil, err
		}
		granted, out = granted && ok, append(out, some...)
	}
	return granted, out, nil
}

// arrive ends a trip. Nobody counts the error of one that was not waited for to the end: who left has.
func (r *remote) arrive(t *trip) {
	if !t.fate.CompareAndSwap(waits, heard) {
		return
	}
	if t.err != nil && t.err != errBroken {
		_ = r.failed(t.err)
	}
	switch {
	case t.done != nil:
		close(t.done)
	case t.err != nil:
		t.by.settleMirrors(t.settled)
		t.by.chargeHere(t.charged)
	case len(t.charged) > 0:
		r.learn(t.charged, t.out, t.by.clock.micros())
	}
}
