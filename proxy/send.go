package proxy

import (
	"errors"
	"net"
	"time"

	"blaze/filters"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// send cleans the head, sends the request to the leased target and waits for the answer's head. It reports whether there
// is an answer; if not, the client has been told.
func (e *exchange) send() bool {
	e.outgoing()
	e.askUsage()
	body := e.Body
	if len(e.Edits) > 0 {
		e.forward = engine.Apply(e.forward[:0], e.Body, e.Edits)
		body = e.forward
	}
	method := str(e.Request.Method())
	e.request = upstream.Request{
		Head: e.Request, Target: e.Request.RequestURI(), Body: body, Size: int64(len(body)),
		Replayable: method == "GET" || method == "HEAD" || method == "OPTIONS",
	}
	if e.Large != nil {
		e.request.Body, e.request.Stream, e.request.Size = nil, e.Large, e.Large.Size()
	}
	return e.roundTrip()
}

func (e *exchange) roundTrip() bool {
	e.relay.sentAt = time.Now()
	resp, err := e.Lease.RoundTrip(&e.request, &e.cancel, e.Deadline)
	e.Target, e.Retries = e.Lease.Info().Target, e.Lease.Retries()
	if err != nil {
		return e.upstreamFailed(err)
	}
	e.relay.resp = resp
	e.Result = upstream.Success
	if resp.Header.StatusCode() >= 500 {
		e.Result = upstream.Failure
	} else if resp.Header.StatusCode() >= 400 {
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
