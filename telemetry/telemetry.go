// Package telemetry records what happened and shows it: one log line per exchange, metrics in one catalogue, security
// events, and the admin port. It is the ground floor: it knows no filter, no upstream and no proxy, and never decides
// about a request.
package telemetry

import (
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry/alert"
	"blaze/telemetry/history"
	"blaze/telemetry/sink"
	"blaze/telemetry/system"
)

// Options are what a process sets once, by flags.
type Options struct {
	LogLevel, LogFormat string // debug, info, warn, error; json, console
	Version             string
	// Output takes the log; standard error when nil.
	Output io.Writer
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Telemetry is one server's ears and mouth. Two in one process share nothing.
type Telemetry struct {
	Log     Logger
	Metrics *Metrics

	version string
	now     func() time.Time
	began   time.Time
	parts   parts
	batch   *sink.Batch // the process's own log
	outlet  outlet      // of the exchanges' lines
	access  accessLog
	recent  recent
	audit   auditing
	counts  *counts
	errors  errorSummary
	threats threats
	past    *history.Store

	mu         sync.Mutex
	accessFile *logFile // guarded by mu; nil when the lines are in the process's log
	pastPath   string   // guarded by mu; where the history is kept; empty is nowhere

	tracer  atomic.Pointer[tracer] // nil when the policy has no tracing
	custom  atomic.Pointer[[]*custom]
	exports atomic.Pointer[[]Export]
	probes  atomic.Pointer[[]*probe]

	push     *Push  // guarded by mu
	pushStop func() // guarded by mu

	alerts       *alert.Engine
	webhooks     atomic.Pointer[[]*alert.Webhook]
	webhookURLs  []string  // guarded by mu
	webhookStops []func()  // guarded by mu
	resent       time.Time // the history's goroutine only
	instance     string    // how messages call this Blaze
}

// New makes a Telemetry; Run must be called for its log to be written.
func New(o Options) *Telemetry {
	if o.Output == nil {
		o.Output = os.Stderr
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := NewMetrics()
	t := &Telemetry{Metrics: m, version: o.Version, now: o.Now, began: o.Now(), counts: newCounts(m), past: history.New(0)}
	t.errors.classes.max = errorClasses
	t.instance, _ = os.Hostname()
	v := valuer{metrics: map[string]Metric{}, live: m, past: t.past, now: o.Now}
	for _, d := range Catalogue() {
		v.metrics[d.Name] = d
	}
	t.alerts = alert.NewEngine(v)
	m.Gauge("blaze_alerts_firing", func() float64 { firing, _, _ := t.alerts.Alerts(); return float64(len(firing)) })
	if o.LogFormat == "console" {
		o.Output = newConsole(o.Output)
	}
	t.batch = sink.NewBatch(tee{&t.recent, o.Output}, 0)
	t.outlet.to.Store(t.batch)
	t.Log = newLogger(t.batch, o.LogLevel)
	t.access.init(newLogger(&t.outlet, ""))
	t.audit.log = newLogger(&t.audit, "")
	t.parts.add(t.batch.Run)
	t.parts.add(t.runHistory)
	m.counterFunc("blaze_log_dropped_total", func() float64 { return float64(t.batch.Dropped()) }, "main")
	m.Gauge("blaze_build_info", func() float64 { return 1 }, o.Version)
	m.Gauge("blaze_uptime_seconds", func() float64 { return t.now().Sub(t.began).Seconds() })
	t.registerMachine(system.New("", o.Now))
	return t
}

// Run writes logs and does everything that is not a request's work until ctx ends, then flushes. Call it once, and end
// it after the last exchange was recorded.
func (t *Telemetry) Run(ctx context.Context) {
	t.parts.run(ctx)
	t.Flush()
}

// Exchange records a finished exchange: its log line and its metrics. Allocates nothing.
func (t *Telemetry) Exchange(r *Record) {
	t.counts.add(r)
	t.countCustom(r)
	t.access.write(r)
	t.audit.exchange(r)
	t.traced(r)
	if class, kind := errorClass(r); class != "" {
		t.errors.add(t.now(), r, class, kind)
	}
	if r.Filter != "" {
		t.threats.denied(t.now(), r)
	}
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
