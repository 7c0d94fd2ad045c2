package proxy

import (
	"container/list"
	"errors"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry"
)

// lot is where connections wait that have nothing to say: new ones until their first byte, kept ones from parkAfter on.
// fasthttp holds a goroutine, its stack and its buffers for every connection it serves, 20 KiB and more; a parked one costs
// its descriptor and a few hundred bytes in the watcher's epoll set. When something arrives, it is served like a new one.
// On systems without epoll nothing is parked.
type lot struct {
	net.Listener
	watch *watcher
	plain *door         // to the server with the small buffer
	roomy *door         // to the one with the large buffer
	room  int           // the small buffer's size; 0 where there is one only
	ended chan struct{} // closed when the listener has ended, with err
	err   error

	mu     sync.Mutex
	late   sync.WaitGroup // connections served beside Accept
	closed bool           // guarded by mu; nothing is served any more
	// fresh and idle read the policy that serves now: how long a new connection may be silent, how long a kept one.
	fresh, idle func() time.Duration
	draining    atomic.Bool
	parked      atomic.Int64
	silent      queue // of the parked, who never said a thing
	kept        queue // and who has been served before
	displaced   *telemetry.Counter
	left        atomic.Int64 // parked since memory was last given back
	stop        chan struct{}
	swept       chan struct{}
}

// parkAfter is how long a kept connection is waited for where it is, before it is parked.
const parkAfter = time.Second

// parked is a connection in the lot.
type parked struct {
	front net.Conn      // as fasthttp knows it
	base  *conn         // as it was accepted
	since time.Time     // when it came here
	until time.Time     // when it is closed
	fresh bool          // nothing was ever read from it
	place *list.Element // in its queue, guarded by its mu; nil when it has been taken out
}

// queue is parked connections, the oldest first.
type queue struct {
	mu   sync.Mutex
	list list.List // guarded by mu; of *parked
}

func (q *queue) add(p *parked) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.place = q.list.PushBack(p)
}

func (q *queue) remove(p *parked) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.place != nil {
		q.list.Remove(p.place)
		p.place = nil
	}
}

// take takes out the oldest, if it has been here for so long.
func (q *queue) take(least time.Duration) *parked {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.list.Front()
	if e == nil {
		return nil
	}
	p := e.Value.(*parked)
	if time.Since(p.since) < least {
		return nil
	}
	q.list.Remove(e)
	p.place = nil
	return p
}

func newLot(ln net.Listener, w *watcher) *lot {
	l := &lot{
		Listener: ln, watch: w, ended: make(chan struct{}), stop: make(chan struct{}), swept: make(chan struct{}),
	}
	l.plain = &door{Listener: ln, lot: l, ready: make(chan net.Conn, 64)}
	l.roomy = &door{Listener: ln, lot: l, ready: make(chan net.Conn, 8)}
	w.lot = l
	return l
}

// run accepts and sweeps until the listener is closed.
func (l *lot) run() {
	go l.sweep()
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			l.err = err
			close(l.ended)
			close(l.stop)
			<-l.swept
			return
		}
		outer := newFront(c, l)
		if !l.park(outer, true) {
			l.deliver(outer)
		}
	}
}

// deliver has c served.
func (l *lot) deliver(c net.Conn) {
	f := clientConn(c).front
	f.arrived()
	to := l.plain
	if f.room != l.room {
		to = l.roomy
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close()
		return
	}
	if !l.draining.Load() {
		select {
		case to.ready <- c:
			return
		default:
		}
	}
	l.late.Go(func() { _ = to.fast.ServeConn(c) })
}

// close waits for what is served beside Accept, and ends the lot.
func (l *lot) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.late.Wait()
}

// park takes c in, and reports false where it cannot: it is then the caller's still.
func (l *lot) park(c net.Conn, fresh bool) bool {
	base := clientConn(c)
	if base.raw == nil || l.draining.Load() {
		return false
	}
	wait := l.idle()
	if fresh {
		wait = l.fresh()
	}
	now := time.Now()
	p := &parked{front: c, base: base, since: now, until: now.Add(wait), fresh: fresh}
	l.enter(p)
	if !base.park(p, &l.watch.poll) {
		l.leave(p)
		return false
	}
	if !fresh {
		l.left.Add(1)
	}
	return true
}

// enter and leave keep account of who is in the lot.
func (l *lot) enter(p *parked) {
	l.parked.Add(1)
	l.queue(p).add(p)
}

func (l *lot) leave(p *parked) {
	l.parked.Add(-1)
	l.queue(p).remove(p)
}

func (l *lot) queue(p *parked) *queue {
	if p.fresh {
		return &l.silent
	}
	return &l.kept
}

// makeRoom closes the connection that has been silent longest, for a new one when there is no room: of those that never
// said a thing, or else of kept ones. It reports false where none has been silent for a second. So whoever opens
// connections and keeps silent keeps nobody out.
func (l *lot) makeRoom() bool {
	for _, q := range [...]*queue{&l.silent, &l.kept} {
		for p := q.take(silence); p != nil; p = q.take(silence) {
			if p.base.unpark(&l.watch.poll, func(q *parked) bool { return q == p }) == nil {
				continue // it has just spoken
			}
			l.leave(p)
			_ = p.base.Close()
			l.displaced.Inc()
			return true
		}
	}
	return false
}

// silence is how long a connection is left alone at least: a client that has just come is about to speak.
const silence = time.Second

// sweep closes what has waited too long, and gives memory back that parked connections have left behind.
func (l *lot) sweep() {
	defer close(l.swept)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case now := <-tick.C:
			if l.parked.Load() > 0 {
				l.expire(now)
			}
			if n%giveBackEvery == 0 && l.left.Load() >= giveBackOver {
				// The collector would find it in minutes: a proxy at rest allocates nothing, so nothing calls it.
				l.left.Store(0)
				runtime.GC() // pools keep what they hold through one collection
				debug.FreeOSMemory()
			}
		}
	}
}

const (
	sweepEvery    = time.Second
	giveBackEvery = 10  // sweeps
	giveBackOver  = 500 // connections
)

func (l *lot) expire(now time.Time) {
	l.watch.each(func(c *conn) {
		if p := c.unpark(&l.watch.poll, func(p *parked) bool { return now.After(p.until) }); p != nil {
			l.leave(p)
			_ = c.Close()
		}
	})
}

// spoke is called by the watcher when something has arrived on a parked connection, its end perhaps.
func (l *lot) spoke(p *parked) {
	l.leave(p)
	l.deliver(p.front)
}

// bypass has what comes from now on served at once: Accept, which ends with the listener, is given nothing more.
func (l *lot) bypass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining.Store(true)
}

// drain empties the lot. New connections get the chance to be heard that they would have had; kept ones are closed, but
// for those on which a request has come.
func (l *lot) drain() {
	l.watch.each(func(c *conn) {
		p := c.unpark(&l.watch.poll, func(*parked) bool { return true })
		switch {
		case p == nil:
		case p.fresh || l.watch.poll.readable(c):
			l.spoke(p)
		default:
			l.leave(p)
			_ = c.Close()
		}
	})
}

// errAtRest ends fasthttp's service of a connection that is to be parked; it takes it for a kept connection's end.
var errAtRest = errors.New("at rest")

// timedOut reports whether err is a deadline's.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
