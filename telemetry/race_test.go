//go:build race

package telemetry_test

// raceEnabled: the race detector allocates, so budgets of allocations are not looked at under it.
const raceEnabled = true
