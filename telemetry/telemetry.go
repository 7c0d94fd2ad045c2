// Package telemetry records what happened and shows it: one log line per exchange, metrics in one catalogue, security
// events, and the admin port. It is the ground floor: it knows no filter, no upstream and no proxy, and never decides
// about a request.
package telemetry

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"blaze/telemetry/sink"
)

// Options are what a process sets once, by flags.
type Options struct {
	LogLevel, LogFormat string // debug, info, warn, error; json, console
	Version             string
	// Output takes the log; standard error when nil.
	Output io.Writer
}

// Telemetry is one server's ears and mouth. Two in one process share nothing.
type Telemetry struct {
	Log     Logger
	Metrics *Metrics

	version string
	began   time.Time
	batch   *sink.Batch
	access  accessLog
	counts  *counts

	mu     sync.Mutex
	config Config // guarded by mu
}

// New makes a Telemetry; Run must be called for its log to be written.
func New(o Options) *Telemetry {
	if o.Output == nil {
		o.Output = os.Stderr
	}
	m := NewMetrics()
	t := &Telemetry{Metrics: m, version: o.Version, began: time.Now(), batch: sink.NewBatch(o.Output, 0), counts: newCounts(m)}
	t.Log = newLogger(t.batch, o.LogLevel, o.LogFormat)
	t.access.init(newLogger(t.batch, "", o.LogFormat))
	m.counterFunc("blaze_log_dropped_total", func() float64 { return float64(t.batch.Dropped()) }, "main")
	m.Gauge("blaze_build_info", func() float64 { return 1 }, o.Version)
	m.Gauge("blaze_uptime_seconds", func() float64 { return time.Since(t.began).Seconds() })
	return t
}

// Run writes logs until ctx ends, then flushes. Call it once, and end it after the last exchange was recorded.
func (t *Telemetry) Run(ctx context.Context) {
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() { t.batch.Run(ctx) })
}

// Flush writes what the log still holds in memory, for a process that is about to end with an error.
func (t *Telemetry) Flush() { t.batch.Flush() }

// Reopen opens log files again, after somebody moved them (SIGHUP).
func (t *Telemetry) Reopen() {}

// Exchange records a finished exchange: its log line and its metrics. Allocates nothing.
func (t *Telemetry) Exchange(r *Record) {
	t.counts.add(r)
	t.access.write(r)
}

// Known are the names a policy gives, the only ones that become label values.
type Known struct {
	Models []string // with * for any run of characters
}

// SetKnown takes the serving policy's names in; called at every swap.
func (t *Telemetry) SetKnown(k Known) {
	models := append([]string(nil), k.Models...)
	t.counts.models.Store(&models)
}
