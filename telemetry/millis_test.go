package telemetry

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// A duration is written as the shortest decimal number that is the same.
func TestMillis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(0, 1<<40).Draw(t, "microseconds")
		if got, want := string(appendMillis(nil, us)), strconv.FormatFloat(float64(us)/1000, 'f', -1, 64); got != want {
			t.Fatalf("%d µs: %s, want %s", us, got, want)
		}
	})
	for us, want := range map[int64]string{0: "0", 1: "0.001", 10: "0.01", 1000: "1", 1500: "1.5", 20007: "20.007"} {
		if got := string(appendMillis(nil, us)); got != want {
			t.Errorf("%d µs: %s, want %s", us, got, want)
		}
	}
}
