package telemetry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"blaze/telemetry"
)

// served is an exchange that went well; the tests change what they are about.
func served() *telemetry.Record {
	return &telemetry.Record{
		Began: time.Now(), RequestID: "req-1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Client: netip.MustParseAddr("192.0.2.7"), Subject: "ci-bot", Tenant: "acme", Tier: "free", KeyID: "ci",
		Method: "POST", Path: "/v1/chat/completions", Endpoint: "chat.completions", Route: "chat", Engine: "vllm",
		Model: "llama-3", Upstream: "model", Target: "http://127.0.0.1:8080", Status: 200,
		BytesIn: 100, BytesOut: 200, TokensIn: 10, TokensOut: 20, UsageReported: true, Stream: true, Frames: 21,
		FirstByte: 40 * time.Millisecond, Overhead: 120 * time.Microsecond, Total: 140 * time.Millisecond,
	}
}

func newTelemetry(t testing.TB) (*telemetry.Telemetry, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	tel := telemetry.New(telemetry.Options{Output: out, Version: "test"})
	tel.SetKnown(telemetry.Known{Models: []string{"llama-3", "bge-*"}})
	return tel, out
}

// lines are the log's lines, each as JSON.
func lines(t *testing.T, tel *telemetry.Telemetry, out *bytes.Buffer) []map[string]any {
	t.Helper()
	tel.Flush()
	var all []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("not a JSON line: %v\n%s", err, line)
		}
		all = append(all, m)
	}
	out.Reset()
	return all
}

func TestExchangeLineHasEveryField(t *testing.T) {
	tel, out := newTelemetry(t)
	r := served()
	r.Waited, r.Retries = 5*time.Millisecond, 1
	r.Shadow = []telemetry.ShadowHit{{Filter: "scan", Rule: "prompt_injection", Code: "threat_detected"}}
	tel.Exchange(r)
	got := lines(t, tel, out)
	if len(got) != 1 {
		t.Fatalf("got %d lines, want 1", len(got))
	}
	if _, err := time.Parse(time.RFC3339Nano, got[0]["time"].(string)); err != nil {
		t.Error(err)
	}
	delete(got[0], "time")
	want := map[string]any{
		"level": "info", "message": "exchange", "request_id": "req-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
		"client": "192.0.2.7", "subject": "ci-bot", "tenant": "acme", "tier": "free", "key_id": "ci", "method": "POST",
		"path": "/v1/chat/completions", "endpoint": "chat.completions", "route": "chat", "engine": "vllm", "model": "llama-3",
		"upstream": "model", "target": "http://127.0.0.1:8080", "status": 200.0, "bytes_in": 100.0, "bytes_out": 200.0,
		"tokens_in": 10.0, "tokens_out": 20.0, "usage_reported": true, "stream": true, "frames": 21.0, "first_byte_ms": 40.0,
		"overhead_ms": 0.12, "waited_ms": 5.0, "total_ms": 140.0, "retries": 1.0,
		"shadow": []any{map[string]any{"filter": "scan", "rule": "prompt_injection", "code": "threat_detected"}},
	}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Error(d)
	}
}

func TestSamplingKeepsDenialsAndErrors(t *testing.T) {
	f := func(change func(*telemetry.Record), want int) {
		t.Helper()
		tel, out := newTelemetry(t)
		tel.Configure(telemetry.Config{AccessLog: telemetry.AccessLog{Sample: 0}})
		r := served()
		change(r)
		tel.Exchange(r)
		if got := len(lines(t, tel, out)); got != want {
			t.Errorf("got %d lines, want %d: %+v", got, want, r)
		}
	}
	f(func(*telemetry.Record) {}, 0)
	f(func(r *telemetry.Record) { r.Status = 301 }, 0)
	f(func(r *telemetry.Record) { r.Status = 403; r.Filter = "scan" }, 1)
	f(func(r *telemetry.Record) { r.Status = 404 }, 1)
	f(func(r *telemetry.Record) { r.Status = 502 }, 1)
	f(func(r *telemetry.Record) { r.Status = 0 }, 1)
	f(func(r *telemetry.Record) { r.Abort = "client_gone" }, 1)
	f(func(r *telemetry.Record) { r.Shadow = []telemetry.ShadowHit{{Filter: "scan"}} }, 1)
}

