package sink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"blaze/telemetry/sink"
)

// slow is a destination that blocks until released.
type slow struct {
	release chan struct{}
	entered chan struct{}
	once    sync.Once
	mu      sync.Mutex
	got     bytes.Buffer
}

func (s *slow) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.entered) })
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(p)
}

// A destination that stands still stops nobody: the lines that fit wait, the others are counted.
func TestBatchNeverWaits(t *testing.T) {
	defer goleak.VerifyNone(t)
	dst := &slow{release: make(chan struct{}), entered: make(chan struct{})}
	b := sink.NewBatch(dst, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	line := []byte(strings.Repeat("x", 99) + "\n")
	_, _ = b.Write(line)
	<-dst.entered // the first line is stuck in the destination
	for range 25 {
		_, _ = b.Write(line)
	}
	if got := b.Dropped(); got != 15 {
		t.Errorf("dropped %d lines, want 15: 10 of 25 fit", got)
	}
	close(dst.release)
	cancel()
	<-done
	if got := dst.got.Len(); got != 11*len(line) {
		t.Errorf("wrote %d bytes, want 11 lines", got)
	}
}

func TestBatchKeepsLinesWholeAndInOrder(t *testing.T) {
	var out bytes.Buffer
	b := sink.NewBatch(&out, 0)
	var writers sync.WaitGroup
	const each = 2000
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	for w := range 4 {
		writers.Go(func() {
			for i := range each {
				_, _ = fmt.Fprintf(b, "%d %d\n", w, i)
			}
		})
	}
	writers.Wait()
	cancel()
	<-done
	next := [4]int{}
	for line := range strings.Lines(out.String()) {
		var w, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &w, &i); err != nil || i != next[w] {
			t.Fatalf("line %q: %v; want number %d", line, err, next[w])
		}
		next[w]++
	}
	if next != [4]int{each, each, each, each} {
		t.Errorf("got %v lines", next)
	}
}

type broken struct{ err error }

func (b *broken) Write(p []byte) (int, error) { return len(p), b.err }

func TestBatchCountsWhatTheDestinationRefuses(t *testing.T) {
	dst := &broken{err: errors.New("no space left on device")}
	b := sink.NewBatch(dst, 0)
	_, _ = b.Write([]byte("a\n"))
	_, _ = b.Write([]byte("b\n"))
	b.Flush()
	if b.Dropped() != 2 || !b.Failing() {
		t.Errorf("dropped %d, failing %v; want 2, true", b.Dropped(), b.Failing())
	}
	dst.err = nil
	_, _ = b.Write([]byte("c\n"))
	b.Flush()
	if b.Dropped() != 2 || b.Failing() {
		t.Errorf("after it came back: dropped %d, failing %v; want 2, false", b.Dropped(), b.Failing())
	}
}

func write(t *testing.T, f *sink.File, s string) {
	t.Helper()
	if n, err := f.Write([]byte(s)); err != nil || n != len(s) {
		t.Fatalf("wrote %d bytes: %v", n, err)
	}
}

func content(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s: got %q (%v), want %q", filepath.Base(path), got, err, want)
	}
}

func TestFileFollowsRotationBySignal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	f, err := sink.OpenFile(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, f, "one\n")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "two\n")
	f.Reopen()
	write(t, f, "three\n")
	content(t, path+".old", "one\ntwo\n")
	content(t, path, "three\n")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestFileRotatesBySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	f, err := sink.OpenFile(path, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 4 {
		write(t, f, fmt.Sprintf("line %d\n", i)) // 7 bytes: one a file
	}
	content(t, path, "line 3\n")
	content(t, path+".1", "line 2\n")
	content(t, path+".2", "line 1\n")
	if _, err := os.Stat(path + ".3"); err == nil {
		t.Error("kept more files than asked for")
	}
	write(t, f, strings.Repeat("y", 50)) // longer than a whole file may be: written all the same
	content(t, path, strings.Repeat("y", 50))
}

func TestFileThatCannotBeOpened(t *testing.T) {
	if _, err := sink.OpenFile(filepath.Join(t.TempDir(), "no", "such", "folder"), 0, 0); err == nil {
		t.Error("want an error")
	}
}

// Reopening a path that is gone keeps the file that is there.
func TestReopenThatFailsKeepsTheOldFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.log")
	f, err := sink.OpenFile(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	f.Reopen()
	write(t, f, "kept\n")
	content(t, filepath.Join(dir+".moved", "a.log"), "kept\n")
}
