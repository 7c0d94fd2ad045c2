package upstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// queued is a pool with one place.
func queued(t *testing.T, depth int) *Pool {
	t.Helper()
	cfg := config("http://127.0.0.1:1")
	cfg.Concurrency = &Concurrency{Max: 1}
	cfg.Queue = &Queue{Depth: depth, MaxWait: 30 * time.Second, Priority: map[string]int{"gold": 100, "silver": 50, "free": 10}}
	return makePool(t, cfg)
}

func mustLease(t *testing.T, p *Pool, w Want) *Lease {
	t.Helper()
	l, _, err := p.Acquire(w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// By priority, and within one priority in the order of arrival.
func TestQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := queued(t, 10)
		first := mustLease(t, p, Want{})
		var mu sync.Mutex
		var order []string
		for i, tier := range []string{"free", "gold", "", "silver", "gold", "free"} {
			go func() {
				l := mustLease(t, p, Want{Tier: tier})
				mu.Lock()
				order = append(order, fmt.Sprintf("%s%d", tier, i))
				mu.Unlock()
				time.Sleep(time.Second)
				l.Release(Success)
			}()
			synctest.Wait()
		}
		first.Release(Success)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if want := []string{"gold1", "gold4", "silver3", "free0", "free5", "2"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

func TestQueueRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := queued(t, 2)
		began := time.Now()
		held := mustLease(t, p, Want{})
		results := map[string]string{}
		var mu sync.Mutex
		ask := func(name string, w Want) {
			go func() {
				l, retry, err := p.Acquire(w)
				if err == nil {
					l.Release(Success)
				} else if retry < time.Second || retry > time.Minute {
					t.Errorf("%s: retry %v", name, retry)
				}
				mu.Lock()
				results[name] = fmt.Sprintf("%v after %v", err, time.Since(began))
				mu.Unlock()
			}()
			synctest.Wait()
		}
		gone := new(Cancel)
		ask("gone", Want{Tier: "silver", Cancel: gone})
		ask("pushed out", Want{Tier: "free"})
		ask("too many", Want{Tier: "free"})
		ask("late", Want{Tier: "gold"})
		time.Sleep(time.Second)
		gone.Cancel()
		synctest.Wait()
		ask("its deadline", Want{Tier: "gold", Deadline: time.Now().Add(3 * time.Second)})
		time.Sleep(40 * time.Second)
		synctest.Wait()
		want := map[string]string{
			"gone":         "cancelled after 1s",
			"pushed out":   "upstream queue full after 0s",
			"too many":     "upstream queue full after 0s",
			"late":         "upstream queue timeout after 30s",
			"its deadline": "exchange timed out after 4s",
		}
		if fmt.Sprint(results) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", results, want)
		}
		held.Release(Success)
		mustLease(t, p, Want{}).Release(Success)
	})
}

// Without a queue the limit refuses at once.
func TestLimitWithoutQueue(t *testing.T) {
	cfg := config("http://127.0.0.1:1")
	cfg.Concurrency = &Concurrency{Max: 2}
	p := makePool(t, cfg)
	one, two := mustLease(t, p, Want{}), mustLease(t, p, Want{})
	if _, _, err := p.Acquire(Want{}); !errors.Is(err, ErrQueueFull) {
		t.Errorf("got %v", err)
	}
	forced := mustLease(t, p, Want{Force: true})
	one.Release(Success)
	two.Release(Success)
	two.Release(Success) // counts once
	forced.Release(Success)
	mustLease(t, p, Want{}).Release(Success)
}

// However requests come, leave and give up: never more in flight than places, nobody forgotten, every place given back.
func TestGateUnderLoad(t *testing.T) {
	cfg := config("http://127.0.0.1:1")
	cfg.Concurrency = &Concurrency{Max: 5}
	cfg.Queue = &Queue{Depth: 20, MaxWait: 20 * time.Millisecond, Priority: map[string]int{"gold": 1}}
	p := makePool(t, cfg)
	var wg sync.WaitGroup
	for w := range 40 {
		wg.Go(func() {
			for i := range 100 {
				cancel := new(Cancel)
				if i%7 == 0 {
					time.AfterFunc(time.Duration(rand.IntN(1000))*time.Microsecond, cancel.Cancel)
				}
				l, _, err := p.Acquire(Want{Tier: []string{"gold", ""}[w%2], Cancel: cancel})
				if err != nil {
					continue
				}
				if n := p.gate.inflight.Load(); n > 5 {
					t.Errorf("%d in flight", n)
				}
				time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
				l.Release(Success)
			}
		})
	}
	wg.Wait()
}

// The pool's own breaker counts how exchanges end: it opens when every target fails.
func TestPoolBreaker(t *testing.T) {
	a, b := serve(t, answers(answer("500 Oops"))), serve(t, answers(answer("500 Oops")))
	cfg := config(a.url(), b.url())
	p := makePool(t, cfg)
	for range 20 {
		ask(p, post("{}"))
	}
	if s := p.breaker.state(); s != "open" {
		t.Fatalf("state %s", s)
	}
	if l, retry, err := p.Acquire(Want{}); !errors.Is(err, ErrUnavailable) || retry <= 0 {
		t.Errorf("got %v, retry %v, lease %v", err, retry, l)
	}
	l := mustLease(t, p, Want{Force: true})
	l.Release(Failure)
}

// TestFullQueueKeepsAShareForEachPriority: higher priorities push out lower ones, but not all of them; and who is below the
// share gets in where another has more.
func TestFullQueueKeepsAShareForEachPriority(t *testing.T) {
	var g gate
	const depth, share = 40, 4
	have := func() map[int]int {
		n := map[int]int{}
		for _, w := range g.queue {
			n[w.priority]++
		}
		return n
	}
	push := func(priority, n int) (in int) {
		for range n {
			if g.push(&waiter{priority: priority, ready: make(chan struct{})}, depth) {
				in++
			}
		}
		return in
	}
	if in := push(10, 2*depth); in != depth {
		t.Fatalf("%d got in; want %d", in, depth)
	}
	push(50, depth)
	push(100, depth)
	if got := have(); got[10] != share || got[50] != share || got[100] != depth-2*share {
		t.Errorf("the queue holds %v; want %d of each of the lower two", got, share)
	}
	if in := push(10, 10); in != 0 {
		t.Errorf("%d of the lowest more than their share got in", in)
	}
	if in := push(0, 10); in != share || len(g.queue) != depth {
		t.Errorf("%d newcomers of another priority got in, %d wait; want their share %d of %d", in, len(g.queue), share, depth)
	}
}
