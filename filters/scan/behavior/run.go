package behavior

import (
	"context"
	"time"

	"blaze/filters"
	"blaze/telemetry"
)

// How often the replicas agree, and how often ended bans are told of.
const (
	syncEach  = 250 * time.Millisecond
	sweepEach = 4 // of these
)

// Run tells of bans that ended and, where bans are shared, agrees with the other replicas, until ctx ends. The policy store
// calls it for the filter that serves.
func (t *Tracker) Run(ctx context.Context) {
	t.metrics.Gauge("blaze_bans_active", func() float64 { return float64(t.active()) })
	t.metrics.Gauge("blaze_scored_clients", func() float64 { return float64(t.clients.known()) })
	tick := time.NewTicker(syncEach)
	defer tick.Stop()
	if t.introduce {
		t.shared.everything()
	}
	for n := 0; ; n++ {
		if t.remote != nil {
			_ = t.look(ctx) // kept in failure, for the checks
		}
		if n%sweepEach == 0 {
			t.sweep()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep tells of the bans that ended since the last one.
func (t *Tracker) sweep() {
	for _, b := range t.bans.sweep(t.now()) {
		t.tell("ban.end", &b)
	}
}

// active counts the bans that refuse somebody now: those by score do not in shadow.
func (t *Tracker) active() (n int) {
	for _, b := range t.Bans() {
		if b.By == byHand || t.cfg.Mode == filters.Enforce {
			n++
		}
	}
	return n
}

// Checks shows in /health/detailed whether bans are shared, where they should be.
func (t *Tracker) Checks() []telemetry.Check {
	if t.remote == nil {
		return nil
	}
	failure, odd := t.shared.trouble()
	c := telemetry.Check{Name: "bans", Status: telemetry.StatusOK}
	detail := map[string]any{"active": t.active()}
	if failure != "" {
		c.Status = telemetry.StatusDegraded
		detail["error"] = failure
	}
	if odd > 0 {
		c.Status = telemetry.StatusDegraded
		detail["unreadable"] = odd
	}
	c.Detail = detail
	return []telemetry.Check{c}
}
