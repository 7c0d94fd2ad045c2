package ratelimit

import (
	"slices"
	"unsafe"

	"blaze/filters"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Scope narrows a limit. A list that is absent admits all; of those that are there, every one must match.
type Scope struct {
	Routes  []string `yaml:"routes" doc:"names of routes of the policy, of the engine's routes (chat.completions), or classes (inference, utility, health, metrics, admin); * stands for any run of characters" example:"[chat]"`
	Tiers   []string `yaml:"tiers" doc:"tiers of the caller" example:"[free]"`
	Roles   []string `yaml:"roles" doc:"roles, of which the caller has one" example:"[user]"`
	Models  []string `yaml:"models" doc:"models asked for" example:"[\"llama-*\"]"`
	Tenants []string `yaml:"tenants" doc:"tenants of the caller" example:"[acme]"`
}

// needsBody says whether only the body tells if the limit is for a request; byModel is whether routes go by the model.
func (s *Scope) needsBody(byModel bool) bool {
	return len(s.Models) > 0 || byModel && len(s.Routes) > 0
}

// all says whether the limit is for every request.
func (s *Scope) all() bool {
	return len(s.Routes)+len(s.Tiers)+len(s.Roles)+len(s.Models)+len(s.Tenants) == 0
}

// has says whether the limit is for x.
func (s *Scope) has(x *filters.Exchange) bool {
	switch {
	case len(s.Routes) > 0 && !s.route(x):
		return false
	case len(s.Tiers) > 0 && !setting.MatchAny(s.Tiers, x.Identity.Tier):
		return false
	case len(s.Tenants) > 0 && !setting.MatchAny(s.Tenants, x.Identity.Tenant):
		return false
	case len(s.Models) > 0 && !setting.MatchAny(s.Models, modelOf(x)):
		return false
	}
	return len(s.Roles) == 0 || slices.ContainsFunc(x.Identity.Roles, func(role string) bool { return setting.MatchAny(s.Roles, role) })
}

// modelOf is the model asked for; the string lives as long as the body does.
func modelOf(x *filters.Exchange) string {
	if !x.HasDocument {
		return ""
	}
	return unsafe.String(unsafe.SliceData(x.Document.Model), len(x.Document.Model))
}

func (s *Scope) route(x *filters.Exchange) bool {
	if x.Route != "" && setting.MatchAny(s.Routes, x.Route) {
		return true
	}
	return x.Endpoint != nil && (setting.MatchAny(s.Routes, x.Endpoint.Name) || setting.MatchAny(s.Routes, className(x.Endpoint.Class)))
}

func className(c engine.Class) string {
	switch c {
	case engine.Inference:
		return "inference"
	case engine.Utility:
		return "utility"
	case engine.Health:
		return "health"
	case engine.Metrics:
		return "metrics"
	case engine.Admin:
		return "admin"
	}
	return ""
}
