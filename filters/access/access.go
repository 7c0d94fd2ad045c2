// Package access decides by address alone: who may talk to Blaze at all. It also says whose address that is when the
// request came through proxies (ClientAddr). It looks at no credential and never at a body.
package access

import (
	"errors"

	"blaze/filters"
)

// Config is the policy's filters.access section.
type Config struct {
	Allow      []string `yaml:"allow" doc:"addresses or networks that may ask; when there is one, here or in allow_files, everybody else is refused" example:"[10.0.0.0/8, 2001:db8::/32]"`
	Deny       []string `yaml:"deny" doc:"addresses or networks that are refused, even when they are allowed too" example:"[203.0.113.0/24]"`
	AllowFiles []string `yaml:"allow_files" doc:"files with one allowed address or network a line; a change of the file reloads the policy" example:"[office.txt]"`
	DenyFiles  []string `yaml:"deny_files" doc:"files with one denied address or network a line; # and ; begin comments" example:"[blocklist.txt]"`
}

// Filter refuses addresses. Immutable after New, safe for concurrent use.
type Filter struct {
	allow, deny Networks
	// closed: something is allowed by name, so the rest is not. A list that is named but holds nothing is closed too,
	// since an emptied file must not open the door.
	closed bool
}

// New compiles cfg; a filter keeps no state, so the predecessor is not needed. Problems are joined *setting.Problem,
// with paths relative to the section.
func New(cfg Config, _ *Filter, env filters.Env) (*Filter, error) {
	f := &Filter{closed: len(cfg.Allow)+len(cfg.AllowFiles) > 0}
	err := errors.Join(
		f.allow.addList("allow", cfg.Allow),
		f.allow.addFiles("allow_files", cfg.AllowFiles, env.ReadFile),
		f.deny.addList("deny", cfg.Deny),
		f.deny.addFiles("deny_files", cfg.DenyFiles, env.ReadFile),
	)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Request refuses an address that is denied, or that is not allowed where only some are. Allocates nothing.
func (f *Filter) Request(x *filters.Exchange) filters.Verdict {
	if f.deny.Contains(x.Client) {
		return filters.Deny(filters.AddressDenied, "deny")
	}
	if f.closed && !f.allow.Contains(x.Client) {
		return filters.Deny(filters.AddressDenied, "allow")
	}
	return filters.Pass()
}
