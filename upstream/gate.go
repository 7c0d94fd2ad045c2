package upstream

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// gate counts a pool's requests in flight and keeps those waiting that find no place, in order of priority and then of
// arrival. It is state only: how many places there are is said by whoever asks, so that a reload keeps the queue.
type gate struct {
	inflight atomic.Int64
	waiting  atomic.Int64
	limit    atomic.Int64 // places now, where they adapt
	last     atomic.Int64 // when a place was last given back, unix nanoseconds
	gap      atomic.Int64 // smoothed time between two places given back, nanoseconds

	mu    sync.Mutex
	queue waiters // guarded by mu
	seq   uint64  // guarded by mu
}

// waiter is one request in the queue. Its fields but ready are guarded by the gate's mu.
type waiter struct {
	priority int
	seq      uint64
	index    int // in the heap; -1 when out of it
	granted  bool
	ready    chan struct{} // closed when it is granted or pushed out
}

// tryEnter takes a place if one is free and nobody waits for it. places of 0 is no bound.
func (g *gate) tryEnter(places int64) bool {
	if places <= 0 {
		g.inflight.Add(1)
		return true
	}
	return g.waiting.Load() == 0 && g.take(places)
}

func (g *gate) take(places int64) bool {
	for {
		n := g.inflight.Load()
		if n >= places {
			return false
		}
		if g.inflight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// wait queues for a place. The errors are ErrQueueFull, ErrQueueTimeout, ErrTimeout and ErrCancelled.
func (g *gate) wait(p *Pool, w Want) error {
	q := p.queue
	if q == nil || q.Depth <= 0 {
		return ErrQueueFull
	}
	me := &waiter{priority: q.Priority[w.Tier], ready: make(chan struct{})}
	if !g.push(me, q.Depth) {
		return ErrQueueFull
	}
	g.grant(p.places()) // a place given back since tryEnter looked found nobody to give it to
	limit, late := q.MaxWait, ErrQueueTimeout
	if !w.Deadline.IsZero() {
		if d := time.Until(w.Deadline); d < limit {
			limit, late = d, ErrTimeout
		}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var gone <-chan struct{}
	if w.Cancel != nil {
		gone = w.Cancel.Done()
	}
	select {
	case <-me.ready:
		if !me.granted {
			return ErrQueueFull // pushed out by one with a higher priority
		}
		return nil
	case <-timer.C:
	case <-gone:
		late = ErrCancelled
	}
	if g.withdraw(me) {
		return late
	}
	if me.granted && late == ErrCancelled {
		g.leave(p.places())
		return late
	}
	if !me.granted {
		return ErrQueueFull
	}
	return nil // the place came in the last moment
}

// push puts me in the queue. In a full one it takes the place of the last of those with the lowest priority, if that is
// lower than its own.
func (g *gate) push(me *waiter, depth int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) >= depth {
		worst := g.queue[0]
		for _, w := range g.queue {
			if w.priority < worst.priority || w.priority == worst.priority && w.seq > worst.seq {
				worst = w
			}
		}
		if worst.priority >= me.priority {
			return false
		}
		heap.Remove(&g.queue, worst.index)
		close(worst.ready)
	}
	g.seq++
	me.seq = g.seq
	heap.Push(&g.queue, me)
	g.waiting.Store(int64(len(g.queue)))
	return true
}

// withdraw takes me out of the queue; false when it is out already.
func (g *gate) withdraw(me *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if me.index < 0 {
		return false
	}
	heap.Remove(&g.queue, me.index)
	g.waiting.Store(int64(len(g.queue)))
	return true
}

// grant gives free places to those who wait.
func (g *gate) grant(places int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.queue) > 0 && (places <= 0 && g.inflight.Add(1) > 0 || g.take(places)) {
		w := heap.Pop(&g.queue).(*waiter)
		w.granted = true
		close(w.ready)
	}
	g.waiting.Store(int64(len(g.queue)))
}

// leave gives a place back, to the next in the queue if there is one.
func (g *gate) leave(places int64) {
	now := time.Now().UnixNano()
	if last := g.last.Swap(now); last > 0 {
		old := g.gap.Load()
		g.gap.Store(old + (min(now-last, int64(time.Minute))-old)/8)
	}
	g.inflight.Add(-1)
	if g.waiting.Load() > 0 {
		g.grant(places)
	}
}

// retry estimates from the drain rate when one more request would find a place.
func (g *gate) retry() time.Duration {
	d := time.Duration(g.gap.Load() * (g.waiting.Load() + 1))
	return min(max(d, time.Second), time.Minute)
}

// waiters is a heap: the highest priority first, then the longest waiting.
type waiters []*waiter

func (q waiters) Len() int { return len(q) }

func (q waiters) Less(i, j int) bool {
	if q[i].priority != q[j].priority {
		return q[i].priority > q[j].priority
	}
	return q[i].seq < q[j].seq
}

func (q waiters) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

func (q *waiters) Pop() any {
	old := *q
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	w.index = -1
	return w
}
