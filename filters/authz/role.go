package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"blaze/filters"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// role is a compiled Role.
type role struct {
	classes uint32   // a bit for each class
	names   []string // patterns of route names
	paths   []pathRule
	methods []string // empty for all
	models  []string // empty for all
	mfa     *mfa
}

// pathRule allows a path; method is empty for all.
type pathRule struct{ method, pattern string }

// routes reports whether the role allows x's route. Allocates nothing.
func (r *role) routes(x *filters.Exchange) bool {
	method := x.Request.Method()
	if len(r.methods) > 0 && !containsMethod(r.methods, method) {
		return false
	}
	if r.classes&(1<<x.Endpoint.Class) != 0 || setting.MatchAny(r.names, x.Endpoint.Name) {
		return true
	}
	for _, p := range r.paths {
		if (p.method == "" || sameMethod(p.method, method)) && setting.Match(p.pattern, view(x.Path.Raw)) {
			return true
		}
	}
	return false
}

// takes reports whether the role allows a model of that name; an empty name is a model that could not be told.
func (r *role) takes(model []byte) bool {
	return len(r.models) == 0 || setting.MatchAny(r.models, view(model)) && (len(model) > 0 || slices.Contains(r.models, "*"))
}

func containsMethod(list []string, method []byte) bool {
	for _, s := range list {
		if sameMethod(s, method) {
			return true
		}
	}
	return false
}

// sameMethod lets HEAD do what GET may (RFC 9110, 9.3.2).
func sameMethod(s string, method []byte) bool {
	return s == string(method) || s == "GET" && string(method) == "HEAD"
}

// newRole compiles cfg. Problems have paths relative to the entry.
func newRole(cfg Role) (*role, error) {
	r := &role{methods: cfg.Methods, models: cfg.Models}
	var problems []error
	for i, s := range cfg.Routes {
		if err := r.addRoute(s); err != nil {
			problems = append(problems, setting.Under(fmt.Sprintf("routes[%d]", i), err))
		}
	}
	for i, m := range cfg.Methods {
		if !isMethod(m) {
			problems = append(problems, setting.Wrong(fmt.Sprintf("methods[%d]", i), "a method such as POST", m))
		}
	}
	for i, m := range cfg.Models {
		if m == "" {
			problems = append(problems, setting.Wrong(fmt.Sprintf("models[%d]", i), "a model's name, * for any run of characters", m))
		}
	}
	if cfg.MFA != nil {
		m, err := newMFA(*cfg.MFA)
		r.mfa = m
		problems = append(problems, setting.Under("mfa", err))
	}
	return r, errors.Join(problems...)
}

// addRoute reads one entry of routes.
func (r *role) addRoute(s string) error {
	if s == "*" {
		r.classes = ^uint32(0)
		return nil
	}
	var classes []string
	for _, c := range engine.Classes() {
		if classes = append(classes, c.String()); c.String() == s {
			r.classes |= 1 << c
			return nil
		}
	}
	method, path, both := strings.Cut(s, " ")
	if !both {
		method, path = "", s
	}
	switch {
	case strings.HasPrefix(path, "/") && (!both || isMethod(method)):
		r.paths = append(r.paths, pathRule{method, path})
		return nil
	case !both && isRouteName(s):
		r.names = append(r.names, s)
		return nil
	}
	return &setting.Problem{
		Want: "a class of routes (" + strings.Join(classes, ", ") + "), the name of a route, or a path such as GET /v1/models",
		Got:  fmt.Sprintf("%q", s), Hint: setting.DidYouMean(s, append(routeNames(), classes...)),
	}
}

// routeNames lists the names of every engine's routes.
func routeNames() (names []string) {
	for _, name := range engine.Names() {
		e, _ := engine.Lookup(name)
		for i := range e.Routes {
			names = append(names, e.Routes[i].Name)
		}
	}
	return names
}

// isRouteName reports whether pattern is the name of a route of any engine, so that a slip of the pen is an error and
// not a rule that allows nothing.
func isRouteName(pattern string) bool {
	return slices.ContainsFunc(routeNames(), func(name string) bool { return setting.Match(pattern, name) })
}

func isMethod(s string) bool {
	return slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, s)
}
