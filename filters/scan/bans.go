package scan

import (
	"context"

	"blaze/filters"
	"blaze/filters/scan/behavior"
	"blaze/telemetry"
)

// Identified refuses an identity that is banned.
func (f *Filter) Identified(x *filters.Exchange) filters.Verdict { return f.behavior.Identified(x) }

// Ended tells the behaviour rule how an exchange went.
func (f *Filter) Ended(x *filters.Exchange) { f.behavior.Ended(x) }

// Run keeps the bans until ctx ends. The policy store calls it for the filter that serves.
func (f *Filter) Run(ctx context.Context) { f.behavior.Run(ctx) }

// Checks shows in /health/detailed whether the bans are shared.
func (f *Filter) Checks() []telemetry.Check { return f.behavior.Checks() }

// Behavior is the tracker of scores and bans; nil for a filter that is nil.
func (f *Filter) Behavior() *behavior.Tracker {
	if f == nil {
		return nil
	}
	return f.behavior
}
