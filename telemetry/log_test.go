package telemetry

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// TestStamp: every line says when it was written, to the millisecond, also when the second has changed meanwhile.
func TestStamp(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, "info")
	for end := time.Now().Add(1100 * time.Millisecond); time.Now().Before(end); {
		out.Reset()
		before := time.Now().Truncate(time.Millisecond)
		log.Info().Msg("x")
		after := time.Now()
		var line struct{ Time time.Time }
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Time.Before(before) || line.Time.After(after) {
			t.Fatalf("%s: not between %v and %v", out.Bytes(), before, after)
		}
	}
}
