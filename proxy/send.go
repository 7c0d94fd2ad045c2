package proxy

import (
	"errors"
	"io"
	"net"
	"time"

	"blaze/filters"
	"blaze/filters/circuit"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// send cleans the head, sends the request to the leased target and waits for the answer's head; where that fails before
// the client has seen anything, the policy's fallbacks are asked in turn. It reports whether there is an answer; if not,
// the client has been told.
func (e *exchange) send() bool {
	e.outgoing()
	method := str(e.Request.Method())
	e.request = upstream.Request{
		Head: e.Request, Target: e.Request.RequestURI(),
		Replayable: method == "GET" || method == "HEAD" || method == "OPTIONS",
		Hedge:      method == "GET" || e.Endpoint.Shape.Pure(),
		Vars:       upstream.Vars{Subject: e.Identity.Subject, Tenant: e.Identity.Tenant, Tier: e.Identity.Tier, RequestID: e.ID},
	}
	for {
		e.fillBody()
		err := e.roundTrip()
		switch {
		case errors.Is(err, upstream.ErrAlone):
			if v := circuit.Alone(&e.Exchange); !v.Passed() {
				e.DeniedBy = "circuit"
				return e.denied(v)
			}
		case !e.failed(err) || !e.Lease.Elsewhere(&e.request, err) || !circuit.Fall(&e.Exchange):
			return e.answered(err)
		}
	}
}

// fillBody makes the body for the target that is leased now: as it came, or with every edit; a fallback may ask for
// another model.
func (e *exchange) fillBody() {
	e.request.Body, e.request.Rest = e.Body, nil
	if edits := e.withUsage(); len(edits) > 0 {
		e.forward, e.request.Rest = engine.Splice(e.forward[:0], e.Body, edits)
		e.request.Body = e.forward
	}
	if e.Large != nil {
		e.request.Body, e.request.Rest, e.request.Stream, e.request.Size = nil, nil, io.NewSectionReader(e.Large, 0, e.Large.Size()), e.Large.Size()
	}
}

// roundTrip asks the leased target once; what it says of its own retries is noted, whatever came of it.
func (e *exchange) roundTrip() error {
	now := time.Now()
	if e.relay.sentAt.IsZero() {
		e.relay.sentAt = now
	}
	e.request.Now = now
	resp, err := e.Lease.RoundTrip(&e.request, &e.cancel, e.Deadline)
	info := e.Lease.Info()
	e.Target, e.served = info.Target, info
	e.Retries += e.Lease.Retries()
	e.relay.resp = resp
	e.attempted(now.Sub(e.Began), err)
	return err
}

// failed reports whether an attempt is one that another upstream might do better.
func (e *exchange) failed(err error) bool {
	return err != nil || e.relay.resp.Header.StatusCode() >= 500 || e.relay.resp.Header.StatusCode() == 429
}

// answered takes the last attempt's outcome for the exchange's.
func (e *exchange) answered(err error) bool {
	if err != nil {
		return e.upstreamFailed(err)
	}
	e.Lease.Adopt()
	e.Result = upstream.Success
	if status := e.relay.resp.Header.StatusCode(); status >= 500 {
		e.Result = upstream.Failure
	} else if status >= 400 {
		e.Result = upstream.Neutral
	}
	return true
}

// upstreamFailed answers for an upstream that did not.
func (e *exchange) upstreamFailed(err error) bool {
	e.Result = upstream.Failure
	switch {
	case errors.Is(err, upstream.ErrCancelled):
		return e.clientGone()
	case errors.Is(err, upstream.ErrRequestBody):
		e.Result = upstream.Neutral
		return e.bodyFailed(err)
	case errors.Is(err, upstream.ErrUnavailable):
		e.Result = upstream.Neutral
		return e.refuse(filters.Deny(filters.UpstreamUnavailable, "upstream"))
	case errors.Is(err, upstream.ErrFirstByte), errors.Is(err, upstream.ErrTimeout):
		e.Abort = "timeout"
		return e.refuse(e.upstreamVerdict(filters.UpstreamTimeout, err))
	case errors.Is(err, upstream.ErrStall): // of an answer that nothing was sent of yet; relay.judge has the others
		e.Abort = "stall"
		return e.refuse(e.upstreamVerdict(filters.UpstreamTimeout, err))
	}
	var ne net.Error
	if errors.Is(err, upstream.ErrConnect) && errors.As(err, &ne) && ne.Timeout() {
		return e.refuse(e.upstreamVerdict(filters.UpstreamTimeout, err))
	}
	return e.refuse(e.upstreamVerdict(filters.UpstreamError, err))
}

// upstreamVerdict is a denial that no filter made: the log says what the upstream did, the client only its class.
func (e *exchange) upstreamVerdict(d *filters.Denial, err error) filters.Verdict {
	e.s.log.Warn().Str("request_id", e.ID).Str("upstream", e.Lease.Info().Pool).Str("target", e.Target).Err(err).Msg("upstream failed")
	return filters.Deny(d, "upstream").At("", "")
}

// clientGone ends an exchange that nobody waits for any more.
func (e *exchange) clientGone() bool {
	e.Result = upstream.Neutral
	if e.s.cutting.Load() && (e.conn == nil || !e.conn.gone.Load()) {
		e.Abort = "shutdown"
		return e.refuse(filters.Deny(filters.Draining, "drain"))
	}
	e.Abort = "client_gone"
	e.Status = statusClientGone
	e.ctx.SetConnectionClose()
	e.ctx.Response.ResetBody()
	e.ctx.SetStatusCode(statusClientGone)
	return false
}

// statusClientGone is nginx's word in logs for an exchange whose client left first; nobody receives it.
const statusClientGone = 499
