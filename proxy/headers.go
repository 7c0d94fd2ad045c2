package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/upstream"
)

// outgoing turns the request's head into what the model server gets: nothing that concerns only the client's connection
// (RFC 9110, 7.6.1; upstream leaves out the rest of those fields as it writes), no credentials meant for Blaze, nothing
// that claims to come from a proxy but Blaze's own account of the client.
func (e *exchange) outgoing() {
	h := e.Request
	dropListed(h)
	forwarded := ""
	if e.Peer != e.Client || e.snapshot.Trusted.Contains(e.Peer) {
		forwarded = string(bytes.Join(h.PeekAll("X-Forwarded-For"), []byte(", ")))
	}
	host := h.Host()
	dropForeign(h)
	e.scratch = e.scratch[:0]
	if forwarded != "" {
		e.scratch = append(append(e.scratch, forwarded...), ", "...)
	}
	e.scratch = e.Peer.AppendTo(e.scratch)
	h.SetCanonical(forwardedFor, e.scratch)
	h.SetCanonical(forwardedHost, host)
	if e.ctx.IsTLS() {
		h.SetCanonical(forwardedProto, https)
	} else {
		h.SetCanonical(forwardedProto, http)
	}
	h.SetCanonical(requestID, e.id[:len(e.ID)])
	if n, said := hopsLeft(h); said {
		h.Set(maxForwards, strconv.Itoa(n-1))
	}
	if e.ownSpan {
		e.scratch = e.Trace.Append(e.scratch[:0])
		h.SetBytesV("Traceparent", e.scratch)
	}
	e.dropCredentials(h)
	if e.AnswerChanges {
		askPlain(h)
	}
}

// Names in their usual form, which fasthttp then need not find out.
var (
	forwardedFor    = []byte("X-Forwarded-For")
	forwardedHost   = []byte("X-Forwarded-Host")
	forwardedProto  = []byte("X-Forwarded-Proto")
	https, http     = []byte("https"), []byte("http")
	requestID       = []byte("X-Request-Id")
	rateLimit       = []byte("Ratelimit")
	rateLimitPolicy = []byte("Ratelimit-Policy")
	limitNames      = [2][3][]byte{
		{[]byte("X-Ratelimit-Limit-Requests"), []byte("X-Ratelimit-Remaining-Requests"), []byte("X-Ratelimit-Reset-Requests")},
		{[]byte("X-Ratelimit-Limit-Tokens"), []byte("X-Ratelimit-Remaining-Tokens"), []byte("X-Ratelimit-Reset-Tokens")},
	}
)

// dropListed takes out the fields that Connection lists. A sender must not remove Host, the framing, or a field that a
// filter has relied on.
func dropListed(h *fasthttp.RequestHeader) {
	for _, v := range h.PeekAll("Connection") {
		if len(v) == len("close") || len(v) == len("keep-alive") {
			if bytes.EqualFold(v, []byte("close")) || bytes.EqualFold(v, []byte("keep-alive")) {
				continue
			}
		}
		for _, name := range bytes.Split(bytes.Clone(v), []byte{','}) {
			switch string(bytes.ToLower(bytes.TrimSpace(name))) {
			case "", "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "authorization", "cookie":
			default:
				h.DelBytes(bytes.TrimSpace(name))
			}
		}
	}
}

// dropForeign takes out every field that could pass for a proxy's or Blaze's own word, and their underscore twins, which
// some servers read as the same field.
func dropForeign(h *fasthttp.RequestHeader) {
	for raw := h.RawHeaders(); len(raw) > 0; {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		if name, _, ok := bytes.Cut(line, []byte{':'}); ok && foreign(name) {
			h.DelBytes(name)
		}
	}
}

// foreign reports whether name claims what only a proxy may say, or speaks to one. Case and _ for - make no difference.
func foreign(name []byte) bool {
	if len(name) < 5 {
		return false
	}
	switch name[0] | 0x20 {
	case 'c':
		return foldEqual(name, "cf-connecting-ip") || foldEqual(name, "client-ip")
	case 'f':
		return foldEqual(name, "forwarded") || foldEqual(name, "fastly-client-ip")
	case 'h':
		return foldEqual(name, "http2-settings")
	case 'k':
		return foldEqual(name, "keep-alive")
	case 'p':
		return foldEqual(name, "proxy") || foldEqual(name, "proxy-connection") || foldEqual(name, "proxy-authorization") || foldEqual(name, "proxy-authenticate")
	case 't':
		return foldEqual(name, "true-client-ip")
	case 'x':
		return foreignX(name)
	}
	return false
}

// foreignX is foreign for the names that begin with x. The third letter tells most of the others at once: OpenAI's
// clients send a dozen x-stainless-.
func foreignX(name []byte) bool {
	switch name[2] | 0x20 {
	case 'a', 'b', 'c', 'e', 'f', 'h', 'm', 'o', 'r', 'u':
	default:
		return false
	}
	for _, p := range [...]string{
		"x-forwarded-", "x-blaze-", "x-original-", "x-rewrite-", "x-http-method", "x-method-override", "x-auth-", "x-authenticated-", "x-remote-", "x-user-", "x-envoy-",
	} {
		if len(name) >= len(p) && foldEqual(name[:len(p)], p) {
			return true
		}
	}
	for _, n := range [...]string{
		"x-forwarded", "x-real-ip", "x-user", "x-host", "x-client-ip", "x-request-id", "x-cluster-client-ip", "x-originating-ip",
	} {
		if foldEqual(name, n) {
			return true
		}
	}
	return false
}

