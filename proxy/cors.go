package proxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// preflight answers a browser's question whether its page may ask at all (Fetch, CORS-preflight): before auth, since a
// preflight carries no credentials; and OPTIONS that is no request for anybody behind. It reports whether the request was one of
// these.
func (e *exchange) preflight() bool {
	if asksUs(e.Request) { // an answer that says nothing but that somebody is there
		e.ctx.SetStatusCode(fasthttp.StatusNoContent)
		e.Status = fasthttp.StatusNoContent
		e.ctx.Response.Header.Set("X-Request-Id", e.ID)
		return true
	}
	cors := e.snapshot.Proxy.CORS
	if cors == nil || string(e.Request.Method()) != "OPTIONS" || len(e.Request.Peek("Access-Control-Request-Method")) == 0 {
		return false
	}
	h := &e.ctx.Response.Header
	e.ctx.SetStatusCode(fasthttp.StatusNoContent)
	e.Status = fasthttp.StatusNoContent
	h.Set("X-Request-Id", e.ID)
	if e.allowOrigin(h) {
		h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, HEAD")
		h.Set("Access-Control-Allow-Headers", strings.Join(cors.Headers, ", "))
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(cors.MaxAge.Seconds())))
	}
	return true
}

// allowOrigin names the page's origin when the policy allows it. A star is never sent beside credentials.
func (e *exchange) allowOrigin(h *fasthttp.ResponseHeader) bool {
	cors := e.snapshot.Proxy.CORS
	if cors == nil {
		return false
	}
	h.Add("Vary", "Origin")
	origin := string(e.Request.Peek("Origin"))
	star := !cors.Credentials && slices.Contains(cors.Origins, "*")
	if origin == "" || !star && !slices.Contains(cors.Origins, origin) {
		return false
	}
	if star {
		origin = "*"
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "x-request-id, retry-after, x-blaze-degraded")
	if cors.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}
