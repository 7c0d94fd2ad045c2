package telemetry

import (
	"context"
	"net/http"

	"github.com/rs/zerolog"

	"blaze/telemetry/setting"
)

// Config is the policy's telemetry section.
type Config struct {
	AccessLog AccessLog `yaml:"access_log"`
}

// AccessLog says which exchanges get their line; denials and errors always do.
type AccessLog struct {
	Sample setting.Percent `yaml:"sample" default:"100%"`
}

// Options are what a process sets once, by flags.
type Options struct {
	LogLevel, LogFormat string
	Version             string
}

// Telemetry is one server's ears and mouth. Two in one process share nothing.
type Telemetry struct {
	Log     zerolog.Logger
	Metrics *Metrics
}

// New makes a Telemetry; Run must be called for its log to be written.
func New(o Options) *Telemetry { return &Telemetry{Metrics: NewMetrics()} }

// Run writes logs (and later history, alerts, pushes) until ctx ends, then flushes.
func (t *Telemetry) Run(ctx context.Context) {}

// Configure takes the policy's section in; called at every swap.
func (t *Telemetry) Configure(c Config) {}

// Exchange records a finished exchange: its log line and its metrics. Allocates nothing.
func (t *Telemetry) Exchange(r *Record) {}

// Event is something a security engineer wants to find again.
type Event struct {
	Kind                                   string // denial, ban, login_failed, reload, admin
	RequestID, Client, Subject, Rule, Note string
}

// Event records a security event.
func (t *Telemetry) Event(e Event) {}

// Check is one part of /health/detailed.
type Check struct {
	Name   string
	Status string // ok, degraded, down
	Detail any    // JSON-able, no secrets
}

// Admin is the admin port's server.
type Admin struct{}

// AdminOptions says how the admin port is guarded and what it shows of the floors above.
type AdminOptions struct {
	Addr  string
	Token string // bearer token of the guarded endpoints; empty: loopback callers only
	// Ready says whether the proxied port serves; a nil error is ready.
	Ready func() error
	// Checks are the parts of /health/detailed.
	Checks func() []Check
	// Handlers are further endpoints by pattern ("GET /policy"), all guarded.
	Handlers map[string]http.Handler
}

// NewAdmin listens on the admin address.
func (t *Telemetry) NewAdmin(o AdminOptions) (*Admin, error) { return &Admin{}, nil }

// Addr is the address listened on.
func (a *Admin) Addr() string { return "" }

// Run serves until ctx ends.
func (a *Admin) Run(ctx context.Context) error { return nil }

// Metrics holds the live series of the catalogue.
type Metrics struct{}

// NewMetrics makes the catalogue's registry.
func NewMetrics() *Metrics { return &Metrics{} }

// Counter is a value that only grows.
type Counter struct{}

// Inc and Add count; safe for concurrent use, no allocation.
func (c *Counter) Inc()         {}
func (c *Counter) Add(n int64)  {}
func (c *Counter) Value() int64 { return 0 }

// Histogram counts observations in fixed buckets.
type Histogram struct{}

// Observe counts one observation, in the metric's unit.
func (h *Histogram) Observe(v float64) {}

// Counter returns the catalogue's counter name with these label values, in the catalogue's order of labels, making it
// at first use. A name that is not in the catalogue, or a wrong number of labels, is a bug and panics. The series of one
// metric are bounded: past the bound, every new set of values counts as "other". Keep what it returns; do not call it
// per request with values that a client chose.
func (m *Metrics) Counter(name string, labels ...string) *Counter { return &Counter{} }

// Histogram is like Counter.
func (m *Metrics) Histogram(name string, labels ...string) *Histogram { return &Histogram{} }

// Gauge registers f as the catalogue's gauge name; registering the same series again replaces f (a reload does).
func (m *Metrics) Gauge(name string, f func() float64, labels ...string) {}

// Logger is what the floors above log with.
type Logger = zerolog.Logger
