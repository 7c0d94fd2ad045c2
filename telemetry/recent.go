package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
)

// Bounds of what is remembered of the log: about 2 MiB of lines, 8 at worst.
const (
	recentLines   = 2048
	recentMaxLine = 4096
)

// recent remembers the last exchanges' lines, so that a request id leads to what became of it. It stands in the log
// writer's goroutine, behind the batch: no request waits for it.
type recent struct {
	mu    sync.Mutex
	lines [][]byte // guarded by mu; a ring
	next  int      // guarded by mu
}

// tee is a writer of whole lines that lets recent see them.
type tee struct {
	seen *recent
	next io.Writer
}

// Write remembers the exchanges among the lines of p, then passes p on.
func (t tee) Write(p []byte) (int, error) {
	t.seen.add(p)
	return t.next.Write(p)
}

func (r *recent) add(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(p) > 0 {
		line, rest, _ := bytes.Cut(p, []byte{'\n'})
		p = rest
		if len(line) > recentMaxLine || !bytes.HasSuffix(line, []byte(exchangeMark)) {
			continue
		}
		if len(r.lines) < recentLines {
			r.lines = append(r.lines, nil)
		}
		r.lines[r.next] = append(r.lines[r.next][:0], line...)
		r.next = (r.next + 1) % recentLines
	}
}

// exchangeMark ends the line of an exchange, and of nothing else: a message is written last, and quotes inside values
// are escaped.
const exchangeMark = `"message":"exchange"}`

// last returns up to n lines, newest first, that contain all of parts; parts are pieces of JSON.
func (r *recent) last(n int, parts ...string) []json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []json.RawMessage{}
	for i := 1; i <= len(r.lines) && len(out) < n; i++ {
		line := r.lines[(r.next-i+recentLines)%recentLines]
		if containsAll(line, parts) {
			out = append(out, bytes.Clone(line))
		}
	}
	return out
}

func containsAll(line []byte, parts []string) bool {
	for _, p := range parts {
		if !bytes.Contains(line, []byte(p)) {
			return false
		}
	}
	return true
}

// jsonField is a field as it stands in a line of the log.
func jsonField(name, value string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value)
	return `"` + name + `":` + strings.TrimSpace(b.String())
}
