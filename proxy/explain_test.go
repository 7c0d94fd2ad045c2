package proxy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"blaze/filters/auth"
	"blaze/policy"
	"blaze/proxy"
	"blaze/proxy/storytest"
)

// aPolicy draws a policy with something of every filter.
func aPolicy(t *rapid.T, hash string) string {
	one := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	mode := func(label string) string { return one(label, "enforce", "enforce", "shadow", "off") }
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("version: 1\nproxy: {max_body: %s, trusted_proxies: %s}", one("max_body", "16MiB", "16MiB", "200B"), one("trusted", "[]", "[127.0.0.1/32]"))
	line("upstreams: {model: {engine: %s, targets: [{url: %q}]}}", one("engine", "vllm", "vllm", "openai", "ollama", "none"), "${env:BACKEND}")
	if one("routes", "no", "yes") == "yes" {
		line("routes:\n  - {name: chat, path: /v1/chat/completions, methods: [POST], models: %s, upstream: model}\n  - {name: rest, path: %q, upstream: model}", one("models", "[]", `["demo-*"]`), one("path", "/v1/*", "/*", "/*", "/v1/models"))
	}
	line("filters:\n  scan: {sqli: {mode: %s}, names: {mode: %s}, traversal: {mode: %s}, json: {max_depth: %s}, behavior: {mode: off}}", mode("sqli"), mode("names"), mode("traversal"), one("depth", "64", "4"))
	if one("access", "no", "yes") == "yes" {
		line("  access: {mode: %s, deny: [203.0.113.0/24]}", mode("access mode"))
	}
	if one("auth", "yes", "yes", "no") == "yes" {
		line("  auth: {required: %s, api_keys: [{id: story, hash: %q, subject: ada, roles: [user], tier: gold}]}", one("required", "true", "false"), hash)
		line("  authz: {mode: %s, anonymous: [guest], roles: {user: {routes: %s, models: [demo-small]}, guest: {routes: [utility]}}}", mode("authz mode"), one("classes", "[inference, utility]", "[inference, utility]", "[utility]", `["*"]`))
	}
	line("  params: {default: {n: {max: 1, mode: %s}, max_tokens: {max: 50, then: %s}}}", mode("n"), one("then", "deny", "clamp"))
	line("  ratelimit: {limits: [{name: few, by: %s, algorithm: %s, limit: %s, per: 240h, then: reject, mode: %s}]}", one("by", "ip", "user", "global"), one("algorithm", "token_bucket", "fixed_window"), one("limit", "3", "8", "1000", "1000"), mode("limit mode"))
	return b.String()
}

// aRequest draws a request as it goes over the wire.
func aRequest(t *rapid.T, key string) []byte {
	// one is mostly the first: a request with one thing wrong says more than one with five.
	one := func(label string, of ...string) string {
		if rapid.IntRange(0, 9).Draw(t, label+" as usual") < 8 {
			return of[0]
		}
		return rapid.SampledFrom(of).Draw(t, label)
	}
	method := one("method", "POST", "GET", "PUT", "DELETE", "HEAD")
	path := one("path", "/v1/chat/completions", "/v1/models", "/v1/completions", "/v1/embeddings", "/api/chat", "/nowhere", "/v1/../etc/passwd", "/v1/%2e%2e/x", "/v1/models/a%2Fb", "/v1//models", "/health", "/V1/Models", "/v1/models;x=1")
	query := one("query", "", "?q=1%27%20OR%20%271%27=%271", "?q=hello", "?q=%zz", "?a=../../etc/passwd")
	var head strings.Builder
	field := func(label string, of ...string) {
		if v := one(label, of...); v != "" {
			head.WriteString(v + "\r\n")
		}
	}
	fmt.Fprintf(&head, "%s %s%s HTTP/1.1\r\nHost: blaze.test\r\n", method, path, query)
	field("credentials", "Authorization: Bearer "+key, "", "Authorization: Bearer sk-wrong", "Authorization: Basic eDp5", "X-Api-Key: "+key)
	field("from", "", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: nonsense, 203.0.113.7")
	field("title", "", "X-Title: 1 UNION SELECT a FROM b --", "X-Title: hello", "X-Title: ../../etc/passwd")
	field("type", "Content-Type: application/json", "Content-Type: text/plain", "", "Content-Type: application/json; charset=utf-16", "Content-Type: application/json\r\nContent-Type: text/plain")
	field("encoding", "", "Content-Encoding: br", "Content-Encoding: nonsense", "Transfer-Encoding: identity")
	body := ""
	if method != "GET" && method != "HEAD" {
		body = one("body", `{"model":"demo-small","messages":[{"role":"user","content":"hi"}]}`, `{"model":"demo-small","messages":[{"role":"user","content":"1' OR '1'='1"}]}`,
			`{"model":"demo-large","messages":[]}`, `{"model":"x' UNION SELECT a FROM b --","messages":[]}`, `{"model":"demo-small","n":3,"messages":[]}`, `{"model":"demo-small","max_tokens":500,"messages":[]}`,
			`{"model":"demo-small","model":"demo-large","messages":[]}`, `{"model":"demo-small"`, `[]`, `{"model":"demo-small","prompt":"hi"}`, `{"a":{"b":{"c":{"d":{"e":{}}}}}}`, "\xff\xfe", "", `{"model":"demo-small","user":"../../etc/passwd","messages":[]}`,
			`{"model":"demo-small","messages":[{"role":"user","content":"`+strings.Repeat("long ", 60)+`"}]}`)
	}
	if body != "" {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(body))
	}
	return []byte(head.String() + "\r\n" + body)
}

