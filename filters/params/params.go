// Package params judges what a caller asks of the engine: how much output, how many answers, which switches. What is
// beyond the caller's bounds is refused or made smaller; what is never a client's to say (priority, cache salt) is taken
// out and set by Blaze. It looks at parameters alone, never at what a prompt says.
package params

import (
	"errors"

	"blaze/filters"
	"blaze/telemetry"
	"blaze/upstream/engine"
)

// Filter is the params filter. Immutable after New, safe for concurrent use.
type Filter struct {
	base     rules
	roles    map[string]*rules
	priority map[string]int64
	salt     *salts
	clamped  [engine.ParamCount]*telemetry.Counter
}

// New compiles cfg; prev is the filter that serves now, or nil: its made-up salt secret goes on, so that a reload does
// not empty the engines' caches. Problems are joined *setting.Problem, with paths relative to the section.
func New(cfg Config, prev *Filter, env filters.Env) (*Filter, error) {
	f := &Filter{roles: map[string]*rules{}, priority: cfg.Priority}
	var errs []error
	f.base = builtin().under(cfg.Default, "default", &errs)
	for _, name := range sortedKeys(cfg.Roles) {
		r := f.base.under(cfg.Roles[name], "roles."+name, &errs)
		f.roles[name] = &r
	}
	errs = append(errs, cfg.check()...)
	var before *salts
	if prev != nil {
		before = prev.salt
	}
	var err error
	if f.salt, err = newSalts(cfg.CacheSalt, before); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for id, name := range names {
		if name != "" {
			f.clamped[id] = env.Metrics.Counter("blaze_params_clamped_total", name)
		}
	}
	return f, nil
}

// Request passes: all parameters are in the body.
func (f *Filter) Request(*filters.Exchange) filters.Verdict { return filters.Pass() }

// Body judges the parameters, and adds to x.Edits what makes the request keep its bounds.
func (f *Filter) Body(x *filters.Exchange) filters.Verdict {
	if !x.HasDocument || x.Endpoint == nil || x.Endpoint.Class == engine.Admin {
		return filters.Pass()
	}
	var room [8]*rules
	c := f.boundsOf(x.Identity, room[:0])
	if v := c.unknownFields(x); !v.Passed() {
		return v
	}
	d := &x.Document
	for i := range d.Params {
		p := d.Params[i]
		if v := f.judge(x, c.rule(p.ID), p); !v.Passed() {
			return v
		}
	}
	if v := f.boundOutput(x, c.rule(engine.ParamMaxTokens)); !v.Passed() {
		return v
	}
	f.setOwn(x)
	return filters.Pass()
}

// bounds are the rules of all roles of a caller that have any. For each parameter the widest of them counts.
type bounds []*rules

// boundsOf are a caller's bounds, in room; the section's default where no role of theirs says anything.
func (f *Filter) boundsOf(id *filters.Identity, room bounds) bounds {
	for _, name := range id.Roles {
		if r := f.roles[name]; r != nil {
			room = append(room, r)
		}
	}
	if len(room) == 0 {
		room = append(room, &f.base)
	}
	return room
}

// rule is the rule for one parameter.
func (c bounds) rule(id engine.ParamID) *rule {
	widest := &c[0].of[id]
	for _, r := range c[1:] {
		if r.of[id].wider(widest) {
			widest = &r.of[id]
		}
	}
	return widest
}

// unknown is the rule for fields that are not documented.
func (c bounds) unknown() *rule {
	widest := &c[0].unknown
	for _, r := range c[1:] {
		if r.unknown.wider(widest) {
			widest = &r.unknown
		}
	}
	return widest
}