// Nothing that a client chooses can end a line, begin a field or make the log unreadable.
func TestExchangeLineCannotBeForged(t *testing.T) {
	hostile := []string{
		"x\n{\"status\":200}", "x\r\n", `","status":200,"x":"`, "\x00\x1b[31m", "\xff\xfe", "\u2028\u2029", strings.Repeat("é", 5000),
	}
	for _, h := range hostile {
		tel, out := newTelemetry(t)
		r := served()
		r.Path, r.Model, r.Subject, r.Method, r.Field, r.Excerpt, r.RequestID, r.Tenant = h, h, h, h, h, h, h, h
		r.Status, r.Filter, r.Rule = 403, "scan", h
		r.Shadow = []telemetry.ShadowHit{{Filter: "scan", Rule: h}}
		tel.Exchange(r)
		size := out.Len()
		got := lines(t, tel, out)
		if len(got) != 1 || got[0]["status"] != 403.0 {
			t.Errorf("%q made %d lines: %v", h, len(got), got)
		}
		if size > 32<<10 {
			t.Errorf("%.20q made a line of %d bytes", h, size)
		}
	}
}

func TestExchangeAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	tel := telemetry.New(telemetry.Options{Output: io.Discard})
	ok, denied := served(), served()
	denied.Status, denied.Filter, denied.Rule, denied.Code = 403, "scan", "sqli", "threat_detected"
	denied.Shadow = []telemetry.ShadowHit{{Filter: "scan", Rule: "xss", Code: "threat_detected"}}
	denied.Abort, denied.Retries = "client_gone", 2
	for range 2500 { // fills what remembers the last exchanges
		tel.Exchange(ok)
		tel.Exchange(denied)
	}
	tel.Flush()
	for _, r := range []*telemetry.Record{ok, denied} {
		n := testing.AllocsPerRun(500, func() {
			tel.Exchange(r)
			tel.Flush()
		})
		if n != 0 {
			t.Errorf("status %d: %v allocations, want none", r.Status, n)
		}
	}
}

func TestConsoleFormatIsForPeople(t *testing.T) {
	out := &bytes.Buffer{}
	tel := telemetry.New(telemetry.Options{Output: out, LogFormat: "console", LogLevel: "warn"})
	tel.Log.Info().Msg("not at this level")
	tel.Log.Warn().Str("path", "policy.yaml").Msg("reload failed")
	tel.Flush()
	if got := out.String(); !strings.Contains(got, "WRN reload failed path=policy.yaml") || strings.Contains(got, "not at this level") {
		t.Errorf("got %q", got)
	}
}

func BenchmarkExchange(b *testing.B) {
	tel := telemetry.New(telemetry.Options{Output: io.Discard})
	r := served()
	go tel.Run(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		tel.Exchange(r)
	}
}

// The file systems that something is written to are on /health/detailed, each once, with what is written there.
func TestHealthHasTheDisks(t *testing.T) {
	tel, _ := newTelemetry(t)
	dir := t.TempDir()
	c := telemetry.Config{Audit: &telemetry.Audit{Path: dir + "/audit.jsonl"}, History: telemetry.History{Path: dir + "/past.bin"}}
	if err := c.Prepare(func(p string) string { return p }, os.ReadFile); err != nil {
		t.Fatal(err)
	}
	tel.Configure(c)
	var got struct {
		Checks map[string]struct {
			Status string
			Detail json.RawMessage
		}
	}
	getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/health/detailed", &got)
	var disks []telemetry.DiskState
	if err := json.Unmarshal(got.Checks["disk"].Detail, &disks); err != nil || len(disks) != 2 {
		t.Fatalf("got %s, %v", got.Checks["disk"].Detail, err)
	}
	if d := disks[1]; d.Path != dir || strings.Join(d.For, " ") != "audit history" || d.FreeBytes == 0 || d.UsedPercent <= 0 {
		t.Errorf("got %+v", d)
	}
	if w := disks[0]; w.Path != "." || strings.Join(w.For, " ") != "work" {
		t.Errorf("got %+v", w)
	}
}
