package auth

import (
	"context"
	"sync"

	"blaze/telemetry"
)

// oldIssuers is nil for a filter that is nil.
func (f *Filter) oldIssuers() *issuers {
	if f == nil {
		return nil
	}
	return f.issuers
}

// Run keeps fetched keys and shared revocations fresh until ctx ends. The policy store calls it for the filter that serves.
func (f *Filter) Run(ctx context.Context) {
	var tasks sync.WaitGroup
	for _, r := range f.issuers.remotes() {
		f.metrics.Gauge("blaze_jwks_age_seconds", func() float64 {
			if r.current.Load() == nil {
				return -1
			}
			return r.fetched.age(r.now()).Seconds()
		}, r.issuer)
		tasks.Go(func() { r.run(ctx) })
	}
	if f.replicas != nil {
		tasks.Go(func() { f.replicas.run(ctx) })
	}
	f.metrics.Gauge("blaze_revocations", func() float64 { return float64(len(f.revoked.list(f.now()))) })
	f.metrics.Gauge("blaze_sessions", func() float64 { return float64(f.sessions.running.subjects()) })
	tasks.Wait()
}

// Checks shows in /health/detailed whether the issuers' keys and the shared revocations are fresh (ok), old but relied on
// (degraded), or missing (down).
func (f *Filter) Checks() []telemetry.Check {
	var checks []telemetry.Check
	if f.replicas != nil {
		checks = append(checks, f.replicas.check())
	}
	remotes := f.issuers.remotes()
	if len(remotes) == 0 {
		return checks
	}
	rank := map[string]int{"ok": 0, "degraded": 1, "down": 2}
	check := telemetry.Check{Name: "jwks", Status: "ok"}
	var details []map[string]any
	for _, r := range remotes {
		status, detail := r.state()
		if details = append(details, detail); rank[status] > rank[check.Status] {
			check.Status = status
		}
	}
	check.Detail = details
	return append(checks, check)
}
