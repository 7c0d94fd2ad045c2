package telemetry

import "time"

// Tick does what the history's goroutine does every ten seconds.
func Tick(t *Telemetry, now time.Time) {
	t.observe(now)
	t.evaluate(now)
}
