package ratelimit

import (
	"math"
	"sync"
)

// history remembers what each caller's answers used to cost, so that reservations come near to what is used. It keeps a
// smoothed mean and deviation as TCP does for round trips (RFC 6298) and guesses the mean and four deviations. It is a
// hint only: a caller that falls out of the fixed table is reserved for by the policy's word.
type history struct {
	stripes [historyStripes]struct {
		mu    sync.Mutex
		cells [historyCells]cell // guarded by mu
	}
}

const (
	historyStripes = 64
	historyCells   = 64
)

type cell struct {
	key       uint64
	mean, dev float32 // tokens
}

// guess is how many output tokens an answer to key will hardly exceed.
func (h *history) guess(key uint64) (tokens int64, known bool) {
	s := &h.stripes[key%historyStripes]
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.cells[key/historyStripes%historyCells]
	if c.key != key {
		return 0, false
	}
	return int64(math.Ceil(float64(c.mean + 4*c.dev))), true
}

// learn takes in what an answer did cost.
func (h *history) learn(key uint64, tokens int64) {
	s := &h.stripes[key%historyStripes]
	s.mu.Lock()
	defer s.mu.Unlock()
	c, got := &s.cells[key/historyStripes%historyCells], float32(tokens)
	if c.key != key {
		*c = cell{key: key, mean: got, dev: got / 2}
		return
	}
	off := got - c.mean
	c.mean += off / 8
	c.dev += (max(off, -off) - c.dev) / 4
}
