package telemetry

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"blaze/telemetry/sink"
)

// Logger is what the floors above log with.
type Logger = zerolog.Logger

// timeFormat is RFC 3339 with milliseconds, always UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// newLogger writes JSON to w at a level ("" is info). zerolog's own time format is a global of the process, so a hook
// writes the time.
func newLogger(w io.Writer, level string) Logger {
	l, err := zerolog.ParseLevel(level)
	if err != nil || l == zerolog.NoLevel {
		l = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(l).Hook(newStamp())
}

type stamp struct{ last *atomic.Pointer[second] }

// second is the text of a time but for its fraction, which most lines share with the line before.
type second struct {
	unix int64
	text [len("2006-01-02T15:04:05.")]byte
}

func newStamp() stamp { return stamp{new(atomic.Pointer[second])} }

// Run adds the time.
func (s stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	if e.Enabled() {
		s.time(e)
	}
}

// time writes timeFormat.
func (s stamp) time(e *zerolog.Event) {
	now := time.Now()
	at := s.last.Load()
	if at == nil || at.unix != now.Unix() {
		at = &second{unix: now.Unix()}
		now.UTC().AppendFormat(at.text[:0], timeFormat[:len(at.text)])
		s.last.Store(at)
	}
	milli := now.Nanosecond() / 1e6
	text := append(append(make([]byte, 0, len(timeFormat)), at.text[:]...), '0'+byte(milli/100), '0'+byte(milli/10%10), '0'+byte(milli%10), 'Z')
	e.Bytes("time", text)
}

// consoleLines turns JSON lines into text for people, in the writer's goroutine.
type consoleLines struct{ out zerolog.ConsoleWriter }

func newConsole(w io.Writer) consoleLines {
	return consoleLines{zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000", NoColor: true}}
}

// Write formats each line of p.
func (c consoleLines) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if _, err := c.out.Write(line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// outlet is a log's destination, which a reload may change.
type outlet struct{ to atomic.Pointer[sink.Batch] }

func (o *outlet) Write(p []byte) (int, error) { return o.to.Load().Write(p) }

// logFile is a log with a file of its own.
type logFile struct {
	path    string
	maxSize int64
	keep    int
	file    *sink.File
	batch   *sink.Batch
	stop    func()
}

func (f *logFile) is(path string, maxSize int64, keep int) bool {
	return f != nil && f.path == path && f.maxSize == maxSize && f.keep == keep
}

func (f *logFile) close() {
	if f != nil {
		f.stop()
		f.batch.Flush()
		_ = f.file.Close()
	}
}
