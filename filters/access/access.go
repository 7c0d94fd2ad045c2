// Package access is not built yet.
package access

import "blaze/filters"

// Config is the policy's filters.access section.
type Config struct{}

// Filter is the access filter. Immutable after New, safe for concurrent use.
type Filter struct{}

// New compiles cfg; prev is the filter that serves now, or nil. Problems are joined *setting.Problem, with paths
// relative to the section.
func New(cfg Config, prev *Filter, env filters.Env) (*Filter, error) { return &Filter{}, nil }

// Request judges the head.
func (f *Filter) Request(x *filters.Exchange) filters.Verdict { return filters.Pass() }
