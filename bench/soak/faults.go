package main

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"blaze/upstream/demo"
)

// faults breaks something every few seconds and mends it after a while, until ctx ends; then everything is mended. done
// counts what was broken.
func (s *stage) faults(ctx context.Context, r *rand.Rand, done map[string]int) {
	nothing, half := 0, 3
	kinds := []struct {
		name   string
		breaks func()
		mend   func()
	}{
		{"upstream killed", func() { _ = s.upstream(r.IntN(2), false) }, func() { _ = s.upstream(0, true); _ = s.upstream(1, true) }},
		{"both upstreams killed", func() { _ = s.upstream(0, false); _ = s.upstream(1, false) }, func() { _ = s.upstream(0, true); _ = s.upstream(1, true) }},
		{"upstream fails", func() { s.behave(r.IntN(2), demo.Behavior{FailRate: 0.5, FailStatus: 500 + r.IntN(4)}) }, s.well},
		{"upstream stalls", func() { s.behave(r.IntN(2), demo.Behavior{StallAfter: &half}) }, s.well},
		{"upstream cuts", func() { s.behave(r.IntN(2), demo.Behavior{CutAfter: &half}) }, s.well},
		{"upstream says nothing", func() { s.behave(r.IntN(2), demo.Behavior{StallAfter: &nothing}) }, s.well},
		{"upstream is slow", func() {
			s.behave(r.IntN(2), demo.Behavior{Delay: demo.Duration(time.Second), FrameDelay: demo.Duration(50 * time.Millisecond)})
		}, s.well},
		{"upstream errs in a stream", func() { s.behave(r.IntN(2), demo.Behavior{ErrorAfter: &half}) }, s.well},
		{"upstream lies on its length", func() { s.behave(r.IntN(2), demo.Behavior{WrongLength: 10}) }, s.well},
		{"redis killed", s.killRedis, func() { _ = s.startRedis() }},
		{"policy reloaded", func() { _ = s.writePolicy(400 + r.IntN(200)); s.reload() }, func() {}},
		{"bad policy", func() { _ = s.place("version: 1\nfilters: {nothing: }\n"); s.reload() }, func() { _ = s.writePolicy(500); s.reload() }},
		{"connections flooded", func() { s.flood(ctx, 200) }, func() {}},
	}
	for pause(ctx, time.Duration(200+r.IntN(2000))*time.Millisecond) {
		k := kinds[r.IntN(len(kinds))]
		done[k.name]++
		k.breaks()
		pause(ctx, time.Duration(100+r.IntN(3000))*time.Millisecond)
		k.mend()
	}
}

// well lets the model servers behave.
func (s *stage) well() {
	for i := range s.back {
		s.behave(i, demo.Behavior{Delay: demo.Duration(2 * time.Millisecond)})
	}
}

func (s *stage) reload() {
	res, err := http.Post("http://"+s.admin+"/policy/reload", "", nil)
	if err == nil {
		_ = res.Body.Close()
	}
}

// flood opens connections that say nothing.
func (s *stage) flood(ctx context.Context, n int) {
	var conns []net.Conn
	for range n {
		if c, err := net.DialTimeout("tcp", s.proxied, time.Second); err == nil {
			conns = append(conns, c)
		}
	}
	pause(ctx, 500*time.Millisecond)
	for _, c := range conns {
		_ = c.Close()
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
