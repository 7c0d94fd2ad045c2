package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"blaze/telemetry/sink"
)

// genesis is what the first line of a chain follows.
var genesis = strings.Repeat("0", 64)

// maxLine bounds one line of the file.
const maxLine = 64 << 20

// resume finds the chain's end in the file that was opened: its last whole line, or what the head beside it says, which is how
// a chain spans rotated files.
func (l *Log) resume() error {
	whole, half, size, err := lastLines(l.o.Path)
	if err != nil {
		return fmt.Errorf("cannot read the audit log: %w", err)
	}
	head, err := readHead(l.o.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && len(whole) == 0 {
		return fmt.Errorf("cannot read the audit log's head: %w", err)
	}
	l.tip, l.size = tip{Hash: genesis}, size
	if t, ok := tipOf(whole); ok {
		l.tip = t
	}
	end, ended := tipOf(half)
	if ended { // only its line end is missing
		l.tip = end
	}
	l.fresh = len(whole) == 0 && !ended
	if err == nil && head.Seq >= l.tip.Seq {
		l.tip = head // if lines were cut off while nobody wrote, the gap must go on to show
	}
	switch {
	case len(half) == 0:
		return nil
	case ended:
		_, err = l.file.Write([]byte("\n"))
		return err
	}
	return l.ownUp(half)
}

// ownUp ends the half line that a crash in the midst of a write has left, and has the chain say so: the next line bears its
// length and hash, so that nothing else can stand there.
func (l *Log) ownUp(half []byte) error {
	kind := "torn"
	if l.fresh {
		kind = "begin"
	}
	l.out = append(l.out[:0], '\n')
	l.link(fmt.Appendf(nil, `{"time":"%s","kind":"%s","torn":{"bytes":%d,"sha256":"%s"}}`, now(), kind, len(half), digest(nil, half)))
	if err := l.write(); err != nil {
		return err
	}
	l.fresh = false
	return nil
}

// tipOf reads a whole line's place in the chain.
func tipOf(line []byte) (t tip, ok bool) {
	return t, json.Unmarshal(line, &t) == nil && len(t.Hash) == 64
}

// rotateIfAsked ends the file and goes on in a new one, after a signal or when it has grown over its size.
func (l *Log) rotateIfAsked() {
	grown := l.o.MaxSize > 0 && l.size > l.o.MaxSize
	if !grown && !l.reopen.Load() {
		return
	}
	same := l.samePath()
	if !grown && same {
		l.reopen.Store(false) // nobody moved it: there is nothing to open again
		return
	}
	before := l.tip
	l.out = l.out[:0]
	l.link([]byte(`{"time":"` + now() + `","kind":"end"}`))
	if err := l.write(); err != nil {
		l.tip = before // a full disk is no reason to stay in a file that somebody moved
	}
	if same {
		shift(l.o.Path, max(l.o.Keep, 1))
	}
	file, err := sink.OpenFile(l.o.Path, 0, 0)
	if err != nil {
		l.failing.Store(true)
		return
	}
	_ = l.file.Close()
	l.reopen.Store(false)
	l.file, l.size, l.fresh = file, 0, true
}

// samePath reports whether the path still leads to the open file.
func (l *Log) samePath() bool {
	at, err := os.Stat(l.o.Path)
	if err != nil {
		return false
	}
	open, err := l.file.Stat()
	return err == nil && os.SameFile(at, open)
}

// shift moves path to path.1, path.1 to path.2, and so on; the oldest is overwritten.
func shift(path string, keep int) {
	for i := keep; i > 1; i-- {
		_ = os.Rename(fmt.Sprintf("%s.%d", path, i-1), fmt.Sprintf("%s.%d", path, i))
	}
	_ = os.Rename(path, path+".1")
}

func readHead(path string) (t tip, err error) {
	b, err := os.ReadFile(headPath(path))
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(b, &t); err != nil || len(t.Hash) != 64 {
		return t, fmt.Errorf("%s is not a head of an audit log", headPath(path))
	}
	return t, nil
}

// lastLines reads from the file's end its last whole line, without the line end, and what of another follows it.
func lastLines(path string) (whole, half []byte, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, 0, err
	}
	size = info.Size()
	for want := int64(4096); ; want *= 4 {
		want = min(want, size)
		buf := make([]byte, want)
		if _, err := f.ReadAt(buf, size-want); err != nil && err != io.EOF {
			return nil, nil, size, err
		}
		end := bytes.LastIndexByte(buf, '\n')
		half = buf[end+1:]
		body := bytes.TrimRight(buf[:end+1], "\n")
		at := bytes.LastIndexByte(body, '\n')
		if at >= 0 || want == size || want >= maxLine {
			return body[at+1:], half, size, nil
		}
	}
}
