// Package sink takes lines from request goroutines and writes them somewhere slow: a pipe, a disk, a console. Nobody
// who logs ever waits for it. It keeps lines whole and in order; what it cannot keep it counts.
package sink

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxPending is how many bytes of lines may wait for the writer; about ten thousand exchanges.
const maxPending = 8 << 20

// Batch is an io.Writer that copies each line into memory and returns; Run writes them in batches.
type Batch struct {
	out  io.Writer
	wake chan struct{} // one token: there is something to write

	mu      sync.Mutex
	pending []byte // guarded by mu
	lines   int64  // guarded by mu; lines in pending
	max     int    // guarded by mu

	spare   []byte // owned by flush
	flushMu sync.Mutex
	dropped atomic.Int64
	failing atomic.Bool
}

// NewBatch writes to out, keeping at most max bytes in memory (8 MiB when max is 0).
func NewBatch(out io.Writer, max int) *Batch {
	if max <= 0 {
		max = maxPending
	}
	return &Batch{out: out, max: max, wake: make(chan struct{}, 1)}
}

// Write takes one line. It never fails and never waits for the destination: a line for which there is no room is
// dropped and counted.
func (b *Batch) Write(line []byte) (int, error) {
	b.mu.Lock()
	full := len(b.pending)+len(line) > b.max
	if !full {
		b.pending = append(b.pending, line...)
		b.lines++
	}
	b.mu.Unlock()
	if full {
		b.dropped.Add(1)
		return len(line), nil
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// gather is how long Run rests after a write, so that lines of a busy server leave together: waking a goroutine and a
// system call for each line would cost more than the line. A line after a pause is written at once.
const gather = 5 * time.Millisecond

// Run writes until ctx ends, then writes what is left.
func (b *Batch) Run(ctx context.Context) {
	defer b.Flush()
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-rest.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-b.wake:
			b.Flush()
			rest.Reset(gather)
		case <-ctx.Done():
			return
		}
	}
}

// Flush writes what is pending. Lines that the destination refuses are lost and counted, so that a full disk costs
// lines and not memory.
func (b *Batch) Flush() {
	b.flushMu.Lock()
	defer b.flushMu.Unlock()
	for {
		b.mu.Lock()
		batch, lines := b.pending, b.lines
		b.pending, b.lines = b.spare[:0], 0
		b.mu.Unlock()
		if len(batch) > 0 {
			_, err := b.out.Write(batch)
			b.failing.Store(err != nil)
			if err != nil {
				b.dropped.Add(lines)
			}
		}
		b.spare = recycled(batch)
		if len(batch) == 0 {
			return
		}
	}
}

// recycled is buf for the next batch, unless a burst has made it so large that keeping it would waste memory.
func recycled(buf []byte) []byte {
	if cap(buf) > 1<<20 {
		return nil
	}
	return buf[:0]
}

// Dropped counts the lines lost so far.
func (b *Batch) Dropped() int64 { return b.dropped.Load() }

// Failing reports whether the last write to the destination failed.
func (b *Batch) Failing() bool { return b.failing.Load() }
