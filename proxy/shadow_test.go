package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"blaze/filters/auth"
	"blaze/policy"
	"blaze/proxy"
	"blaze/proxy/storytest"
)

// seen is what came of the corpus under one policy.
type seen struct {
	answers   []string // by request
	refused   []string // by request: the rule that refused, or would have; empty where none
	forwarded []string
	audit     string // the audit log, of what came without the rule
	counted   int    // by the metric: refusals of the filter, or those that it would have made
}

// TestShadow: every rule of every filter, alone, over the whole corpus, in its three modes. In shadow the forwarded bytes
// and the answers are those without the rule, and what it would have refused is exactly what it refuses when enforced, by
// the same rule, or changes; the metric counts as many. Replaying what was recorded without the rule finds the same requests.
func TestShadow(t *testing.T) {
	key, hash := auth.NewKey()
	list := corpus(t, key)
	named := regexp.MustCompile(`(?mi)^x-request-id: .*\r\n`) // each has a name of the test's
	for i := range list {
		head, body, _ := bytes.Cut(list[i].Bytes, []byte("\r\n\r\n"))
		head = named.ReplaceAll(append(bytes.Clone(head), "\r\n"...), nil)
		list[i].Bytes = slices.Concat(head, []byte("\r\n"), body)
	}
	rules := shadowed()
	if len(rules) < 60 {
		t.Fatalf("%d rules", len(rules))
	}
	for i, r := range rules {
		if raceEnabled && i%5 != 0 {
			continue
		}
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			of := func(mode string) seen { return run(t, &r, mode, hash.String(), key, list) }
			enforce, shadow, off := of("enforce"), of("shadow"), of("off")
			hits := 0
			for i, was := range enforce.refused {
				if r.rule == "" && was != "" || r.rule != "" && strings.HasSuffix(was, " "+r.rule) {
					hits++
				}
				if now := shadow.refused[i]; now != was && !(r.changes && (now != "") == (was != "")) {
					t.Errorf("%s: enforced %q, in shadow %q", list[i].Name, was, now)
				}
			}
			if hits == 0 {
				t.Error("the corpus has nothing for the rule")
			}
			if !r.changes && (enforce.counted != hits || shadow.counted != hits) {
				t.Errorf("%d refused; the metrics count %d, and %d in shadow", hits, enforce.counted, shadow.counted)
			}
			sameAsOff(t, r.key, shadow, off, list)
			if !r.silent && !r.changes {
				replayed(t, r.policy("enforce", hash.String()), off.audit, r.filter, off.refused, enforce.refused)
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
	if rule == "auth" { // what Blaze knows as a credential of its own never goes on, in shadow too
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

// run serves the corpus with the rule in one mode. Without it, what comes is recorded.
func run(t *testing.T, r *shadowRule, mode, hash, key string, list []storytest.Request) seen {
	t.Helper()
	var log bytes.Buffer
	out, text := seen{audit: filepath.Join(t.TempDir(), "audit.jsonl")}, r.policy(mode, hash)
	if mode == "off" {
		text += "\ntelemetry: {audit: {path: " + out.audit + ", record: all, bodies: full}}\n"
	}
	s := serveLogged(t, text, &log)
	if r.held {
		defer s.hold(t, key)()
	}
	client := &sender{s: s}
	for i, r := range list {
		out.answers = append(out.answers, client.exchange(t, i, r))
	}
	client.hangUp()
	for _, r := range s.backend.Requests() {
		out.forwarded = append(out.forwarded, steady(s, string(r.Head)+string(r.Body)))
	}
	s.tel.Flush()
	out.refused = decisions(t, &log, r.filter, len(list))
	out.counted = counted(t, s, r.filter, r.rule)
	for i, answer := range out.answers {
		if r.changes && out.refused[i] == "" && changed.MatchString(answer) {
			out.refused[i] = "changed"
		}
	}
	return out
}

// changed is an answer that tells of a change to its request.
var changed = regexp.MustCompile(`(?m)^X-Blaze-(Sanitized|Degraded): `)

// steady is text without what is another at each run: dates, counters that run down, identifiers that Blaze made.
func steady(s *served, text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, s.backend.Addr(), "BACKEND")) {
		name, value, _ := strings.Cut(line, ": ")
		switch name = strings.ToLower(name); {
		case name == "date", name == "traceparent", name == "retry-after", name == "retry-after-ms", strings.HasPrefix(name, "x-ratelimit-reset-"):
		case name == "x-request-id" && len(strings.TrimSpace(value)) == 32:
		default:
			before, rest, counted := strings.Cut(line, ";t=") // a limit's seconds; a line may have several
			for b.WriteString(before); counted; b.WriteString(before) {
				before, rest, counted = strings.Cut(strings.TrimLeft(rest, "0123456789"), ";t=")
			}
		}
	}
	return b.String()
}

// hold begins an exchange of the key's that the model server does not answer, and returns what ends it.
func (s *served) hold(t *testing.T, key string) (end func()) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"model":"demo-small","messages":[{"role":"user","content":"hi"}]}`
	_, _ = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: blaze.test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nX-Demo-Hold: head\r\nContent-Length: %d\r\n\r\n%s", key, len(body), body)
	waitFor(t, "the held exchange is under way", func() bool { return len(s.backend.Requests()) == 1 })
	return func() { _ = c.Close() }
}

// sender sends one request after the other, on one connection as long as it is kept.
type sender struct {
	s *served
	c net.Conn
	r *bufio.Reader
}

func (c *sender) hangUp() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

// exchange sends the ith request under a request id of its own and returns the answer.
func (c *sender) exchange(t *testing.T, i int, r storytest.Request) string {
	t.Helper()
	head, body, _ := bytes.Cut(r.Bytes, []byte("\r\n\r\n"))
	request := fmt.Appendf(nil, "%s\r\nX-Request-Id: corpus-%d\r\n\r\n%s", head, i, body)
	method, _, _ := strings.Cut(string(head), " ")
	for fresh := c.c == nil; ; fresh = true {
		if c.c == nil {
			conn, err := net.Dial("tcp", c.s.addr)
			if err != nil {
				t.Fatal(err)
			}
			c.c, c.r = conn, bufio.NewReader(conn)
		}
		_ = c.c.SetDeadline(time.Now().Add(patience))
		_, _ = c.c.Write(request)
		res, err := http.ReadResponse(c.r, &http.Request{Method: method})
		if err != nil {
			if c.hangUp(); !fresh { // closed since the last answer
				continue
			}
			return "no answer: " + err.Error()
		}
		text, err := io.ReadAll(res.Body)
		if res.Close || err != nil {
			c.hangUp()
		}
		var b bytes.Buffer
		_ = res.Header.Write(&b)
		return steady(c.s, fmt.Sprintf("%d\n%s\n%s", res.StatusCode, b.String(), text))
	}
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

// counted is what the metrics say that the filter refused, or would have, by that rule, or by all when it is empty.
func counted(t *testing.T, s *served, filter, rule string) int {
	t.Helper()
	sum := 0.0
	for _, name := range []string{"blaze_denials_total", "blaze_shadow_decisions_total"} {
		for _, one := range s.tel.Metrics.Snapshot()[name].Series {
			if one.Labels["filter"] == filter && (rule == "" || one.Labels["rule"] == rule) {
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
