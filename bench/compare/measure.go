package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"blaze/bench/load"
)

// sample is what one round says of one proxy. CPU times are in microseconds.
type sample struct {
	cpu       []float64 // for each size, per request, in a closed loop
	perSecond float64   // the smallest size, in a closed loop
	p50, p99  time.Duration
	first     time.Duration // a stream's first event, median
	frame     float64       // CPU per event of a stream
	rss       float64       // MiB at the end
	start     time.Duration // until the first request was answered
}

// measure runs one round: it starts the proxy, warms it up, and measures each thing in turn.
func (p *proxy) measure(o *options) error {
	proc, err := p.start(o)
	if err != nil {
		return err
	}
	defer proc.stop()
	s := sample{start: proc.start}
	for i, size := range o.sizes {
		n, cpu, wall, err := closedLoop(proc, o, load.Chat(size, false, key))
		if err != nil {
			return err
		}
		s.cpu = append(s.cpu, cpu/float64(n))
		if i == 0 {
			s.perSecond = float64(n) / wall.Seconds()
		}
	}
	if s.p50, s.p99, err = constantRate(proc.addr, o, load.Chat(o.sizes[0], false, key)); err != nil {
		return err
	}
	if s.first, s.frame, err = streams(proc, o); err != nil {
		return err
	}
	s.rss = proc.rss()
	p.samples = append(p.samples, s)
	return nil
}

// closedLoop sends as fast as answers come back, on every connection, and returns the requests done, the proxy's CPU time
// in microseconds and the time it took.
func closedLoop(proc *process, o *options, req []byte) (n int64, cpu float64, wall time.Duration, err error) {
	clients, err := dialAll(proc.addr, o.conns, req)
	if err != nil {
		return 0, 0, 0, err
	}
	defer closeAll(clients)
	for _, c := range clients {
		c.Again = proc.again
	}
	pass := func(d time.Duration) (int64, error) {
		var done atomic.Int64
		var failed atomic.Pointer[error]
		var all sync.WaitGroup
		end := time.Now().Add(d)
		for _, c := range clients {
			all.Go(func() {
				for time.Now().Before(end) {
					if err := c.Do(); err != nil {
						failed.Store(&err)
						return
					}
					done.Add(1)
				}
			})
		}
		all.Wait()
		if e := failed.Load(); e != nil {
			return 0, *e
		}
		return done.Load(), nil
	}
	if _, err := pass(o.each / 4); err != nil {
		return 0, 0, 0, err
	}
	began, before := time.Now(), proc.cpu()
	n, err = pass(o.each)
	if n == 0 && err == nil {
		err = fmt.Errorf("no request was answered")
	}
	return n, proc.cpu() - before, time.Since(began), err
}

// constantRate sends at a fixed rate whatever the answers do, and measures each request from the moment it was due: one
// that had to wait for a connection has waited (no coordinated omission).
func constantRate(addr string, o *options, req []byte) (p50, p99 time.Duration, err error) {
	clients, err := dialAll(addr, o.conns, req)
	if err != nil {
		return 0, 0, err
	}
	defer closeAll(clients)
	total := int64(float64(o.rate) * o.each.Seconds())
	took := make([]time.Duration, total)
	gap := time.Second / time.Duration(o.rate)
	turns := make(chan int64, total)
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	began := time.Now().Add(10 * time.Millisecond)
	due := func(i int64) time.Time { return began.Add(time.Duration(i) * gap) }
	for _, c := range clients {
		all.Go(func() {
			for i := range turns {
				if err := c.Do(); err != nil {
					failed.Store(&err)
					return
				}
				took[i] = time.Since(due(i))
			}
		})
	}
	runtime.LockOSThread() // the clock of the load
	for i := range total {
		sleepUntil(due(i))
		turns <- i
	}
	runtime.UnlockOSThread()
	close(turns)
	all.Wait()
	if e := failed.Load(); e != nil {
		return 0, 0, *e
	}
	slices.Sort(took)
	return took[total/2], took[total*99/100], nil
}

// streams reads whole streams one after another on each connection.
func streams(proc *process, o *options) (first time.Duration, perFrame float64, err error) {
	c, err := load.Dial(proc.addr, load.Chat(o.sizes[0], true, key))
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	if _, err := c.First(); err != nil {
		return 0, 0, err
	}
	var firsts []time.Duration
	before := proc.cpu()
	for end := time.Now().Add(o.each); time.Now().Before(end); {
		d, err := c.First()
		if err != nil {
			return 0, 0, err
		}
		firsts = append(firsts, d)
	}
	cpu := proc.cpu() - before
	slices.Sort(firsts)
	return firsts[len(firsts)/2], cpu / float64(len(firsts)*streamFrames), nil
}

func dialAll(addr string, n int, req []byte) ([]*load.Client, error) {
	var out []*load.Client
	for range n {
		c, err := load.Dial(addr, req)
		if err != nil {
			closeAll(out)
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func closeAll(cs []*load.Client) {
	for _, c := range cs {
		c.Close()
	}
}
