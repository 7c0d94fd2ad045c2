package sink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// File is an append-only file that follows log rotation: opened again on Reopen (after somebody moved it), or moved
// aside by itself when it has grown over a size.
type File struct {
	path    string
	maxSize int64 // bytes; 0 is no limit
	keep    int   // rotated files kept: path.1 is the newest
	reopen  atomic.Bool

	mu   sync.Mutex
	file *os.File // guarded by mu; nil until opened
	size int64    // guarded by mu
}

// OpenFile opens path for appending, readable by its owner only, and makes it if it is not there.
func OpenFile(path string, maxSize int64, keep int) (*File, error) {
	f := &File{path: path, maxSize: maxSize, keep: max(keep, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f, f.open()
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open log file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("cannot open log file: %w", err)
	}
	if f.file != nil {
		_ = f.file.Close()
	}
	f.file, f.size = file, info.Size()
	return nil
}

// Reopen makes the next Write open the path again. Safe to call from a signal's goroutine.
func (f *File) Reopen() { f.reopen.Store(true) }

// Write appends p whole. When the path cannot be opened again it goes on with the file it has.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reopen.Swap(false) || f.file == nil {
		if err := f.open(); err != nil && f.file == nil {
			return 0, err
		}
	}
	if f.maxSize > 0 && f.size > 0 && f.size+int64(len(p)) > f.maxSize {
		if err := f.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil && n > 0 && f.file.Truncate(f.size) == nil {
		n = 0 // a full disk took a part: half a line is worse than none
	}
	f.size += int64(n)
	return n, err
}

// rotate moves path to path.1, path.1 to path.2, and so on; the oldest is overwritten.
func (f *File) rotate() error {
	for i := f.keep; i > 1; i-- {
		err := os.Rename(f.name(i-1), f.name(i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot rotate log file: %w", err)
		}
	}
	if err := os.Rename(f.path, f.name(1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot rotate log file: %w", err)
	}
	return f.open()
}

func (f *File) name(i int) string { return fmt.Sprintf("%s.%d", f.path, i) }

// Stat describes the open file, wherever its path leads by now.
func (f *File) Stat() (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil, fs.ErrClosed
	}
	return f.file.Stat()
}

// Close closes the file; a later Write opens it again.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
