package proxy

import (
	"strconv"

	"blaze/filters"
)

// refuse answers with an OpenAI-shaped error and reports false, for callers to return. A Verdict that failed is a 503.
func (e *exchange) refuse(v filters.Verdict) bool {
	if v.Failed() {
		e.s.log.Error().Str("request_id", e.ID).Err(v.Err).Msg("exchange could not be judged")
		v = filters.Deny(filters.FilterUnavailable, "proxy")
	}
	if !e.Verdict.Denied() {
		e.Verdict = v
	}
	d := v.Denial
	if e.s.loud {
		d = e.loudly(v)
	}
	resp := &e.ctx.Response
	resp.SetStatusCode(d.Status)
	resp.Header.SetContentType("application/json")
	e.forward = d.AppendJSON(e.forward[:0], v.Field)
	resp.SetBody(e.forward)
	e.Status, e.BytesOut = d.Status, int64(len(e.forward))
	if d.Challenge != "" {
		resp.Header.Set("Www-Authenticate", d.Challenge)
	}
	if d.Status == 405 && e.Allow != "" {
		resp.Header.Set("Allow", e.Allow)
	}
	switch {
	case v.Retry > 0:
		e.scratch = strconv.AppendInt(e.scratch[:0], seconds(v.Retry), 10)
		resp.Header.SetBytesV("Retry-After", e.scratch)
		e.scratch = strconv.AppendInt(e.scratch[:0], max(1, v.Retry.Milliseconds()), 10)
		resp.Header.SetBytesV("Retry-After-Ms", e.scratch)
	case d.Final:
		resp.Header.Set("X-Should-Retry", "false")
	}
	e.mark(&resp.Header)
	return false
}

// loudly is v's denial with a message that says which rule refused and where: for whoever writes a policy, never for
// strangers.
func (e *exchange) loudly(v filters.Verdict) *filters.Denial {
	by := e.DeniedBy
	if by == "" {
		by = "proxy"
	}
	if v.Rule != "" {
		by += "/" + v.Rule
	}
	if v.Field != "" {
		by += " at " + v.Field
	}
	if v.Excerpt != "" {
		by += ": " + v.Excerpt
	}
	return v.Denial.With(v.Denial.Message + " [" + by + "]")
}
