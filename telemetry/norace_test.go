//go:build !race

package telemetry_test

// raceEnabled: see race_test.go.
const raceEnabled = false
