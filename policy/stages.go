package policy

import (
	"blaze/filters"
	"blaze/filters/access"
	"blaze/filters/auth"
	"blaze/filters/authz"
	"blaze/filters/circuit"
	"blaze/filters/params"
	"blaze/filters/ratelimit"
	"blaze/filters/scan"
)

// stages is THE list: every filter in request order. To add one: write its folder, add its line. The order is code, so
// that no policy can put limits before identity by mistake. A section that is absent is off, but for those marked always.
var stages = []stage{
	use("access", access.New),            // cheapest, and needs nothing but the address
	use("scan", scan.New).always(),       // head: before a credential is looked at; body: before anybody trusts it
	use("auth", auth.New),                // who is it
	use("params", params.New),            // body only: what may be asked of the engine, so that what follows sees it clamped
	use("authz", authz.New),              // may they: route and class from the head, model from the body
	use("ratelimit", ratelimit.New),      // takes: so after everything that can refuse for free
	use("circuit", circuit.New).always(), // last: a place at a target is the dearest thing there is
}

// stage is one line of the list: how a section of the policy becomes a filter.
type stage struct {
	name     string
	required bool
	config   func() any // a new, zero Config to decode into
	build    func(cfg any, prev filters.Filter, env filters.Env) (filters.Filter, error)
}

func use[C any, F interface {
	comparable
	filters.Filter
}](name string, build func(C, F, filters.Env) (F, error)) stage {
	return stage{
		name:   name,
		config: func() any { return new(C) },
		build: func(cfg any, prev filters.Filter, env filters.Env) (filters.Filter, error) {
			p, _ := prev.(F)
			return build(*cfg.(*C), p, env)
		},
	}
}

// always marks a stage that is there without a section, with its defaults.
func (s stage) always() stage {
	s.required = true
	return s
}
