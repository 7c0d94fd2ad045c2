package telemetry

import (
	"net/netip"
	"time"

	"blaze/telemetry/trace"
)

// Record is what is known about one exchange when it ends. The strings may point into pooled memory: whoever keeps
// one beyond the call copies it.
type Record struct {
	Began     time.Time
	RequestID string
	TraceID   string // 32 hex digits, empty when none came
	Client    netip.Addr
	Subject   string
	Tenant    string
	Tier      string
	KeyID     string // of an API key
	Method    string
	Path      string
	Endpoint  string // the engine route's name; "unknown" when none
	Route     string // the policy route's name
	Engine    string
	Model     string
	Upstream  string
	Target    string
	Status    int
	// Filter, Rule, Code, Field and Excerpt say who refused, by which rule, and what was seen (masked). Empty when served.
	Filter, Rule, Code, Field, Excerpt string
	// Shadow lists what would have been refused.
	Shadow []ShadowHit
	// BytesIn and BytesOut count the bodies.
	BytesIn, BytesOut int64
	TokensIn          int64
	TokensOut         int64
	UsageReported     bool
	Stream            bool
	Frames            int64
	// Cache and Idempotency say what an upstream's memory had to do with it: hit, join, miss, stale, bypass. Empty when nothing.
	Cache, Idempotency string
	// FirstByte is from the request's begin to the first byte of the answer's body; zero when there was none.
	FirstByte time.Duration
	// Overhead is the time spent in Blaze itself: total less waiting for the client, the limits' queues and the upstream.
	Overhead time.Duration
	// Waited is the time spent in queues and delays on purpose.
	Waited  time.Duration
	Total   time.Duration
	Retries int
	// Abort says how an exchange ended early: client_gone, upstream_cut, stall, timeout, panic, shutdown, budget, withheld. Empty otherwise.
	Abort string
	// Trace is what StartTrace gave; Spans are the exchange's parts, when Trace is sampled.
	Trace trace.Context
	Spans []Span
	// Request is kept by an audit log that records requests; nil unless WantsRequest said so.
	Request *Request
}

// Request is a request as it arrived, for a replay. Header fields with credentials are left out.
type Request struct {
	Target  string // path and query as received
	Headers []Header
	Roles   []string // the caller's, as auth proved them
	Body    []byte   // may be nil when bodies are not kept
}

// Header is one header field.
type Header struct{ Name, Value string }

// ShadowHit is one refusal that was not enforced.
type ShadowHit struct {
	Filter, Rule, Code string
	// Field is where it was found and Excerpt what was seen there (masked), or the score and what it is made of.
	Field, Excerpt string
}
