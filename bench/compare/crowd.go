package main

import (
	"sync"
	"time"

	"blaze/bench/load"
)

// How large the crowds are, and how long memory may settle before it is read.
const (
	idlers  = 5000
	readers = 1000
	settle  = 14 * time.Second
)

// crowd is a proxy's memory among many connections, in MiB.
type crowd struct{ idle, streams float64 }

// gather measures the crowds, each at a proxy just started.
func (p *proxy) gather(o *options) (err error) {
	if p.crowd.idle, err = p.among(o, idlers, false); err != nil {
		return err
	}
	p.crowd.streams, err = p.among(o, readers, true)
	return err
}

// among is the proxy's memory among n connections: each has asked once and keeps silent, or reads a stream that gets an event now
// and then.
func (p *proxy) among(o *options, n int, stream bool) (float64, error) {
	behind := *o
	if stream {
		behind.upstream = o.slowUpstream
	}
	proc, err := p.start(&behind)
	if err != nil {
		return 0, err
	}
	defer proc.stop()
	clients, err := dialAll(proc.addr, n, load.Chat(o.sizes[0], stream, key))
	if err != nil {
		return 0, err
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	defer closeAll(clients)
	for _, c := range clients {
		if !stream {
			err = c.Do()
		} else if err = c.Begin(); err == nil {
			reading.Go(func() { _ = c.Rest() }) // ends with the connection
		}
		if err != nil {
			return 0, err
		}
	}
	time.Sleep(settle)
	return proc.rss(), nil
}
