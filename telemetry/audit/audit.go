// Package audit keeps security events in a file in which a missing, changed or moved line shows. Each line carries the
// hash of the line before and its own; with a key the hashes are HMACs, so that only the key's holder can make a chain
// that verifies. It never says what is an event, and nobody who reports one waits for the disk.
package audit

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry/sink"
)

// maxPending bounds the lines in memory that wait for the disk, in bytes.
const maxPending = 16 << 20

// Options say where the log is and how it rotates.
type Options struct {
	Path    string
	Key     []byte // makes the hashes HMAC-SHA-256; nil is plain SHA-256
	MaxSize int64  // bytes after which the file is moved aside; 0 is never
	Keep    int    // files kept when it is
	Pending int    // bytes of lines that may wait for the disk; 0 is 16 MiB
}

// Log appends to one audit file.
type Log struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	pending []byte // guarded by mu; whole lines
	lost    int64  // guarded by mu; lines dropped since the last note of it

	// writeMu guards what follows: the file and the chain's end.
	writeMu sync.Mutex
	file    *sink.File
	spare   []byte
	out     []byte
	size    int64
	tip     tip
	fresh   bool // the file has no line yet

	reopen  atomic.Bool
	dropped atomic.Int64
	failing atomic.Bool
}

// tip is the chain's last line.
type tip struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// Open goes on with the chain that is in the file, or begins one. It fails when the file cannot be written, not when
// its chain is broken: that is for Verify to name.
func Open(o Options) (*Log, error) {
	if o.Pending <= 0 {
		o.Pending = maxPending
	}
	l := &Log{o: o, wake: make(chan struct{}, 1)}
	file, err := sink.OpenFile(o.Path, 0, 0)
	if err != nil {
		return nil, err
	}
	l.file = file
	if err := l.resume(); err != nil {
		_ = file.Close()
		return nil, err
	}
	return l, nil
}

// Write takes one JSON object with a line end, copies it and returns; it never waits and never fails. A line for which
// there is no room is dropped, counted, and owned up to in the log as soon as there is room again.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	full := len(l.pending)+len(line) > l.o.Pending
	if full {
		l.lost++
	} else {
		l.pending = append(l.pending, line...)
	}
	l.mu.Unlock()
	if full {
		l.dropped.Add(1)
		return len(line), nil
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Run writes until ctx ends, then writes what is left.
func (l *Log) Run(ctx context.Context) {
	retry := time.NewTicker(time.Second)
	defer retry.Stop()
	for {
		select {
		case <-l.wake:
			l.Flush()
		case <-retry.C: // what a full disk refused, and a reopen asked for in quiet times
			l.Flush()
		case <-ctx.Done():
			l.Flush()
			return
		}
	}
}

// Flush writes what is pending. What the disk refuses is kept for the next time, within the bound.
func (l *Log) Flush() {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	l.rotateIfAsked()
	l.mu.Lock()
	batch, lost := l.pending, l.lost
	l.pending, l.lost = l.spare[:0], 0
	l.mu.Unlock()
	l.spare = nil
	if len(batch) == 0 && lost == 0 {
		l.spare = batch
		return
	}
	if err := l.append(batch, lost); err != nil {
		l.failing.Store(true)
		l.putBack(batch, lost)
		return
	}
	l.failing.Store(false)
	if cap(batch) <= 1<<20 {
		l.spare = batch[:0]
	}
}

// append chains the lines of batch and writes them at once; the chain moves on only when all of them are in the file.
func (l *Log) append(batch []byte, lost int64) error {
	before := l.tip
	l.out = l.out[:0]
	if l.fresh {
		l.link([]byte(`{"time":"` + now() + `","kind":"begin"}`))
	}
	for len(batch) > 0 {
		line, rest, _ := bytes.Cut(batch, []byte{'\n'})
		batch = rest
		l.link(line)
	}
	if lost > 0 {
		l.link(fmt.Appendf(nil, `{"time":"%s","kind":"dropped","lines":%d}`, now(), lost))
	}
	if err := l.write(); err != nil {
		l.tip = before
		return err
	}
	l.fresh = false
	return nil
}

// write appends l.out to the file, whole, and the head beside it.
func (l *Log) write() error {
	n, err := l.file.Write(l.out)
	l.size += int64(n)
	if err != nil {
		return err
	}
	return l.writeHead()
}

// link appends one line, chained to the one before, to l.out.
func (l *Log) link(line []byte) {
	line = bytes.TrimRight(line, " \r\n")
	if len(line) < 2 || line[len(line)-1] != '}' {
		return // not from our encoder
	}
	start := len(l.out)
	l.tip.Seq++
	l.out = append(l.out, line[:len(line)-1]...)
	l.out = append(l.out, `,"seq":`...)
	l.out = strconv.AppendUint(l.out, l.tip.Seq, 10)
	l.out = append(l.out, `,"prev":"`...)
	l.out = append(l.out, l.tip.Hash...)
	l.out = append(l.out, '"')
	l.tip.Hash = digest(l.o.Key, l.out[start:])
	l.out = append(l.out, hashField...)
	l.out = append(l.out, l.tip.Hash...)
	l.out = append(l.out, "\"}\n"...)
}

// putBack keeps lines for the next time, those that were first in front.
func (l *Log) putBack(batch []byte, lost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += lost
	if len(batch)+len(l.pending) > l.o.Pending {
		n := int64(bytes.Count(l.pending, []byte{'\n'}))
		l.lost += n
		l.dropped.Add(n)
		l.pending = l.pending[:0]
	}
	l.pending = append(batch, l.pending...)
}

// Reopen makes the next write open the path again, for a rotation by signal.
func (l *Log) Reopen() { l.reopen.Store(true) }

// Dropped counts the lines lost so far; Failing reports whether the disk refused the last write.
func (l *Log) Dropped() int64 { return l.dropped.Load() }
func (l *Log) Failing() bool  { return l.failing.Load() }

// Full reports whether the next line would be lost.
func (l *Log) Full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost > 0 || len(l.pending) > l.o.Pending*9/10
}

// Take hands out the lines that wait, whole, and forgets them: for the log that takes this one's place.
func (l *Log) Take() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.pending
	l.pending = nil
	return lines
}

// Close writes what is left and closes the file.
func (l *Log) Close() error {
	l.Flush()
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	return l.file.Close()
}
