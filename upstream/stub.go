package upstream

import (
	"context"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Config is one entry of the policy's upstreams section.
type Config struct {
	Engine  string   `yaml:"engine"`
	Targets []Target `yaml:"targets"`
	Timeout Timeout  `yaml:"timeout"`
	Breaker Breaker  `yaml:"breaker"`
}

// Target is one model server.
type Target struct {
	URL    string `yaml:"url"`
	Weight int    `yaml:"weight"`
}

// Timeout bounds the waits on a target.
type Timeout struct {
	Connect   time.Duration `yaml:"connect"`
	FirstByte time.Duration `yaml:"first_byte"`
	Stall     time.Duration `yaml:"stall"`
}

// Breaker is the policy's breaker section.
type Breaker struct {
	FailureRate setting.Percent `yaml:"failure_rate"`
}

// Env is what the pools need from the process.
type Env struct {
	Metrics *telemetry.Metrics
	Log     telemetry.Logger
	Now     func() time.Time
	// ReadFile reads a file that the policy names, relative to it; what it reads is watched for changes.
	ReadFile func(path string) ([]byte, error)
}

// Pools are all upstreams of one policy. Immutable; the state of targets lives in objects that a reload passes on.
type Pools struct{}

// New compiles the upstreams section. Targets that did not change keep their connections, breaker and counts of prev,
// which may be nil. Nothing is dialled and no goroutine started. Problems are joined *setting.Problem.
func New(cfg map[string]Config, prev *Pools, env Env) (*Pools, error) { return &Pools{}, nil }

// Pool returns the pool with that name, or nil.
func (ps *Pools) Pool(name string) *Pool { return nil }

// Names lists the pools in name order.
func (ps *Pools) Names() []string { return nil }

// Run does the health checks until ctx ends; the owner calls it once for each set that becomes active.
func (ps *Pools) Run(ctx context.Context) {}

// Close drops the idle connections of targets that are not in keep (the set that replaces ps; nil keeps none).
func (ps *Pools) Close(keep *Pools) {}

// Checks are the pools' part of /health/detailed.
func (ps *Pools) Checks() []telemetry.Check { return nil }

// Pool is one named upstream.
type Pool struct{}

// Name is the policy's name for the pool; Engine is what it speaks.
func (p *Pool) Name() string           { return "" }
func (p *Pool) Engine() *engine.Engine { return nil }

// Acquire chooses a target and takes its permits: the breaker's and, where set, a place. It dials nothing. On
// ErrUnavailable, retry is how long until a breaker lets a probe in, zero if unknown. Every Lease is released once.
func (p *Pool) Acquire(w Want) (l *Lease, retry time.Duration, err error) { return nil, 0, nil }

// Lease is the right to send one request to one target.
type Lease struct{}

// Info names what was leased.
func (l *Lease) Info() Info { return Info{} }

// RoundTrip sends r and reads the answer's head. At most one call per lease ends without an error. The response must be
// closed. Interim 1xx answers are read past, within a bound; a 101 is an answer only to an Upgrade.
func (l *Lease) RoundTrip(r *Request, cancel *Cancel, deadline time.Time) (*Response, error) {
	return nil, nil
}

// Release gives the permits back and tells the breaker how it went. The first call counts; more do nothing.
func (l *Lease) Release(o Outcome) {}

// Response is the answer: its head, then its body by Read. It belongs to the goroutine that reads it.
type Response struct {
	Header fasthttp.ResponseHeader
	// Size is the body's length, -1 when the target did not say.
	Size int64
	// Retries counts the attempts beyond the first.
	Retries int
}

// Read returns the next bytes of the body as soon as there are any, under the stall timeout. io.EOF is the body's
// proper end; any other error is one of this package's, and the answer is not complete.
func (r *Response) Read(p []byte) (int, error) { return 0, nil }

// Conn is the raw connection after a 101, with whatever was read beyond the head in front; nil otherwise.
func (r *Response) Conn() net.Conn { return nil }

// Close gives the connection back when the body was read to its end and the target keeps it; else it closes it, which
// is how an engine learns to stop. More calls do nothing.
func (r *Response) Close() {}
