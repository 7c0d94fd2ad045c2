package ratelimit

import "blaze/filters"

// Redis is the client that the filters share which have something to tell the other replicas; nil when the accounts are
// kept in memory. It lives as long as the filter serves.
func (f *Filter) Redis() *filters.Redis {
	if f.remote == nil {
		return nil
	}
	return &filters.Redis{Client: f.remote.client, Prefix: f.remote.cfg.Prefix}
}
