package policy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// Gate is what the proxied port asks of a request besides the filters: is its head well-formed, can its body be read in
// one way only. Whoever serves hands in its own, so that what explains a request is what serves it. The zero Gate asks for
// a canonical path and a strict JSON body.
type Gate struct {
	// Head judges the head and fills x.Path and x.Query.
	Head func(x *filters.Exchange, s *Snapshot) filters.Verdict
	// Body judges x.Body after the head verdicts, undoes its encoding, and fills x.Document.
	Body func(x *filters.Exchange, s *Snapshot) filters.Verdict
}

// Call is one request to be judged and not sent.
type Call struct {
	Head   []byte // request line and fields, with CRLF, to the empty line
	Body   []byte
	Client netip.Addr
	Key    string // id of the API key that the caller is taken to have shown
	ID     string
	At     time.Time
}

// ruling is the answer to a call.
type ruling struct {
	x       *filters.Exchange
	verdict filters.Verdict
	by      string // the filter that refused; "proxy" when none was asked
}

// status is what the client would see; 200 stands for whatever the model server answers.
func (r ruling) status() int {
	if r.verdict.Denial != nil {
		return r.verdict.Denial.Status
	}
	return 200
}

// code is the denial's code, or pass.
func (r ruling) code() string {
	if r.verdict.Passed() {
		return "pass"
	}
	if r.verdict.Denial == nil {
		return filters.FilterUnavailable.Code
	}
	return r.verdict.Denial.Code
}

// judge takes a call through the same steps as the proxied port, by chain, taking nothing and sending nothing.
func (s *Snapshot) judge(c Call, chain *filters.Chain, gate Gate) (ruling, error) {
	x, err := s.exchange(c)
	if err != nil {
		return ruling{}, err
	}
	r := ruling{x: x, by: "proxy"}
	r.verdict = s.steps(x, c.Body, chain, gate)
	if x.DeniedBy != "" {
		r.by = x.DeniedBy
	}
	if r.verdict.Denied() {
		x.Status = r.verdict.Denial.Status
	}
	chain.Settle(x)
	return r, nil
}

// steps mirrors the life of an exchange in the proxy, up to where it would be sent.
func (s *Snapshot) steps(x *filters.Exchange, body []byte, chain *filters.Chain, gate Gate) filters.Verdict {
	if v := gate.head(x, s); !v.Passed() {
		return v
	}
	if v := s.Head(x, chain); !v.Passed() {
		return v
	}
	if len(body) > int(s.Proxy.MaxBody) {
		return filters.Deny(filters.RequestTooLarge, "max_body")
	}
	x.Body = append(x.Body[:0], body...)
	x.BytesIn = int64(len(body))
	if v := gate.body(x, s); !v.Passed() {
		return v
	}
	return s.Body(x, chain)
}

// Head routes x by its head and asks chain about it; whoever serves and whoever explains does it here. Without authz
// nobody else asks whether the engine has such a route.
func (s *Snapshot) Head(x *filters.Exchange, chain *filters.Chain) filters.Verdict {
	s.Route(x)
	if x.Endpoint == nil && x.Path.EncodedSlash() {
		// Legal only inside a parameter of a known route: here it is two paths to two parsers.
		return filters.Deny(filters.InvalidRequest, "path").At("path", "encoded slash")
	}
	if v := chain.Head(x); !v.Passed() {
		return v
	}
	switch {
	case x.Endpoint != nil:
		return filters.Pass()
	case x.Allow != "":
		return filters.Deny(filters.MethodNotAllowed, "engine")
	}
	return filters.Deny(filters.UnknownRoute, "engine")
}

// Body routes x again, now that the model is known, and asks chain about the body.
func (s *Snapshot) Body(x *filters.Exchange, chain *filters.Chain) filters.Verdict {
	s.Route(x)
	if x.Endpoint == nil {
		return filters.Deny(filters.UnknownRoute, "engine")
	}
	return chain.Body(x)
}

func (g Gate) head(x *filters.Exchange, s *Snapshot) filters.Verdict {
	if g.Head != nil {
		return g.Head(x, s)
	}
	path, query, _ := bytes.Cut(x.Request.RequestURI(), []byte{'?'})
	x.Query = query
	if err := x.Path.Parse(path); err != nil {
		return filters.Deny(filters.InvalidRequest, "path").At("path", err.Error())
	}
	return filters.Pass()
}

func (g Gate) body(x *filters.Exchange, s *Snapshot) filters.Verdict {
	if g.Body != nil {
		return g.Body(x, s)
	}
	json := bytes.HasPrefix(x.Request.ContentType(), []byte("application/json"))
	if len(x.Body) == 0 || x.Endpoint.Shape == engine.Opaque && !json {
		return filters.Pass()
	}
	err := x.Document.Parse(x.Endpoint.Shape, x.Body, s.JSON)
	var syntax *engine.SyntaxError
	switch {
	case err == nil:
		x.HasDocument = true
		return filters.Pass()
	case errors.As(err, &syntax) && syntax.Limit:
		return filters.Deny(filters.InvalidRequest, "json").At("", syntax.What)
	}
	return filters.Deny(filters.InvalidJSON, "json").At("", err.Error())
}

// exchange makes the exchange of a call. An error is a head that is not HTTP at all.
func (s *Snapshot) exchange(c Call) (*filters.Exchange, error) {
	var h fasthttp.RequestHeader
	if err := h.Read(bufio.NewReaderSize(bytes.NewReader(c.Head), len(c.Head)+64)); err != nil {
		return nil, fmt.Errorf("not an HTTP request head: %w", err)
	}
	x := &filters.Exchange{Cancel: new(upstream.Cancel)}
	x.Reset()
	x.ID, x.Began, x.Request = c.ID, c.At, &h
	x.Peer, x.Client = c.Client, c.Client
	x.Deadline = c.At.Add(s.Proxy.Timeout)
	x.Dry, x.Assume = true, c.Key
	return x, nil
}

// call makes the call of a policy's test.
func (t *Test) call(now time.Time) (Call, error) {
	method, target, _ := strings.Cut(strings.TrimSpace(t.Request), " ")
	client, err := netip.ParseAddr(t.Client)
	if err != nil {
		return Call{}, err
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", method, strings.TrimSpace(target))
	have := map[string]bool{}
	for name, value := range t.Headers {
		have[strings.ToLower(name)] = true
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	add := func(name, value string) {
		if !have[name] {
			fmt.Fprintf(&head, "%s: %s\r\n", name, value)
		}
	}
	add("host", "blaze.test")
	if t.Body != "" {
		add("content-type", "application/json")
		add("content-length", strconv.Itoa(len(t.Body)))
	}
	head.WriteString("\r\n")
	return Call{Head: head.Bytes(), Body: []byte(t.Body), Client: client, Key: t.Key, ID: "policy-test", At: now}, nil
}
