package engine

import (
	"slices"
	"strings"
)

// node is one place in the compiled route tree.
type node struct {
	literal map[string]*node
	param   *node
	routes  []*Route // that end here, one for each method
	allow   string
}

// compile builds the tree of routes. Two routes with the same path and method, and two with the same name, are a bug.
func compile(routes []Route) *node {
	root := &node{}
	names := map[string]bool{}
	for i := range routes {
		r := &routes[i]
		if names[r.Name] {
			panic("BUG: two routes are named " + r.Name)
		}
		names[r.Name] = true
		root.add(r)
	}
	root.finish()
	return root
}

func (n *node) add(r *Route) {
	r.modelFrom, r.modelTo = -1, -1
	at := 0
	for seg := range strings.SplitSeq(strings.TrimPrefix(r.Path, "/"), "/") {
		switch {
		case r.Path == "/":
		case seg[0] == '{':
			if seg == "{model}" || seg == "{org}" {
				if r.modelFrom < 0 {
					r.modelFrom = at
				}
				r.modelTo = at
			}
			if n.param == nil {
				n.param = &node{}
			}
			n = n.param
		default:
			if n.literal == nil {
				n.literal = map[string]*node{}
			}
			if n.literal[seg] == nil {
				n.literal[seg] = &node{}
			}
			n = n.literal[seg]
		}
		at++
	}
	for _, other := range n.routes {
		if other.Method == r.Method {
			panic("BUG: two routes for " + r.Method + " " + r.Path)
		}
	}
	n.routes = append(n.routes, r)
}

// finish writes the Allow values; HEAD is allowed where GET is (RFC 9110, 9.3.2).
func (n *node) finish() {
	var methods []string
	for _, r := range n.routes {
		methods = append(methods, r.Method)
		if r.Method == "GET" && n.route("HEAD") == r {
			methods = append(methods, "HEAD")
		}
	}
	slices.Sort(methods)
	n.allow = strings.Join(methods, ", ")
	for _, c := range n.literal {
		c.finish()
	}
	if n.param != nil {
		n.param.finish()
	}
}

// route is the route for method here, or nil; HEAD is GET where it has no route of its own.
func (n *node) route(method string) *Route {
	for _, r := range n.routes {
		if r.Method == method {
			return r
		}
	}
	if method == "HEAD" {
		return n.route("GET")
	}
	return nil
}

// find walks p from its i-th segment. Where a literal and a parameter both lead on, the literal is tried first, as the
// engines' own routers do.
func (n *node) find(p *Path, i int) *node {
	if i == p.n {
		if len(n.routes) == 0 {
			return nil
		}
		return n
	}
	seg := p.segment(i)
	if len(seg) == 0 {
		return nil
	}
	if next := n.literal[string(seg)]; next != nil {
		if found := next.find(p, i+1); found != nil {
			return found
		}
	}
	if n.param != nil {
		return n.param.find(p, i+1)
	}
	return nil
}

// Match finds the route for method and path. With no such method at that path, route is nil and allow lists the
// methods that exist there ("GET, HEAD, POST"); with no such path, both are empty. An encoded slash matches inside a
// {parameter} alone, and so does every other escape: a literal segment has one spelling. Allocates nothing.
func (e *Engine) Match(method []byte, p *Path) (route *Route, allow string) {
	if e.any != nil {
		if !usual(method) {
			return nil, usualMethods
		}
		return e.any, ""
	}
	if len(p.Raw) == 0 {
		return nil, ""
	}
	at := e.tree.find(p, 0)
	if at == nil {
		return nil, ""
	}
	for _, r := range at.routes {
		if r.Method == string(method) {
			return r, ""
		}
	}
	if string(method) == "HEAD" {
		if r := at.route("GET"); r != nil {
			return r, ""
		}
	}
	return nil, at.allow
}

// Any is the route that takes every method, for a policy's route that names the method; nil where the engine has none.
func (e *Engine) Any() *Route { return e.any }

// ModelIn returns the model that the path names, decoded, or nil when r's path names none: the engines of Triton's kind
// take the model from the path, so whoever judges models has to look there as well as in Document.Model. It is a part
// of p.Raw unless something in it is escaped.
func (r *Route) ModelIn(p *Path) []byte {
	if r.modelFrom < 0 || r.modelTo >= p.n {
		return nil
	}
	raw := p.Raw[p.segments[r.modelFrom].from:p.segments[r.modelTo].to]
	return decodePercent(raw)
}

// decodePercent undoes the escapes of a judged path segment.
func decodePercent(raw []byte) []byte {
	if !slices.Contains(raw, '%') {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if c, ok := unpercent(raw, i); ok && raw[i] == '%' {
			out = append(out, c)
			i += 2
			continue
		}
		out = append(out, raw[i])
	}
	return out
}
