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

// resume finds the chain's end in the file that was opened. An empty file goes on from the head beside it, which is
// how a chain spans rotated files.
func (l *Log) resume() error {
	l.tip = tip{Hash: genesis}
	line, size, err := lastLine(l.o.Path)
	if err != nil {
		return fmt.Errorf("cannot read the audit log: %w", err)
	}
	l.size, l.fresh = size, size == 0
	head, herr := readHead(l.o.Path)
	switch {
	case len(line) > 0:
		var t tip
		if json.Unmarshal(line, &t) == nil && len(t.Hash) == 64 {
			l.tip = t
			if herr == nil && head.Seq >= t.Seq {
				l.tip = head // if lines were cut off while nobody wrote, the gap must go on to show
			}
			return nil
		}
		if herr == nil {
			l.tip = head
		}
		_, err = l.file.Write([]byte("\n")) // half a line, left by a crash, stands alone and is named by Verify
		return err
	case herr == nil:
		l.tip = head
	case !errors.Is(herr, fs.ErrNotExist):
		return fmt.Errorf("cannot read the audit log's head: %w", herr)
	}
	return nil
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

// lastLine reads the file's last line from its end, without its line end.
func lastLine(path string) (line []byte, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	size = info.Size()
	for want := int64(4096); ; want *= 4 {
		want = min(want, size)
		buf := make([]byte, want)
		if _, err := f.ReadAt(buf, size-want); err != nil && err != io.EOF {
			return nil, size, err
		}
		body := bytes.TrimRight(buf, "\n")
		if at := bytes.LastIndexByte(body, '\n'); at >= 0 || want == size || want >= maxLine {
			return body[at+1:], size, nil
		}
	}
}
