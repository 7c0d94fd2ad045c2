package proxy

import (
	"bytes"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"blaze/telemetry"
)

// timeOneIn is how many exchanges share one whose stages are timed, beside those that are traced.
const timeOneIn = 16

// trace places the exchange in a trace, and decides whether its stages are timed.
func (e *exchange) trace() {
	e.Trace, e.ownSpan = e.s.tel.StartTrace(e.Request.Peek("Traceparent"))
	e.Timed = e.Trace.Sampled || rand.Uint32()%timeOneIn == 0
}

// attempted notes an attempt at an upstream in the exchange's trace.
func (e *exchange) attempted(began time.Duration, err error) {
	if !e.Trace.Sampled {
		return
	}
	s := telemetry.Span{Name: "upstream", Start: began, End: time.Since(e.Began), Target: e.Target}
	if err != nil {
		s.Error = err.Error()
	} else {
		s.Status = e.relay.resp.Header.StatusCode()
	}
	e.Times = append(e.Times, s)
}

// account fills the record of the exchange; everything in it may point into pooled memory.
func (e *exchange) account() *telemetry.Record {
	r := &e.record
	total := time.Since(e.Began)
	r.Began, r.RequestID, r.Client = e.Began, e.ID, e.Client
	if e.Trace.Valid() {
		hex.Encode(e.traceID[:], e.Trace.TraceID[:])
		r.TraceID = str(e.traceID[:])
	}
	r.Trace, r.Spans = e.Trace, e.Times
	r.Subject, r.Tenant, r.Tier, r.KeyID = e.Identity.Subject, e.Identity.Tenant, e.Identity.Tier, e.Identity.KeyID
	if !e.hijacked {
		r.Method, r.Path = str(e.Request.Method()), str(e.Path.Raw)
	}
	r.Route = e.Exchange.Route
	r.Endpoint = "unknown"
	if e.Endpoint != nil {
		r.Endpoint = e.Endpoint.Name
	}
	if e.served.Engine != nil {
		r.Upstream, r.Engine = e.served.Pool, e.served.Engine.Name
	} else if e.Upstream != nil {
		r.Upstream, r.Engine = e.Upstream.Name(), e.Upstream.Engine().Name
	}
	if e.HasDocument {
		r.Model = str(e.Document.Model)
	}
	r.Target, r.Status, r.Retries, r.Abort = e.Target, e.Status, e.Retries, e.Abort
	if e.Verdict.Denied() {
		r.Filter, r.Rule, r.Code = e.DeniedBy, e.Verdict.Rule, e.Verdict.Denial.Code
		r.Field, r.Excerpt = e.Verdict.Field, e.Verdict.Excerpt
		if r.Filter == "" && r.Rule != "" && e.Verdict.Denial.Status < 500 {
			r.Filter = ownRefusal
		}
	}
	r.Shadow = e.Shadows
	r.BytesIn, r.BytesOut, r.Frames = e.BytesIn, e.BytesOut, e.Frames
	r.TokensIn, r.TokensOut, r.UsageReported = e.Usage.Input, e.Usage.Output, e.Usage.Reported
	r.Stream, r.Cache, r.Idempotency = e.relay.events, e.Cache.String(), e.Idempotency.String()
	r.FirstByte, r.Waited, r.Total = e.FirstByte, e.Waited, total
	r.Overhead = max(0, e.overhead(total))
	if wanted, body := e.s.tel.WantsRequest(r.Filter != ""); wanted && !e.hijacked {
		r.Request = e.recorded(body)
	}
	return r
}

// ownRefusal stands in records where a filter's name does, for what the proxy itself refuses: requests that are malformed,
// ambiguous, too large or too slow.
const ownRefusal = "proxy"

// overhead is the time spent in Blaze itself: until the request was sent, less waiting for the client's body and in
// queues, in the relay between the upstream's bytes, and behind the last of them where the answer is sent as a whole.
func (e *exchange) overhead(total time.Duration) time.Duration {
	before := total
	if !e.relay.sentAt.IsZero() {
		before = e.relay.sentAt.Sub(e.Began)
	}
	if at := e.relay.wholeAt; !at.IsZero() {
		before += total - at.Sub(e.Began)
	}
	return before - time.Duration(e.bodyTime) - e.Waited + time.Duration(e.ownTime)
}

// recorded is the request as it arrived, for an audit log that keeps requests. Fields with credentials are left out.
func (e *exchange) recorded(body bool) *telemetry.Request {
	r := &telemetry.Request{Target: str(e.Request.RequestURI()), Roles: e.Identity.Roles}
	for raw := e.Request.RawHeaders(); len(raw) > 0; {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		name, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte{'\r'}), []byte{':'})
		if ok && !e.secretField(string(name)) {
			r.Headers = append(r.Headers, telemetry.Header{Name: string(name), Value: string(bytes.TrimSpace(value))})
		}
	}
	if body {
		r.Body = e.Body
		if e.Large != nil {
			r.Body, _ = io.ReadAll(io.NewSectionReader(e.Large, 0, maxRecorded))
		}
	}
	return r
}

// maxRecorded bounds how much of an upload an audit log keeps.
const maxRecorded = 1 << 20

// secretField reports whether a field may hold credentials, whoever they are for.
func (e *exchange) secretField(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "authorization", "proxy-authorization", "cookie", "sec-websocket-protocol", "x-blaze-otp", "x-api-key", "api-key":
		return true
	}
	return e.Credentials.Header != "" && strings.EqualFold(name, e.Credentials.Header) ||
		strings.Contains(name, "token") || strings.Contains(name, "secret") || strings.Contains(name, "password")
}
