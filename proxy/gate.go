package proxy

import (
	"bytes"

	"blaze/filters"
	"blaze/filters/access"
	"blaze/policy"
)

// Gate is what the proxied port asks of a request besides the filters, for whoever judges one without serving it
// (policy tests, explain, replay): the same functions, in the same order.
func Gate() policy.Gate {
	return policy.Gate{Head: admit, Body: func(x *filters.Exchange, s *policy.Snapshot) filters.Verdict {
		out, v := decoded(x, int64(s.Proxy.MaxBody), nil)
		if !v.Passed() {
			return v
		}
		if out != nil {
			x.Body = out
			x.Request.Del("Content-Encoding")
		}
		return parse(x, s.JSON)
	}}
}

// admit judges the form of a head, byte for byte, and fills in whose it is and what it is for: the client's address, the
// trace, the canonical path, the query.
func admit(x *filters.Exchange, s *policy.Snapshot) filters.Verdict {
	p := &s.Proxy
	if d, why := (strictness{maxHead: int(p.MaxHeader), maxFields: p.MaxFields}).check(x.Request); d != nil {
		return filters.Deny(d, "http").At("", why)
	}
	x.Client = access.ClientAddr(x.Peer, x.Request, s.Trusted)
	path, query, _ := bytes.Cut(x.Request.RequestURI(), []byte{'?'})
	x.Query = query
	if asksServer(x.Request) {
		return filters.Pass() // there is no path to judge, and no route that it could take
	}
	if err := x.Path.Parse(path); err != nil {
		return filters.Deny(filters.InvalidRequest, "path").At("path", err.Error())
	}
	return filters.Pass()
}
