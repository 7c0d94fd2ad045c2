// Package authz decides what a caller may do: which of the engine's routes, from the head, and which models, from the
// body. What nothing allows is refused, and a route that no engine has does not exist. It never asks who the caller is;
// auth has said so.
package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unsafe"

	"blaze/filters"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Filter is the authz filter. Immutable after New, safe for concurrent use.
type Filter struct {
	roles     map[string]*role
	anonymous []string
	denied    [engine.Admin + 1]*filters.Denial // by class of route
	now       func() time.Time
}

// New compiles cfg; it keeps no state, so the predecessor is not needed. Problems are joined *setting.Problem, with
// paths relative to the section.
func New(cfg Config, _ *Filter, env filters.Env) (*Filter, error) {
	f := &Filter{roles: map[string]*role{}, anonymous: cfg.Anonymous, now: env.Now}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Roles)) {
		r, err := newRole(cfg.Roles[name])
		f.roles[name] = r
		problems = append(problems, setting.Under("roles."+name, err))
	}
	for i, name := range cfg.Anonymous {
		if _, there := cfg.Roles[name]; !there {
			problems = append(problems, unknownRole(fmt.Sprintf("anonymous[%d]", i), name, cfg.Roles))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	for _, class := range engine.Classes() {
		f.denied[class] = filters.InsufficientPermissions.With("These credentials lack a role that allows " + class.String() + " routes.")
	}
	return f, nil
}

// Request decides by route.
func (f *Filter) Request(x *filters.Exchange) filters.Verdict {
	if x.Endpoint == nil {
		return unknown(x)
	}
	var step *mfa
	for _, name := range f.rolesOf(x) {
		r := f.roles[name]
		if r == nil || !r.routes(x) {
			continue
		}
		if r.mfa == nil || r.mfa.met(x.Identity, f.now()) {
			return filters.Pass()
		}
		step = r.mfa
	}
	switch {
	case step != nil:
		return step.Decide(x, "authz", filters.Deny(step.denial, "mfa"))
	case x.Identity == filters.Anonymous:
		return filters.Deny(filters.MissingCredentials, "anonymous")
	}
	return filters.Deny(f.denied[x.Endpoint.Class], x.Endpoint.Class.String())
}

// Body decides by model: one of the roles that allow the route must allow the model too.
func (f *Filter) Body(x *filters.Exchange) filters.Verdict {
	if x.Endpoint == nil {
		return unknown(x) // only in shadow does an exchange come here
	}
	for _, name := range f.rolesOf(x) {
		r := f.roles[name]
		if r == nil || !r.routes(x) || !r.allows(x) {
			continue
		}
		if r.mfa == nil || !r.mfa.Enforced(x, "mfa") || r.mfa.met(x.Identity, f.now()) {
			return filters.Pass()
		}
	}
	return filters.Deny(filters.ModelNotAllowed, "model").At("model", "")
}

// rolesOf lists the roles that x's caller has.
func (f *Filter) rolesOf(x *filters.Exchange) []string {
	if x.Identity == filters.Anonymous {
		return f.anonymous
	}
	return x.Identity.Roles
}

// unknown refuses what no engine has, for everybody alike.
func unknown(x *filters.Exchange) filters.Verdict {
	if x.Allow != "" {
		return filters.Deny(filters.MethodNotAllowed, "method")
	}
	return filters.Deny(filters.UnknownRoute, "route")
}

// view is b as a string; it must not outlive the exchange.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func unknownRole(at, name string, roles map[string]Role) error {
	return &setting.Problem{Path: at, Want: "a role that is defined under roles", Got: fmt.Sprintf("%q", name),
		Hint: setting.DidYouMean(name, slices.Sorted(maps.Keys(roles)))}
}
