package telemetry

import (
	"io"
	"time"

	"github.com/rs/zerolog"
)

// Logger is what the floors above log with.
type Logger = zerolog.Logger

// timeFormat is RFC 3339 with milliseconds, always UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// newLogger writes to w at a level ("" is info), as JSON or, for people, as console text. zerolog's own time format is
// a global of the process, so a hook writes the time.
func newLogger(w io.Writer, level, format string) Logger {
	if format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000", NoColor: true}
	}
	l, err := zerolog.ParseLevel(level)
	if err != nil || l == zerolog.NoLevel {
		l = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(l).Hook(stamp{})
}

type stamp struct{}

// Run adds the time.
func (stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	if e.Enabled() {
		stampTime(e)
	}
}

func stampTime(e *zerolog.Event) {
	var buf [2 * len(timeFormat)]byte // AppendFormat wants room to spare
	e.Bytes("time", time.Now().UTC().AppendFormat(buf[:0], timeFormat))
}