// TestExplainIsServing: for policies and requests of all kinds, what explain says beforehand is what serving does: the same
// code, by the same rule of the same filter, or a pass; and the same rules in shadow.
func TestExplainIsServing(t *testing.T) {
	key, hash := auth.NewKey()
	asked, refused, shadowed, policies := 0, 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		if policies++; raceEnabled && policies > 25 {
			return
		}
		text := aPolicy(rt, hash.String())
		var log bytes.Buffer
		s, stop := explained(t, text, &log)
		var want []string
		client := &sender{s: s}
		for i := range rapid.IntRange(8, 16).Draw(rt, "requests") {
			raw := aRequest(rt, key)
			want = append(want, s.explain(rt, i, raw))
			_ = client.exchange(t, i, storytest.Request{Bytes: raw})
		}
		client.hangUp()
		s.tel.Flush()
		got := outcomes(&log, len(want))
		stop()
		for i := range want {
			asked++
			if !strings.HasPrefix(want[i], "pass") {
				refused++
			}
			if !strings.HasSuffix(want[i], "[]") {
				shadowed++
			}
			if want[i] != got[i] {
				rt.Fatalf("request %d: explained as %s, served as %s, by\n%s", i, want[i], got[i], text)
			}
		}
	})
	if asked < 100 || refused < asked/10 || refused > asked*19/20 || shadowed == 0 {
		t.Errorf("%d requests, %d refused, %d with a rule in shadow", asked, refused, shadowed)
	}
}

// explained serves a policy until stop.
func explained(t *testing.T, text string, log *bytes.Buffer) (s *served, stop func()) {
	backend := newBackend(t)
	s, end := serveUntil(t, text, backend.URL(), proxy.Options{}, log)
	s.backend = backend
	return s, func() { end(); backend.Close() }
}

// explain asks the policy that serves about the bytes that are to be sent.
func (s *served) explain(t *rapid.T, i int, raw []byte) string {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	call := policy.Call{
		Head: fmt.Appendf(nil, "%s\r\nX-Request-Id: corpus-%d\r\n\r\n", head, i), Body: body,
		Client: netip.MustParseAddr("127.0.0.1"), ID: "explain", At: time.Now(),
	}
	trace, err := s.store.Current().Explain(call, proxy.Gate())
	if err != nil {
		t.Fatalf("%v: %q", err, raw)
	}
	out := "pass"
	if trace.Verdict != "pass" {
		out = fmt.Sprintf("%d %s %s/%s", trace.Status, trace.Code, trace.By, trace.Rule)
	}
	var shadow []string
	for _, h := range trace.Shadow {
		shadow = append(shadow, h.Filter+"/"+h.Rule)
	}
	return out + fmt.Sprint(" ", shadow)
}

// outcomes reads what became of each request off the log.
func outcomes(log *bytes.Buffer, n int) []string {
	out := make([]string, n)
	for line := range strings.Lines(log.String()) {
		var l struct {
			ID                 string `json:"request_id"`
			Filter, Rule, Code string
			Status             int
			Shadow             []struct{ Filter, Rule string }
		}
		var i int
		if json.Unmarshal([]byte(line), &l) != nil || !strings.Contains(line, `"message":"exchange"`) {
			continue
		}
		if _, err := fmt.Sscanf(l.ID, "corpus-%d", &i); err != nil || i >= n {
			continue
		}
		out[i] = "pass"
		if l.Code != "" {
			if l.Filter == "" {
				l.Filter = "proxy"
			}
			out[i] = fmt.Sprintf("%d %s %s/%s", l.Status, l.Code, l.Filter, l.Rule)
		}
		var shadow []string
		for _, h := range l.Shadow {
			shadow = append(shadow, h.Filter+"/"+h.Rule)
		}
		out[i] += fmt.Sprint(" ", shadow)
	}
	return out
}
