package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/policy"
	"blaze/proxy"
	"blaze/upstream"
)

// costMax is the largest request whose cost is measured, and costTries how often a dear one is judged, costOver one that is over
// the bound of 1 ms: the least counts, since a machine that does something else is no cost of the request.
const (
	costMax   = 64 << 10
	costTries = 7
	costOver  = 60
	dear      = 200 * time.Microsecond
	bound     = time.Millisecond
)

// cost is what judging requests takes, by the wall clock of one thread, without the network.
type cost struct {
	Requests int           `json:"requests"`
	Median   time.Duration `json:"median_ns"`
	P99      time.Duration `json:"p99_ns"`
	Over     int           `json:"over_1ms"`
	Worst    time.Duration `json:"worst_ns"`
	WorstID  string        `json:"worst_id"`
	WorstIn  string        `json:"worst_place"`
	Bytes    int           `json:"worst_bytes"`
}

// judge is one request's way through the gate and the chain, taking nothing and sending nothing. What it works with is
// kept from one request to the next, as the proxy keeps it.
type judge struct {
	snapshot *policy.Snapshot
	gate     policy.Gate
	x        filters.Exchange
}

// once judges a request and returns how long that took, its head's reading not counted.
func (j *judge) once(head, body []byte) (time.Duration, error) {
	var h fasthttp.RequestHeader
	if err := h.Read(bufio.NewReaderSize(bytes.NewReader(head), len(head)+64)); err != nil {
		return 0, err
	}
	j.x.Reset()
	x := &j.x
	x.Cancel, x.ID, x.Request, x.Dry = new(upstream.Cancel), "cost", &h, true
	x.Peer = netip.MustParseAddr("192.0.2.1")
	x.Client, x.Body = x.Peer, append(x.Body, body...)
	x.Began = time.Now()
	x.Deadline = x.Began.Add(time.Minute)
	v := j.gate.Head(x, j.snapshot)
	if v.Passed() {
		v = j.snapshot.Head(x, j.snapshot.Chain)
	}
	if v.Passed() {
		if v = j.gate.Body(x, j.snapshot); v.Passed() {
			j.snapshot.Body(x, j.snapshot.Chain)
		}
	}
	took := time.Since(x.Began)
	j.snapshot.Chain.Settle(x)
	return took, nil
}

// judged is the head and the body of a probe whose cost is measured, and whether it is one.
func (p *probe) judged(number int) (head, body []byte, ok bool) {
	request := p.request.bytes("blaze.test", number)
	head, body, ok = bytes.Cut(request, []byte("\r\n\r\n"))
	if !ok || len(request) > costMax || p.request.raw != nil || p.request.chunked {
		return nil, nil, false
	}
	return append(bytes.Clone(head), "\r\n\r\n"...), body, true
}

// measureCost judges every probe that is no larger than costMax, one that is over the bound so often.
func measureCost(probes []*probe, over int) (*cost, error) {
	store, err := compile("vllm", "127.0.0.1:1")
	if err != nil {
		return nil, err
	}
	j := &judge{snapshot: store.Current(), gate: proxy.Gate()}
	defer j.snapshot.Pools.Close(nil)
	c := &cost{}
	var all []time.Duration
	for n, p := range probes {
		head, body, ok := p.judged(n)
		if !ok {
			continue
		}
		least, err := j.once(head, body)
		for try := 1; err == nil && (try < costTries && least > dear || try < over && least > bound); try++ {
			took, _ := j.once(head, body)
			least = min(least, took)
		}
		if err != nil {
			continue // fasthttp reads no such head: the proxy's server refuses it before anything is judged
		}
		all = append(all, least)
		if least > c.Worst {
			c.Worst, c.WorstID, c.WorstIn, c.Bytes = least, p.entry.ID, p.place, len(head)+len(body)
		}
		if least > bound {
			c.Over++
		}
	}
	slices.Sort(all)
	if c.Requests = len(all); c.Requests > 0 {
		c.Median, c.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return c, nil
}

func (c *cost) print(w io.Writer, of string) {
	fmt.Fprintf(w, "judging a request of 64 KiB or less, %s, one thread: median %v, p99 %v, worst %v (%s in %s, %d bytes); over 1 ms: %d of %d\n",
		of, c.Median, c.P99, c.Worst, c.WorstID, c.WorstIn, c.Bytes, c.Over, c.Requests)
}

// err is not nil when judging a request takes longer than any may.
func (c *cost) err() error {
	if c.Over > 0 {
		return fmt.Errorf("%d of %d requests cost more than %v; the worst %v: %s in %s", c.Over, c.Requests, bound, c.Worst, c.WorstID, c.WorstIn)
	}
	return nil
}
