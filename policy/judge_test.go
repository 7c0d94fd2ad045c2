package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"blaze/filters"
	"blaze/policy"
	"blaze/telemetry"
	"blaze/upstream"
)

// guarded is a policy with something of every filter.
const guarded = `
version: 1
upstreams: {model: {engine: vllm, targets: [{url: "http://127.0.0.1:8080"}]}}
filters:
  access: {deny: [203.0.113.0/24]}
  scan: {sqli: {mode: %s}}
  auth:
    api_keys:
      - {id: ci, hash: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", roles: [user]}
      - {id: ops, hash: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", roles: [operator]}
  authz:
    roles:
      user: {routes: [inference, utility], models: ["llama-*"]}
      operator: {routes: ["*"]}
  ratelimit:
    limits: [{name: per-user, by: user, algorithm: fixed_window, limit: 3, per: 1h}]
`

func open(t *testing.T, text string) *policy.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, text)
	s, err := policy.Open(options(path))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func call(t testing.TB, text, key string) policy.Call {
	t.Helper()
	c, err := policy.ParseCall([]byte(text), netip.MustParseAddr("192.0.2.1"), key, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const chat = "POST /v1/chat/completions\nContent-Type: application/json\n\n"

func TestExplain(t *testing.T) {
	snap := open(t, fmt.Sprintf(guarded, "enforce")).Current()
	f := func(text, key, want string) *policy.Trace {
		t.Helper()
		trace, err := snap.Explain(call(t, text, key), policy.Gate{})
		if err != nil {
			t.Fatal(err)
		}
		got := trace.Verdict
		if got == "deny" {
			got = fmt.Sprintf("%d %s %s", trace.Status, trace.Code, trace.By)
		}
		if got != want {
			t.Errorf("%q as %q: got %s, want %s", text, key, got, want)
		}
		return trace
	}
	pass := f(chat+`{"model":"llama-3","messages":[{"role":"user","content":"1 OR 1=1 --"}]}`, "ci", "pass")
	if pass.Identity == nil || pass.Identity.Key != "ci" || pass.Endpoint != "chat.completions" || pass.Class != "inference" || pass.Model != "llama-3" {
		t.Errorf("got %+v", pass)
	}
	if len(pass.Limits) != 1 || pass.Limits[0].Limit != 3 {
		t.Errorf("limits are %+v", pass.Limits)
	}
	f(chat+`{"model":"gpt-5","messages":[]}`, "ci", "403 model_not_allowed authz")
	f("GET /v1/models", "", "401 missing_credentials auth")
	f("GET /v1/models", "nobody", "401 invalid_api_key auth")
	f("GET /no/such/thing", "ci", "404 unknown_route authz")
	f("DELETE /v1/chat/completions", "ci", "405 method_not_allowed authz")
	f("GET /v1//models", "ci", "400 invalid_request proxy")
	f(chat+`{"model":"llama-3","model":"llama-4"}`, "ci", "400 invalid_json proxy")
	sqli := f("GET /v1/models?q=1%27%20OR%20%271%27=%271", "ci", "403 threat_detected scan")
	if sqli.Field == "" || sqli.Rule == "" {
		t.Errorf("the field and the rule are not told: %+v", sqli)
	}
	asked := map[string]string{}
	for _, s := range sqli.Stages {
		asked[s.Stage] = s.Verdict
	}
	if asked["access"] != "pass" || asked["scan"] != "deny" || asked["ratelimit"] != "not_asked" {
		t.Errorf("stages are %v", asked)
	}
	shadow := open(t, fmt.Sprintf(guarded, "shadow")).Current()
	trace, err := shadow.Explain(call(t, "GET /v1/models?q=1%27%20OR%20%271%27=%271", "ci"), policy.Gate{})
	if err != nil || trace.Verdict != "pass" || len(trace.Shadow) == 0 {
		t.Errorf("got %+v, %v", trace, err)
	}
}

// TestExplainTakesNothing: however often a request is explained, the limits and the metrics are as before.
func TestExplainTakesNothing(t *testing.T) {
	o := options("")
	o.Source = []byte(fmt.Sprintf(guarded, "enforce"))
	s, err := policy.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	before := counters(t, o.Tel.Metrics)
	for range 20 {
		for _, text := range []string{"GET /v1/models", "GET /v1/models?q=1%27%20OR%20%271%27=%271", chat + `{"model":"gpt-5"}`} {
			for _, key := range []string{"ci", "", "nobody"} {
				if _, err := s.Current().Explain(call(t, text, key), policy.Gate{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	trace, err := s.Current().Explain(call(t, "GET /v1/models", "ci"), policy.Gate{})
	if err != nil || trace.Verdict != "pass" || trace.Limits[0].Remaining < 2 {
		t.Errorf("explaining used the limit up: %+v, %v", trace.Limits, err)
	}
	if diff := cmp.Diff(before, counters(t, o.Tel.Metrics)); diff != "" {
		t.Errorf("explaining moved metrics:\n%s", diff)
	}
}

// counters are all series of the metrics that only grow, as text.
func counters(t *testing.T, m *telemetry.Metrics) map[string]string {
	t.Helper()
	b, err := json.Marshal(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]struct {
		Type   string          `json:"type"`
		Series json.RawMessage `json:"series"`
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, f := range all {
		if f.Type != "gauge" && !strings.HasPrefix(name, "blaze_system_") && !strings.HasPrefix(name, "blaze_process_") {
			out[name] = string(f.Series)
		}
	}
	if len(out) < 5 {
		t.Fatalf("%d counters", len(out))
	}
	return out
}

// TestExplainIsServing: for any request, explain's verdict is that of the chain that serves.
func TestExplainIsServing(t *testing.T) {
	snap := open(t, fmt.Sprintf(guarded, "enforce")).Current()
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]string{"GET", "POST", "DELETE"}).Draw(t, "method")
		target := rapid.SampledFrom([]string{"/v1/models", "/v1/chat/completions", "/v1/models?q=1%27%20OR%20%271%27=%271", "/metrics", "/sleep", "/no"}).Draw(t, "target")
		key := rapid.SampledFrom([]string{"", "ci", "ops", "nobody"}).Draw(t, "key")
		client := rapid.SampledFrom([]string{"192.0.2.1", "203.0.113.9"}).Draw(t, "client")
		body := rapid.SampledFrom([]string{"", `{"model":"llama-3"}`, `{"model":"gpt-5","messages":[]}`, `{"model":"' OR 1=1 --"}`, `{`}).Draw(t, "body")
		text := method + " " + target + "\nContent-Type: application/json\n\n" + body
		c, err := policy.ParseCall([]byte(text), netip.MustParseAddr(client), key, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		trace, err := snap.Explain(c, policy.Gate{})
		if err != nil {
			t.Fatal(err)
		}
		want := serve(t, snap, c)
		if got := fmt.Sprintf("%s %s", trace.Verdict, trace.Code); got != want {
			t.Fatalf("%s as %q from %s: explained as %s, served as %s", text, key, client, got, want)
		}
	})
}

// serve asks the serving chain itself, step by step as the proxy does.
func serve(t *rapid.T, snap *policy.Snapshot, c policy.Call) string {
	x := &filters.Exchange{Cancel: new(upstream.Cancel)}
	x.Reset()
	h := requestHead(t, c.Head)
	x.ID, x.Began, x.Request, x.Peer, x.Client = "served", c.At, h, c.Client, c.Client
	x.Dry, x.Assume = true, c.Key
	defer snap.Chain.Settle(x)
	path, query, _ := bytes.Cut(h.RequestURI(), []byte{'?'})
	x.Query = query
	if err := x.Path.Parse(path); err != nil {
		return "deny invalid_request"
	}
	snap.Route(x)
	if v := snap.Chain.Head(x); !v.Passed() {
		return "deny " + v.Denial.Code
	}
	if len(c.Body) > 0 {
		x.Body = c.Body
		if err := x.Document.Parse(x.Endpoint.Shape, x.Body, snap.JSON); err != nil {
			return "deny invalid_json"
		}
		x.HasDocument = true
	}
	snap.Route(x)
	if v := snap.Chain.Body(x); !v.Passed() {
		return "deny " + v.Denial.Code
	}
	return "pass "
}

// TestReplay: a policy replayed against its own records changes nothing; one changed rule changes exactly what was counted by
// hand; limits run on the recorded clock.
func TestReplay(t *testing.T) {
	var log strings.Builder
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	n := 0
	rec := func(key, target, body, outcome string) {
		n++
		line := map[string]any{"time": at.Add(time.Duration(n) * time.Second).Format("2006-01-02T15:04:05.000Z"), "request_id": fmt.Sprintf("r%d", n),
			"client": "192.0.2.1", "method": "POST", "key_id": key, "status": 200,
			"request": map[string]any{"target": target, "headers": []map[string]string{{"name": "Content-Type", "value": "application/json"}}, "body": body, "body_bytes": len(body)}}
		if code, by, ok := strings.Cut(outcome, " "); ok {
			filter, rule, _ := strings.Cut(by, "/")
			line["code"], line["filter"], line["rule"] = code, filter, rule
		}
		b, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		log.Write(append(b, '\n'))
	}
	llama := `{"model":"llama-3","messages":[]}`
	rec("ci", "/v1/chat/completions", llama, "pass")
	rec("ci", "/v1/chat/completions", llama, "pass")
	rec("", "/v1/chat/completions", llama, "missing_credentials auth/credentials")
	rec("ci", "/v1/chat/completions", `{"model":"gpt-5","messages":[]}`, "model_not_allowed authz/model")
	rec("ci", "/v1/chat/completions", llama, "rate_limit_exceeded ratelimit/per-user")
	rec("ci", "/v1/chat/completions", llama, "address_denied scan/behavior.ban") // says nothing of the request
	log.WriteString(`{"time":"2026-11-24T12:00:09.000Z","kind":"reload"}` + "\n")
	f := func(text string, changed int, want ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "policy.yaml")
		write(t, path, text)
		d, err := policy.Replay(options(path), strings.NewReader(log.String()))
		if err != nil {
			t.Fatal(err)
		}
		if d.Lines != 7 || d.Requests != 5 || d.Changed != changed {
			t.Errorf("got %+v, want %d changed", d, changed)
		}
		var got []string
		for _, r := range d.Rules {
			got = append(got, fmt.Sprintf("%s → %s %d %v", r.Was, r.Now, r.Count, r.Examples))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	same := fmt.Sprintf(guarded, "enforce")
	f(same, 0)
	f(strings.Replace(same, `models: ["llama-*"]`, `models: ["gpt-*"]`, 1), 3,
		"pass → model_not_allowed authz/model 2 [r1 r2]", "model_not_allowed authz/model → pass 1 [r4]")
	f(strings.Replace(same, "limit: 3", "limit: 30", 1), 1, "rate_limit_exceeded ratelimit/per-user → pass 1 [r5]")
	f(strings.Replace(same, "per: 1h", "per: 1s", 1), 1, "rate_limit_exceeded ratelimit/per-user → pass 1 [r5]")
}

func TestReplayBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, "version: 1")
	if d, err := policy.Replay(options(path), strings.NewReader("half a li\n"+`{"kind":"torn","torn":{"bytes":9}}`+"\n")); err != nil || d.Lines != 2 {
		t.Errorf("a line that a crash has left: %+v, %v", d, err)
	}
	for _, log := range []string{"not json", "not json\n{}", "not json\nnor this\n" + `{"torn":{}}`, `{"request":{},"time":"x"}`, `{"request":{},"time":"2026-11-24T12:00:00Z","client":"x"}`,
		`{"request":{"target":"/","headers":[{"name":"a","value":"b\r\nc: d"}]},"time":"2026-11-24T12:00:00Z","client":"192.0.2.1"}`} {
		if _, err := policy.Replay(options(path), strings.NewReader(log)); err == nil {
			t.Errorf("%s was replayed", log)
		}
	}
}

// TestHandlers walks the admin endpoints: what serves, a refused reload, a good one, an explanation; and no secret in any.
func TestHandlers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	text := fmt.Sprintf(guarded, "enforce") + "proxy: {max_body: 1MiB}\n"
	text = strings.Replace(text, `targets: [{url: "http://127.0.0.1:8080"}]`, `targets: [{url: "http://127.0.0.1:8080"}], headers: {set: {authorization: "Bearer ${env:MODEL_KEY}"}}`, 1)
	write(t, path, text)
	s, err := policy.Open(options(path))
	if err != nil {
		t.Fatal(err)
	}
	f := func(pattern, target, body string, status int, wants ...string) {
		t.Helper()
		method, _, _ := strings.Cut(pattern, " ")
		w := httptest.NewRecorder()
		s.Handlers()[pattern].ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
		if w.Code != status {
			t.Errorf("%s: %d %s, want %d", target, w.Code, w.Body, status)
		}
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %s in %s", target, want, w.Body)
			}
		}
		for _, secret := range []string{"hunter2", strings.Repeat("a", 64)} {
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s shows a secret", target)
			}
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: not JSON: %s", target, w.Body)
		}
	}
	f("GET /policy", "/policy", "", http.StatusOK, `"max_body": "1MiB"`, "Bearer ${env:MODEL_KEY}", `"hash": "(hidden)"`, `"last_error": null`)
	f("POST /policy/reload", "/policy/reload", "", http.StatusOK, `"status": "unchanged"`)
	write(t, path, strings.Replace(text, "max_body: 1MiB", "max_body: lots", 1))
	f("POST /policy/reload", "/policy/reload", "", http.StatusUnprocessableEntity, `"status": "refused"`, `proxy.max_body`)
	f("GET /policy", "/policy", "", http.StatusOK, `"max_body": "1MiB"`, `"path": "proxy.max_body"`)
	write(t, path, strings.Replace(text, "max_body: 1MiB", "max_body: 2MiB", 1))
	f("POST /policy/reload", "/policy/reload", "", http.StatusOK, `"status": "reloaded"`)
	f("GET /policy", "/policy", "", http.StatusOK, `"path": "proxy.max_body"`, `"old": "\"1MiB\""`, `"new": "\"2MiB\""`, `"last_error": null`)
	f("POST /policy/explain", "/policy/explain?key=ci", "GET /v1/models", http.StatusOK, `"verdict": "pass"`)
	f("POST /policy/explain", "/policy/explain?client=203.0.113.1", "GET /v1/models", http.StatusOK, "address_denied")
	f("POST /policy/explain", "/policy/explain?client=home", "GET /v1/models", http.StatusBadRequest, "want an IP address")
	f("POST /policy/explain", "/policy/explain", "nonsense", http.StatusBadRequest, "want an HTTP request")
	f("POST /policy/explain", "/policy/explain", "GET /\x00 HTTP/9\n:", http.StatusBadRequest)
}
