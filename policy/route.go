package policy

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"blaze/filters"
	"blaze/policy/decode"
	"blaze/telemetry/setting"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// route is one compiled entry of routes. Immutable.
type route struct {
	name    string
	path    string
	pathID  int // equal paths have equal ones
	methods []string
	allow   string // methods as the Allow header lists them
	models  []string
	pool    *upstream.Pool
	timeout time.Duration
}

// Route fills x.Route, x.Upstream, x.Endpoint, x.Allow and x.Deadline: with the head only, and again once the model is
// known. Until then a route that tells models apart stands for all of them; after, it takes only its own, and a body
// without a model is not its own. It allocates nothing.
func (s *Snapshot) Route(x *filters.Exchange) {
	x.Route, x.Upstream, x.Endpoint, x.Allow = "", nil, nil, ""
	timeout := s.Proxy.Timeout
	pool, named := s.only, false
	if len(s.routes) > 0 {
		r, allow := s.match(x)
		if r == nil {
			x.Allow = allow
			return
		}
		x.Route, pool, named = r.name, r.pool, len(r.methods) > 0
		if r.timeout > 0 {
			timeout = r.timeout
		}
	}
	if pool == nil {
		return
	}
	x.Upstream = pool
	x.Endpoint, x.Allow = pool.Engine().Match(x.Request.Method(), &x.Path)
	if x.Endpoint == nil && named && pool.Engine().Any() != nil {
		x.Endpoint, x.Allow = pool.Engine().Any(), "" // a method that has to be asked for, and is
	}
	if timeout > 0 {
		x.Deadline = x.Began.Add(timeout)
	}
}

// match finds the first route that takes x; allow lists the methods of the first whose path is right and method is not.
func (s *Snapshot) match(x *filters.Exchange) (r *route, allow string) {
	method := x.Request.Method()
	paths := pathMatcher{path: unsafe.String(unsafe.SliceData(x.Path.Raw), len(x.Path.Raw))} // read here, kept by nobody
	for i := range s.routes {
		r := &s.routes[i]
		switch {
		case !paths.match(r) || !r.takesModel(x):
		case r.takesMethod(method):
			return r, ""
		case allow == "":
			allow = r.allow
		}
	}
	return nil, allow
}

// pathMatcher matches one path with those of routes: one that many routes share once, if it is of the first 64.
type pathMatcher struct {
	path         string
	asked, right uint64
}

func (m *pathMatcher) match(r *route) bool {
	if r.pathID >= 64 {
		return setting.Match(r.path, m.path)
	}
	bit := uint64(1) << r.pathID
	if m.asked&bit == 0 {
		m.asked |= bit
		if setting.Match(r.path, m.path) {
			m.right |= bit
		}
	}
	return m.right&bit != 0
}

// takesMethod: a route for GET answers HEAD too, as everywhere in HTTP.
func (r *route) takesMethod(method []byte) bool {
	if len(r.methods) == 0 {
		return true
	}
	for _, m := range r.methods {
		if string(method) == m || m == "GET" && string(method) == "HEAD" {
			return true
		}
	}
	return false
}

func (r *route) takesModel(x *filters.Exchange) bool {
	if len(r.models) == 0 {
		return true
	}
	if !x.HasDocument {
		return len(x.Body) == 0 && x.Large == nil // the head: not known yet
	}
	m := x.Document.Model
	return len(m) > 0 && setting.MatchAny(r.models, unsafe.String(unsafe.SliceData(m), len(m)))
}

// routing compiles routes; without any, everything goes to the only upstream.
func (c *compiler) routing(s *Snapshot, p *Policy) {
	names := make([]string, 0, len(p.Upstreams))
	for n := range p.Upstreams {
		names = append(names, n)
	}
	if !c.clean("routes") {
		return
	}
	if len(p.Routes) == 0 {
		if len(names) > 1 && c.clean("upstreams") {
			c.note("", &setting.Problem{Path: "routes", Want: "routes that say which upstream gets what",
				Got: "none, with " + strconv.Itoa(len(names)) + " upstreams"})
		}
		if s.Pools != nil && len(names) == 1 {
			s.only = s.Pools.Pool(names[0])
		}
		return
	}
	seen, paths := map[string]int{}, map[string]int{}
	for i, r := range p.Routes {
		path := decode.At("routes", i)
		c.routeProblems(path, r, names)
		if first, ok := seen[r.Name]; ok && r.Name != "" {
			c.note(path, setting.Wrong("name", "a name of its own", r.Name+", as routes["+strconv.Itoa(first)+"]"))
		}
		seen[r.Name] = i
		if _, ok := paths[r.Path]; !ok {
			paths[r.Path] = len(paths)
		}
		out := route{name: r.Name, path: r.Path, pathID: paths[r.Path], methods: r.Methods, allow: strings.Join(r.Methods, ", "), models: r.Models, timeout: r.Timeout}
		if s.Pools != nil {
			out.pool = s.Pools.Pool(r.Upstream)
		}
		s.routes = append(s.routes, out)
	}
}

// routeNames lists the names of routes.
func routeNames(routes []route) (names []string) {
	for i := range routes {
		names = append(names, routes[i].name)
	}
	return names
}

func (c *compiler) routeProblems(path string, r Route, upstreams []string) {
	wrong := func(key, want string, got any) { c.note(path, setting.Wrong(key, want, got)) }
	switch {
	case r.Name == "":
		c.note(path, &setting.Problem{Path: "name", Want: "a name", Got: "nothing"})
	case strings.Trim(r.Name, labelChars) != "" || len(r.Name) > 64:
		wrong("name", "a name of letters, digits, - _ . of at most 64", r.Name)
	}
	switch {
	case r.Path == "":
		c.note(path, &setting.Problem{Path: "path", Want: "a path such as /v1/chat/completions", Got: "nothing"})
	case r.Path[0] != '/' && r.Path[0] != '*':
		wrong("path", "a path that begins with /", r.Path)
	case strings.ContainsAny(r.Path, "?#\\ ;") || bytes.Contains([]byte(r.Path), []byte("//")):
		wrong("path", "a canonical path, without query", r.Path)
	}
	for i, m := range r.Methods {
		switch {
		case m == "" || len(m) > maxMethod || strings.Trim(m, "-") != m || strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "":
			wrong(at("methods", i), "a method in capitals such as POST", m)
		case engine.Unforwardable(m):
			wrong(at("methods", i), "a method that may be forwarded, which CONNECT, TRACE, TRACK and PRI may not", m)
		}
	}
	for i, m := range r.Models {
		if m == "" {
			wrong(at("models", i), "a model name", m)
		}
	}
	switch {
	case r.Upstream == "":
		c.note(path, &setting.Problem{Path: "upstream", Want: "the name of an upstream", Got: "nothing"})
	case !slices.Contains(upstreams, r.Upstream):
		c.note(path, unknownName("upstream", "the name of an upstream", r.Upstream, upstreams))
	}
}

// maxMethod is the longest method that the proxied port takes.
const maxMethod = 20

const labelChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

func at(path string, i int) string { return decode.At(path, i) }
