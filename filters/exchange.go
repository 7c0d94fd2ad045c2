package filters

import (
	"crypto/x509"
	"io"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/telemetry"
	"blaze/telemetry/trace"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// Exchange is one request on its way through, and its answer on the way back. It is pooled: nothing in it, and no byte
// slice reached from it, may be kept after Settle. Each field has one writer, named above it; everybody may read.
type Exchange struct {
	// proxy.begin: the request as it arrived.
	ID      string // request id, [A-Za-z0-9._-]{1,64}
	Began   time.Time
	Peer    netip.Addr // who is connected
	Client  netip.Addr // who is asking: the peer, or what a trusted proxy says; unmapped
	Request *fasthttp.RequestHeader
	// PeerCert is the certificate that the peer proved to have and proxy.tls.client_ca vouches for; nil without one.
	PeerCert *x509.Certificate
	Path     engine.Path
	Query    []byte // after the ?, as received; empty when there is none
	// Trace is the exchange's place in a W3C trace; Timed has the chain take the time of every stage, into Times.
	Trace trace.Context
	Timed bool
	// Cancel ends the exchange when the client goes away.
	Cancel *upstream.Cancel
	// Deadline is when the exchange must be over.
	Deadline time.Time

	// policy.Check and policy.Explain only, never the proxy: Dry asks for verdicts without taking anything (no token, slot,
	// one-time code or score), and Assume is the id of the API key that the caller is taken to have shown.
	Dry    bool
	Assume string
	// policy.Replay only: the exchange is over already, so what waits (a queue, a delay) answers at once.
	Replay bool

	// policy.Router, before the head verdicts and, once the model is known, before the body verdicts: which route of the
	// policy, which upstream, and which of its engine's routes. Endpoint is nil when no engine has the path; Allow then
	// lists the methods it would take, if any.
	Route    string
	Upstream *upstream.Pool
	Endpoint *engine.Route
	Allow    string

	// proxy.begin: the whole body has come with the head, or there is none: what a filter asks of somebody else about both it may
	// ask once.
	BodyHere bool
	// proxy.body: the body, read once. Document is valid when HasDocument is set; its Body is Body, decoded where the
	// content encoding was undone for reading.
	Body        []byte
	Document    engine.Document
	HasDocument bool
	// proxy.body: an upload too large for memory, in a file; Body is then empty. nil otherwise. Whoever reads it does so
	// through a section of its own (io.NewSectionReader) and from the start.
	Large *io.SectionReader

	// auth: who is calling; Anonymous until proved otherwise, never nil.
	Identity *Identity
	// auth: the request fields that carried credentials for Blaze, which the proxy takes out.
	Credentials CredentialFields
	// auth: the exchange counts among its subject's running ones, until Settle.
	Session bool

	// scan, params and ratelimit: changes to the forwarded body, and the names of what was degraded or sanitized; an
	// AnswerFilter adds what it sanitized in the answer.
	Edits     []engine.Edit
	Degraded  string
	Sanitized string
	// ratelimit: output tokens after which the relay ends a stream, legally; 0 is no cap. When Usage.Output reaches it, the
	// relay first asks Budget (nil when there is no cap), which raises OutputCap and returns true if the budget has more.
	OutputCap int64
	Budget    interface{ Extend(x *Exchange) bool }

	// scan: what looks at the answer on its way back, nil when nobody does; whether it may change it, so that it must come in
	// a form that can be read; and how long it may hold back what nothing follows, 0 for as long as that takes.
	Answers       AnswerFilter
	AnswerChanges bool
	AnswerHold    time.Duration

	// ratelimit: what the answer's limit headers say.
	Limits LimitHeaders
	// ratelimit: the limits that the head decides are still to be asked, together with the body's.
	LimitsDue bool
	// ratelimit: what was taken, to be given back or settled.
	Taken []Taking
	// ratelimit and circuit: time spent waiting on purpose.
	Waited time.Duration

	// circuit: the right to send to a target, or an answer out of memory.
	Lease *upstream.Lease
	// circuit: what the upstream's cache, and its memory of idempotency keys, had to do with it.
	Cache, Idempotency upstream.Recall

	// proxy.relay and proxy.refuse: how it went.
	Status    int
	Usage     engine.Usage
	BytesIn   int64
	BytesOut  int64
	Frames    int64
	FirstByte time.Duration
	Abort     string // see telemetry.Record
	Result    upstream.Outcome
	Target    string
	Retries   int

	// Chain, and an AnswerFilter for an answer that is not to be seen: who refused, and what was only noted.
	DeniedBy string // the filter's name
	Verdict  Verdict
	Shadows  []telemetry.ShadowHit
	// scan: what an exception of the policy let pass.
	Excepted []Excepted
	Times    []telemetry.Span

	// Chain: the stage being asked is in shadow for this caller, so it must change no byte: no wait, no edit, no header.
	Shadowed bool

	stage int    // Chain: the stage being asked, for the account of a panic
	taken uint32 // Chain: the stages whose Request passed and that are still to be settled
	noted uint32 // Chain: the stages in shadow that would have refused
	known bool   // Chain: the stages that ask who is calling were asked
	ended bool   // Chain: the observers were told
}

// CredentialFields says which fields carried credentials meant for Blaze.
type CredentialFields struct {
	Authorization bool   // the Authorization field
	Header        string // the configured API key header, as named in the policy
	Protocol      bool   // a subprotocol of a WebSocket
	OTP           bool   // x-blaze-otp
}

// Excepted is a hit that an exception of the policy covers.
type Excepted struct{ Filter, Rule, Field string }

// LimitHeaders is what the x-ratelimit-* and RateLimit fields say; an axis with Limit 0 is not shown.
type LimitHeaders struct {
	Requests, Tokens LimitState
}

// LimitState is one axis: the limit closest to biting.
type LimitState struct {
	Name      string
	Limit     int64
	Remaining int64
	Reset     time.Duration // until Remaining is Limit again
	Window    time.Duration
}

// Taking is what one limit has given to the exchange; ratelimit's Settle settles each once.
type Taking struct {
	Limit  int      // the limit's place in the filter that admitted the exchange
	Key    uint64   // whose account it came from, hashed with that limit's seed
	Digest [16]byte // the same for a store that several processes share; zero when there is none
	Net    uint32   // the client's network, hashed: which coarse account stands in when there are too many
	Amount int64    // in the limit's unit
	Mark   int64    // when it was taken, in the algorithm's own terms, so that giving back is exact
}

// Reset makes x ready for the next exchange, keeping its buffers.
func (x *Exchange) Reset() {
	doc, body, edits, taken, shadows, times, excepted, cancel := x.Document, x.Body[:0], x.Edits[:0], x.Taken[:0], x.Shadows[:0], x.Times[:0], x.Excepted[:0], x.Cancel
	clear(taken[:cap(taken)])
	doc.Body = nil
	*x = Exchange{Document: doc, Body: body, Edits: edits, Taken: taken, Shadows: shadows, Times: times, Excepted: excepted, Cancel: cancel, Identity: Anonymous}
}

// Remembered reports whether the answer came out of memory: it says nothing about how the model server does.
func (x *Exchange) Remembered() bool {
	fresh := func(r upstream.Recall) bool { return r == upstream.Hit || r == upstream.Join || r == upstream.Stale }
	return fresh(x.Cache) || fresh(x.Idempotency)
}

// Now is the time by the exchange's own clock reading: Began plus the monotonic time since.
func (x *Exchange) Now() time.Time { return x.Began.Add(time.Since(x.Began)) }

// NoteShadow records a denial that is not enforced, once for each rule.
func (x *Exchange) NoteShadow(filter string, v Verdict) {
	code := ""
	if v.Denial != nil {
		code = v.Denial.Code
	}
	for _, h := range x.Shadows { // once a rule, wherever else it would have refused
		if h.Filter == filter && h.Rule == v.Rule && h.Code == code {
			return
		}
	}
	x.Shadows = append(x.Shadows, telemetry.ShadowHit{Filter: filter, Rule: v.Rule, Code: code, Field: v.Field, Excerpt: v.Excerpt})
}
