package ratelimit

import (
	"strconv"
	"strings"

	"blaze/filters"
	"blaze/upstream/engine"
)

// degraded notes that x passes with less; what less means is done once its body is known.
func (f *Filter) degraded(x *filters.Exchange, a *ask) {
	a.limit.degraded.Inc()
	switch {
	case x.Shadowed:
	case x.Degraded == "":
		x.Degraded = a.limit.name
	default:
		x.Degraded += ", " + a.limit.name
	}
}

// lessen changes the request as the limits that it is beyond say.
func (f *Filter) lessen(x *filters.Exchange) {
	for _, l := range f.limits {
		if l.degrade == nil || !names(x.Degraded, l.name) {
			continue
		}
		f.reroute(x, l.degrade)
		if !x.HasDocument {
			continue
		}
		if n := l.degrade.MaxTokens; n > 0 && generates(x) {
			if asked := asksFor(x); asked < 0 || asked > n {
				boundAnswer(x, n)
			}
		}
		if l.degrade.DropN {
			oneAnswer(x)
		}
		if m := l.degrade.Model; m != "" && len(x.Document.Model) > 0 {
			x.Edits = append(x.Edits, x.Document.SetField("model", strconv.AppendQuote(nil, m)))
		}
	}
}

// names says whether list, as degraded writes it, has name.
func names(list, name string) bool {
	for list != "" {
		var one string
		if one, list, _ = strings.Cut(list, ", "); one == name {
			return true
		}
	}
	return false
}

// reroute sends x to another upstream, if that takes the same route in the same shape.
func (f *Filter) reroute(x *filters.Exchange, d *Degrade) {
	if d.Upstream == "" || f.env.Pools == nil || x.Endpoint == nil {
		return
	}
	pool := f.env.Pools.Pool(d.Upstream)
	route, _ := pool.Engine().Match(x.Request.Method(), &x.Path)
	if route != nil && route.Shape == x.Endpoint.Shape {
		x.Upstream, x.Endpoint = pool, route
	}
}

// asksFor is the bound of the answer that x will be sent with, -1 when it names none that its engine reads.
func asksFor(x *filters.Exchange) int64 {
	if !x.HasDocument {
		return -1
	}
	return x.Document.OutputBound(x.Endpoint, x.Edits)
}

// number is p's value as x will be sent, after the edits so far; -1 when it is none.
func number(x *filters.Exchange, p engine.Param) int64 {
	raw := x.Document.Raw(p)
	for _, e := range x.Edits {
		if e.Off == p.Off && e.Len == p.Len {
			raw = e.With
		}
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// boundAnswer makes the request say that the answer has at most n tokens.
func boundAnswer(x *filters.Exchange, n int64) {
	x.Edits, _ = x.Document.LimitTokens(x.Endpoint, x.Edits, n)
}

// oneAnswer asks for one answer where there were to be several.
func oneAnswer(x *filters.Exchange) {
	for _, p := range x.Document.Params {
		if (p.ID == engine.ParamN || p.ID == engine.ParamBestOf) && number(x, p) > 1 {
			x.Edits = append(x.Edits, x.Document.SetParam(p, []byte("1")))
		}
	}
}
