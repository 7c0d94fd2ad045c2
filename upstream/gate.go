package upstream

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// gate counts a pool's requests in flight and keeps those waiting that find no place, in order of priority and then of
// arrival, but for each tenth place. It is state only: how many places there are is said by whoever asks, so that a reload keeps the queue.
type gate struct {
	inflight atomic.Int64
	waiting  atomic.Int64
	limit    atomic.Int64 // places now, where they adapt
	last     atomic.Int64 // when a place was last given back, unix nanoseconds
	gap      atomic.Int64 // smoothed time between two places given back, nanoseconds

	mu     sync.Mutex
	queue  waiters     // guarded by mu
	counts map[int]int // guarded by mu; how many of the queue have a priority
	seq    uint64      // guarded by mu
	given  uint64      // guarded by mu; places given to those who waited
}

// oldestEvery: that often whoever has waited longest is next, whatever its priority, so that the lowest still gets on.
const oldestEvery = 10

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

// push puts me in the queue. In a full one it takes the place of another, if there is one to give way.
func (g *gate) push(me *waiter, depth int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) >= depth {
		worst := g.givesWay(me, depth/oldestEvery)
		if worst == nil {
			return false
		}
		g.remove(worst)
		close(worst.ready)
	}
	g.seq++
	me.seq = g.seq
	heap.Push(&g.queue, me)
	if g.counts == nil {
		g.counts = map[int]int{}
	}
	g.counts[me.priority]++
	g.waiting.Store(int64(len(g.queue)))
	return true
}

// givesWay is who leaves a full queue for me: the last of those with the lowest priority that is lower than mine. Each
// priority has a share of the queue that the higher cannot take, or its turns (oldestEvery) would find nobody of it; while
// mine has less than that, one of any other that has more gives way. The caller holds mu.
func (g *gate) givesWay(me *waiter, share int) (worst *waiter) {
	poor := g.counts[me.priority] < share
	for _, w := range g.queue {
		lower := w.priority < me.priority || poor && w.priority != me.priority
		last := worst == nil || w.priority < worst.priority || w.priority == worst.priority && w.seq > worst.seq
		if lower && last && g.counts[w.priority] > share {
			worst = w
		}
	}
	return worst
}

// withdraw takes me out of the queue; false when it is out already.
func (g *gate) withdraw(me *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if me.index < 0 {
		return false
	}
	g.remove(me)
	g.waiting.Store(int64(len(g.queue)))
	return true
}

// remove takes w out of the queue. The caller holds mu.
func (g *gate) remove(w *waiter) {
	heap.Remove(&g.queue, w.index)
	if g.counts[w.priority]--; g.counts[w.priority] == 0 {
		delete(g.counts, w.priority)
	}
}

// grant gives free places to those who wait.
func (g *gate) grant(places int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.queue) > 0 && (places <= 0 && g.inflight.Add(1) > 0 || g.take(places)) {
		w := g.next()
		w.granted = true
		close(w.ready)
	}
	g.waiting.Store(int64(len(g.queue)))
}

// next takes out of the queue whoever is to have the next place. The caller holds mu.
func (g *gate) next() *waiter {
	next := g.queue[0]
	if g.given++; g.given%oldestEvery == 0 {
		for _, w := range g.queue {
			if w.seq < next.seq {
				next = w
			}
		}
	}
	g.remove(next)
	return next
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