// foldEqual compares with ASCII case folded and underscores read as hyphens.
func foldEqual(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c == '_' {
			c = '-'
		}
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// dropCredentials takes out what was meant for Blaze; credentials it did not use may be the model server's and pass.
func (e *exchange) dropCredentials(h *fasthttp.RequestHeader) {
	c := &e.Credentials
	if c.Authorization {
		h.Del("Authorization")
	}
	if c.Header != "" {
		h.Del(c.Header)
	}
	if c.Protocol {
		dropKeyProtocols(h)
	}
}

// dropKeyProtocols keeps the subprotocols that carry no key.
func dropKeyProtocols(h *fasthttp.RequestHeader) {
	var kept []byte
	for _, p := range bytes.Split(h.Peek("Sec-Websocket-Protocol"), []byte{','}) {
		if p = bytes.TrimSpace(p); len(p) == 0 || bytes.HasPrefix(p, []byte("openai-insecure-api-key.")) {
			continue
		}
		if len(kept) > 0 {
			kept = append(kept, ", "...)
		}
		kept = append(kept, p...)
	}
	h.Del("Sec-Websocket-Protocol")
	if len(kept) > 0 {
		h.SetBytesV("Sec-Websocket-Protocol", kept)
	}
}

// incoming turns the upstream's head, which has lost the fields of its own connection, into what the client gets.
func (e *exchange) incoming(h *fasthttp.ResponseHeader) {
	h.SetNoDefaultContentType(true)
	e.mark(h)
}

// mark adds what every answer of Blaze carries: the request id, the limits, what was changed on the way, CORS.
func (e *exchange) mark(h *fasthttp.ResponseHeader) {
	h.SetCanonical(requestID, e.id[:len(e.ID)])
	if e.Degraded != "" {
		h.Set("X-Blaze-Degraded", e.Degraded)
	}
	if e.Sanitized != "" {
		h.Set("X-Blaze-Sanitized", e.Sanitized)
	}
	if e.Cache != upstream.NoRecall {
		h.Set("X-Cache", e.Cache.String())
	}
	if e.Idempotency == upstream.Hit || e.Idempotency == upstream.Join {
		h.Set("Idempotent-Replayed", "true")
	}
	e.limitHeaders(h, "requests", &e.Limits.Requests)
	e.limitHeaders(h, "tokens", &e.Limits.Tokens)
	e.ietfLimits(h)
	e.allowOrigin(h)
	if e.s.draining.Load() {
		e.ctx.SetConnectionClose()
	}
}

// limitHeaders writes one axis the way OpenAI does.
func (e *exchange) limitHeaders(h *fasthttp.ResponseHeader, axis string, l *filters.LimitState) {
	if l.Limit == 0 {
		return
	}
	names := &limitNames[0]
	if axis == "tokens" {
		names = &limitNames[1]
	}
	e.scratch = strconv.AppendInt(e.scratch[:0], l.Limit, 10)
	h.SetCanonical(names[0], e.scratch)
	e.scratch = strconv.AppendInt(e.scratch[:0], max(0, l.Remaining), 10)
	h.SetCanonical(names[1], e.scratch)
	e.scratch = appendDuration(e.scratch[:0], l.Reset)
	h.SetCanonical(names[2], e.scratch)
}

// ietfLimits writes RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers).
func (e *exchange) ietfLimits(h *fasthttp.ResponseHeader) {
	if e.Limits.Requests.Limit == 0 && e.Limits.Tokens.Limit == 0 {
		return
	}
	b := e.scratch[:0]
	for _, l := range [...]*filters.LimitState{&e.Limits.Requests, &e.Limits.Tokens} {
		if l.Limit != 0 {
			b = appendItem(b, l.Name, ";q=", l.Limit, ";w=", l.Window)
		}
	}
	h.SetCanonical(rateLimitPolicy, b)
	b = b[:0]
	for _, l := range [...]*filters.LimitState{&e.Limits.Requests, &e.Limits.Tokens} {
		if l.Limit != 0 {
			b = appendItem(b, l.Name, ";r=", max(0, l.Remaining), ";t=", l.Reset)
		}
	}
	h.SetCanonical(rateLimit, b)
	e.scratch = b
}

func appendItem(b []byte, name, key string, n int64, tkey string, t time.Duration) []byte {
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(append(append(b, '"'), name...), '"')
	b = strconv.AppendInt(append(b, key...), n, 10)
	return strconv.AppendInt(append(b, tkey...), seconds(t), 10)
}

// seconds rounds up: asking again a moment early would be refused.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// appendDuration writes a duration the way OpenAI does: 20ms, 1.5s, 6m0s.
func appendDuration(b []byte, d time.Duration) []byte {
	switch d = max(0, d.Round(time.Millisecond)); {
	case d < time.Second:
		return append(strconv.AppendInt(b, d.Milliseconds(), 10), "ms"...)
	case d < time.Minute:
		return append(strconv.AppendFloat(b, d.Seconds(), 'f', -1, 64), 's')
	case d < time.Hour:
		b = append(strconv.AppendInt(b, int64(d/time.Minute), 10), 'm')
		return append(strconv.AppendInt(b, int64(d%time.Minute/time.Second), 10), 's')
	}
	b = append(strconv.AppendInt(b, int64(d/time.Hour), 10), 'h')
	return append(strconv.AppendInt(b, int64(d%time.Hour/time.Minute), 10), 'm')
}
