package telemetry_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"blaze/telemetry"
	"blaze/telemetry/audit"
)

// forgeries are what a client may try to end a line, begin a field or fool a terminal with.
func forgeries() []string {
	return []string{
		"x\n{\"status\":200,\"message\":\"exchange\"}", "x\r\n", `","status":200,"x":"`, `\","status":200,"x":"`, "\x00\x1b[31m", "\xff\xfe", "\u2028\u2029\u202e", "\u0085", strings.Repeat("é", 5000),
	}
}

// TestNoClientFieldForgesALine: whatever stands in any one text of an exchange or an event, and in all at once, the log and
// the audit log each get one line with the keys that a harmless one has, and the audit log's chain holds.
func TestNoClientFieldForgesALine(t *testing.T) {
	fields := 0
	try := func(name string, set func(r *telemetry.Record, text string)) {
		t.Helper()
		fields++
		for _, text := range forgeries() {
			harmless, forged := forgedLines(t, func(r *telemetry.Record) { set(r, "harmless") }), forgedLines(t, func(r *telemetry.Record) { set(r, text) })
			for i, log := range []string{"log", "audit"} {
				if len(forged[i]) != len(harmless[i]) {
					t.Errorf("%s of %q: the %s has %d lines, of a harmless one %d", name, text, log, len(forged[i]), len(harmless[i]))
					continue
				}
				for j := range forged[i] {
					if forged[i][j] != harmless[i][j] {
						t.Errorf("%s of %q: the %s's line has the keys %s, a harmless one %s", name, text, log, forged[i][j], harmless[i][j])
					}
				}
			}
		}
	}
	kind := reflect.TypeFor[telemetry.Record]()
	for i := range kind.NumField() {
		if kind.Field(i).Type.Kind() == reflect.String {
			try(kind.Field(i).Name, func(r *telemetry.Record, text string) { reflect.ValueOf(r).Elem().Field(i).SetString(text) })
		}
	}
	try("shadow", func(r *telemetry.Record, text string) {
		r.Shadow = []telemetry.ShadowHit{{Filter: text, Rule: text, Code: text}}
	})
	try("request", func(r *telemetry.Record, text string) {
		r.Request = &telemetry.Request{Target: "/" + text, Headers: []telemetry.Header{{Name: text, Value: text}}, Roles: []string{text}, Body: []byte(text)}
	})
	try("everything", func(r *telemetry.Record, text string) {
		for i := range kind.NumField() {
			if kind.Field(i).Type.Kind() == reflect.String {
				reflect.ValueOf(r).Elem().Field(i).SetString(text)
			}
		}
	})
	if fields < 20 {
		t.Errorf("%d fields", fields)
	}
}

// forgedLines are the keys of each line of the log and of the audit log, in order, after one refused exchange and one event.
func forgedLines(t *testing.T, change func(r *telemetry.Record)) [2][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	tel, out := newTelemetry(t)
	tel.Configure(telemetry.Config{AccessLog: telemetry.AccessLog{Sample: 1}, Audit: &telemetry.Audit{Path: path, Record: telemetry.RecordAll, Bodies: telemetry.BodiesFull}})
	r := denied("198.51.100.1", "scan", "sqli", "threat_detected")
	change(r)
	tel.Exchange(r)
	tel.Event(telemetry.Event{Kind: "login_failed", Client: "198.51.100.1", Subject: r.Subject, Rule: r.Rule, Note: r.Excerpt, RequestID: r.RequestID})
	tel.Flush()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(path, nil); err != nil {
		t.Errorf("the audit log's chain: %v", err)
	}
	return [2][]string{keysOf(t, out.Bytes()), keysOf(t, text)}
}

// keysOf are the keys of each line, as they stand in it.
func keysOf(t *testing.T, text []byte) (out []string) {
	t.Helper()
	for line := range bytes.Lines(text) {
		d := json.NewDecoder(bytes.NewReader(line))
		var keys []string
		depth, key := 0, false
		for {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
				key = token == json.Delim('{')
				continue
			case json.Delim('}'), json.Delim(']'):
				depth--
				key = depth == 1
				continue
			}
			if s, ok := token.(string); ok && key && depth == 1 {
				keys = append(keys, s)
				key = false
			} else if depth == 1 {
				key = true
			}
		}
		if !json.Valid(line) {
			t.Errorf("not JSON: %.300s", line)
		}
		out = append(out, strings.Join(keys, " "))
	}
	return out
}

// full is a Telemetry with everything on that an exchange meets.
func full(t testing.TB) *telemetry.Telemetry {
	t.Helper()
	tel := telemetry.New(telemetry.Options{Output: &bytes.Buffer{}})
	c := telemetry.Config{
		AccessLog: telemetry.AccessLog{Sample: 1, Path: os.DevNull}, Audit: &telemetry.Audit{Path: filepath.Join(t.TempDir(), "audit.jsonl"), Record: telemetry.RecordDenied},
		CustomMetrics: []telemetry.CustomMetric{{Name: "tokens_by_tenant", Count: "usage.total_tokens", Labels: map[string]string{"tenant": "identity.tenant", "model": "model"}}},
		Alerts:        []telemetry.AlertRule{{Name: "errors", When: "error_rate > 5%"}}, AlertPresets: true,
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	tel.Configure(c)
	return tel
}

// TestFullTelemetryAllocatesNothing: access log in a file, audit, custom metrics and alerts cost a served exchange nothing
// that the collector must take away.
func TestFullTelemetryAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	tel := full(t)
	r := served()
	for range 2500 {
		tel.Exchange(r)
	}
	tel.Flush()
	if n := testing.AllocsPerRun(500, func() { tel.Exchange(r); tel.Flush() }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// BenchmarkExchangeFull is what full telemetry costs an exchange; the issue allows 3 µs.
func BenchmarkExchangeFull(b *testing.B) {
	tel := full(b)
	r := served()
	go tel.Run(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		tel.Exchange(r)
	}
}
