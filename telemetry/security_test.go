package telemetry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"blaze/telemetry"
	"blaze/telemetry/audit"
)

// denied is an exchange that filter refused.
func denied(client, filter, rule, code string) *telemetry.Record {
	r := served()
	r.Client = netip.MustParseAddr(client)
	r.Status, r.Filter, r.Rule, r.Code = 403, filter, rule, code
	r.TokensIn, r.TokensOut = 0, 0
	return r
}

// getJSON reads a guarded endpoint into v.
func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	status, body, _ := ask(t, "GET", url)
	if status != 200 {
		t.Fatalf("%s: got %d %s", url, status, body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

func TestSecurityStatus(t *testing.T) {
	tel, _ := newTelemetry(t)
	for range 3 {
		tel.Exchange(denied("198.51.100.1", "scan", "sqli", "threat_detected"))
	}
	tel.Exchange(denied("198.51.100.1", "auth", "api_key", "invalid_api_key"))
	tel.Exchange(denied("2001:db8::1", "auth", "api_key", "missing_credentials"))
	tel.Exchange(denied("2001:db8::2", "auth", "api_key", "missing_credentials"))
	shadow := served()
	shadow.Shadow = []telemetry.ShadowHit{{Filter: "scan", Rule: "prompt_injection"}}
	tel.Exchange(shadow)
	tel.Event(telemetry.Event{Kind: "ban", Client: "198.51.100.1", Note: "score 120"})
	bans := func() any { return []string{"198.51.100.1"} }
	var s telemetry.SecurityStatus
	getJSON(t, admin(t, tel, telemetry.AdminOptions{Bans: bans})+"/security/status", &s)
	if len(s.Denials) != 3 || s.Denials[0] != (telemetry.RuleCount{Filter: "scan", Rule: "sqli", Code: "threat_detected", Count: 3}) {
		t.Errorf("denials: %+v", s.Denials)
	}
	if s.DenialsByClass["threat_detected"] != 3 || s.DenialsByClass["missing_credentials"] != 2 || s.FailedLogins != 1 {
		t.Errorf("by class: %v, failed logins: %d", s.DenialsByClass, s.FailedLogins)
	}
	if len(s.Shadow) != 1 || s.Shadow[0].Rule != "prompt_injection" || s.Shadow[0].Count != 1 {
		t.Errorf("shadow: %+v", s.Shadow)
	}
	o := s.TopOffenders
	if len(o) != 2 || o[0].Client != "198.51.100.1" || o[0].Denials != 4 || o[0].FailedLogins != 1 || o[0].LastRule != "api_key" || o[1].Client != "2001:db8::/64" || o[1].Denials != 2 {
		t.Errorf("offenders: %+v", o)
	}
	if len(s.Events) != 1 || s.Events[0].Kind != "ban" || s.Events[0].Note != "score 120" || fmt.Sprint(s.Bans) != "[198.51.100.1]" || s.Audit.Status != "off" {
		t.Errorf("events: %+v, bans: %v, audit: %+v", s.Events, s.Bans, s.Audit)
	}
}

// Whoever comes often is found among any number of clients that come once.
func TestTopOffenderIsFoundInAFlood(t *testing.T) {
	tel, _ := newTelemetry(t)
	tel.Configure(telemetry.Config{})
	const flood = 20000
	for i := range flood {
		client := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		tel.Exchange(denied(client.String(), "access", "deny", "address_denied"))
		if i%10 == 0 {
			tel.Exchange(denied("203.0.113.66", "access", "deny", "address_denied"))
		}
	}
	var s telemetry.SecurityStatus
	getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/security/status", &s)
	if len(s.TopOffenders) != 20 || s.TopOffenders[0].Client != "203.0.113.66" || s.TopOffenders[0].Denials < flood/10 {
		t.Errorf("got %+v", s.TopOffenders[0])
	}
}

func TestErrorsSummary(t *testing.T) {
	clock := time.Date(2026, 11, 24, 12, 0, 30, 0, time.UTC)
	tel := telemetry.New(telemetry.Options{Output: &strings.Builder{}, Now: func() time.Time { return clock }})
	fail := func(n int, change func(*telemetry.Record)) {
		for i := range n {
			r := served()
			r.RequestID = fmt.Sprintf("req-%d", i)
			change(r)
			tel.Exchange(r)
		}
	}
	stalled := func(r *telemetry.Record) { r.Status, r.Code, r.Abort = 504, "upstream_timeout", "stall" }
	fail(1, stalled)
	clock = clock.Add(61 * time.Minute)
	fail(20, stalled)
	fail(2, func(r *telemetry.Record) { r.Status = 502 })
	fail(1, func(r *telemetry.Record) { r.Abort = "client_gone" })
	fail(1, func(r *telemetry.Record) { r.Status, r.Filter, r.Code = 429, "ratelimit", "rate_limit_exceeded" })
	fail(5, func(*telemetry.Record) {})
	var s telemetry.ErrorsSummary
	getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/errors/summary", &s)
	got := ""
	for _, e := range s.Errors {
		got += fmt.Sprintf("%s %s %s/%s total %d hour %d before %d %s, %d examples\n", e.Class, e.Kind, e.Route, e.Upstream, e.Total, e.LastHour, e.HourBefore, e.Trend, len(e.Examples))
	}
	want := `upstream_timeout failed chat/model total 21 hour 20 before 1 rising, 5 examples
upstream_5xx failed chat/model total 2 hour 2 before 0 steady, 2 examples
client_gone aborted chat/model total 1 hour 1 before 0 steady, 1 examples
rate_limit_exceeded refused chat/model total 1 hour 1 before 0 steady, 1 examples
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	e := s.Errors[0]
	if e.Examples[0].RequestID != "req-19" || e.Examples[4].RequestID != "req-15" || e.Examples[0].Status != 504 || len(e.PerMinute) != 60 || e.PerMinute[59] != 20 {
		t.Errorf("examples %+v, per minute %v", e.Examples, e.PerMinute)
	}
}

func TestErrorClassesAreBounded(t *testing.T) {
	tel, _ := newTelemetry(t)
	for i := range 1000 {
		r := served()
		r.Status, r.Route = 500, fmt.Sprint("route-", i)
		tel.Exchange(r)
	}
	var s telemetry.ErrorsSummary
	getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/errors/summary", &s)
	sum := int64(0)
	for _, e := range s.Errors {
		sum += e.Total
	}
	if len(s.Errors) != 257 || sum != 1000 || s.Errors[0].Class != "other" {
		t.Errorf("%d classes with %d errors", len(s.Errors), sum)
	}
}

func TestRequestsAreFoundByID(t *testing.T) {
	tel, _ := newTelemetry(t)
	for i := range 5000 {
		r := served()
		r.RequestID = fmt.Sprintf("req-%d", i)
		tel.Exchange(r)
		if i%500 == 0 {
			tel.Flush()
		}
	}
	tel.Flush()
	base := admin(t, tel, telemetry.AdminOptions{})
	f := func(query string, want int) {
		t.Helper()
		var got struct {
			Requests []struct {
				RequestID string `json:"request_id"`
			}
		}
		getJSON(t, base+"/requests"+query, &got)
		if len(got.Requests) != want {
			t.Errorf("%s: got %d, want %d", query, len(got.Requests), want)
		}
		if want > 0 && query == "" && got.Requests[0].RequestID != "req-4999" {
			t.Errorf("newest is %s", got.Requests[0].RequestID)
		}
	}
	f("", 100)
	f("?request_id=req-4000", 1)
	f("?request_id=req-400", 0) // no prefix match
	f("?request_id=req-12", 0)  // forgotten: only the last lines are kept
	f("?request_id="+url.QueryEscape(`x","message":"exchange`), 0)
}

// auditLines reads the audit log, verified first.
func auditLines(t *testing.T, tel *telemetry.Telemetry, path string) []map[string]any {
	t.Helper()
	tel.Flush()
	if _, err := audit.Verify(path, nil); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for line := range strings.Lines(string(b)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m["kind"] != "begin" {
			all = append(all, m)
		}
	}
	return all
}

func TestAuditTakesEverySecurityEvent(t *testing.T) {
	tel, _ := newTelemetry(t)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	tel.Configure(telemetry.Config{Audit: &telemetry.Audit{Path: path}})
	tel.Exchange(served())
	tel.Exchange(denied("198.51.100.1", "scan", "sqli", "threat_detected"))
	for _, kind := range []string{"ban", "login_failed", "reload", "admin"} {
		tel.Event(telemetry.Event{Kind: kind, Note: "n"})
	}
	got := []string{}
	for _, l := range auditLines(t, tel, path) {
		got = append(got, l["kind"].(string))
	}
	if want := "denial ban login_failed reload admin"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestAuditRecordsRequestsAsThePolicySays(t *testing.T) {
	f := func(record telemetry.Recording, bodies telemetry.Bodies, wantServed, wantDenied string) {
		t.Helper()
		tel, _ := newTelemetry(t)
		path := filepath.Join(t.TempDir(), "audit.jsonl")
		tel.Configure(telemetry.Config{Audit: &telemetry.Audit{Path: path, Record: record, Bodies: bodies}})
		for _, r := range []*telemetry.Record{served(), denied("198.51.100.1", "scan", "sqli", "threat_detected")} {
			if keep, body := tel.WantsRequest(r.Filter != ""); keep {
				r.Request = &telemetry.Request{
					Target:  "/v1/chat/completions?api_key=s3cret&q=1",
					Headers: []telemetry.Header{{"user-agent", "curl"}, {"Authorization", "Bearer s3cret"}, {"x-api-key", "s3cret"}, {"cookie", "s3cret"}},
				}
				if body {
					r.Request.Body = []byte(`{"prompt":"a secret plan"}`)
				}
			}
			tel.Exchange(r)
		}
		got := map[string]string{}
		for _, l := range auditLines(t, tel, path) {
			q, ok := l["request"].(map[string]any)
			state := "no request"
			if ok {
				state = fmt.Sprint(q["target"], " ", len(q["headers"].([]any)), " ", q["body"])
			}
			got[l["kind"].(string)] = state
		}
		if got["exchange"] != wantServed || got["denial"] != wantDenied {
			t.Errorf("record %d, bodies %d: got %q and %q, want %q and %q", record, bodies, got["exchange"], got["denial"], wantServed, wantDenied)
		}
		if b, _ := os.ReadFile(path); strings.Contains(string(b), "s3cret") {
			t.Errorf("a credential is in the audit log:\n%s", b)
		}
	}
	const bare, full = "/v1/chat/completions?api_key=***&q=1 1 <nil>", `/v1/chat/completions?api_key=***&q=1 1 {"prompt":"a secret plan"}`
	f(telemetry.RecordNone, telemetry.BodiesNone, "", "no request")
	f(telemetry.RecordNone, telemetry.BodiesFull, "", "no request")
	f(telemetry.RecordDenied, telemetry.BodiesNone, "", bare)
	f(telemetry.RecordDenied, telemetry.BodiesFull, "", full)
	f(telemetry.RecordAll, telemetry.BodiesNone, bare, bare)
	f(telemetry.RecordAll, telemetry.BodiesFull, full, full)
}

func TestAuditThatCannotBeWritten(t *testing.T) {
	f := func(onFull telemetry.OnFull, refuses bool) {
		t.Helper()
		tel, _ := newTelemetry(t)
		tel.Configure(telemetry.Config{Audit: &telemetry.Audit{Path: filepath.Join(t.TempDir(), "no", "folder"), OnFull: onFull}})
		if err := tel.AuditReady(); (err != nil) != refuses {
			t.Errorf("on_full %d: got %v, want an error: %v", onFull, err, refuses)
		}
		var h telemetry.Health
		getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/health/detailed", &h)
		if h.Checks["audit"].Status != "down" {
			t.Errorf("health: %+v", h.Checks["audit"])
		}
	}
	f(telemetry.FullDrop, false)
	f(telemetry.FullClosed, true)
}

// A reload moves logs to other files without losing a line, and Run's end writes everything.
func TestReloadMovesLogs(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	tel, out := newTelemetry(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); tel.Run(ctx) }()
	conf := func(access, auditPath string) {
		c := telemetry.Config{AccessLog: telemetry.AccessLog{Sample: 1, Path: access}}
		if auditPath != "" {
			c.Audit = &telemetry.Audit{Path: auditPath}
		}
		tel.Configure(c)
		tel.Exchange(denied("198.51.100.1", "scan", "sqli", "threat_detected"))
	}
	conf("", "")
	conf(at("a.log"), at("a.jsonl"))
	conf(at("a.log"), at("a.jsonl"))
	conf(at("b.log"), at("b.jsonl"))
	if err := os.Rename(at("b.log"), at("b.log.1")); err != nil {
		t.Fatal(err)
	}
	tel.Flush()
	tel.Reopen()
	conf(at("b.log"), at("b.jsonl"))
	conf("", "")
	cancel()
	<-done
	f := func(name string, want int) {
		t.Helper()
		b, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(b), `"sqli"`); got != want {
			t.Errorf("%s: got %d lines, want %d", name, got, want)
		}
	}
	f("a.log", 2)
	f("a.jsonl", 2)
	f("b.log.1", 1)
	f("b.log", 1)
	f("b.jsonl", 2)
	if got := strings.Count(out.String(), `"sqli"`); got != 2 {
		t.Errorf("the process's log has %d lines, want 2", got)
	}
}

func TestTelemetryConfigProblems(t *testing.T) {
	f := configProblems(t)
	f(telemetry.Config{}, "")
	f(telemetry.Config{Audit: &telemetry.Audit{Keep: -1}, AccessLog: telemetry.AccessLog{Keep: -2}},
		"access_log.keep: want a number of files, 0 or more; got -2\naudit.keep: want a number of files, 0 or more; got -1\naudit.path: want a file name; got \"\"")
}
