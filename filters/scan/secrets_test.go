package scan

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/filters/scan/secrets"
	"blaze/upstream/engine"
)

var update = flag.Bool("update", false, "write the generated parts of the README")

// TestKindsTable holds the README's table of kinds against the code.
func TestKindsTable(t *testing.T) {
	var table strings.Builder
	table.WriteString("| kind | class | what it is |\n|---|---|---|\n")
	for _, k := range secrets.Kinds() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", k.ID, k.Class, k.Why)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := bytes.Cut(readme, []byte("<!-- kinds -->\n"))
	got, after, ok := bytes.Cut(rest, []byte("<!-- end -->"))
	if !ok {
		t.Fatal("the README has no table of kinds")
	}
	if string(got) == table.String() {
		return
	}
	if !*update {
		t.Fatal("the README's table of kinds is stale: go test ./filters/scan -run TestKindsTable -update")
	}
	whole := string(before) + "<!-- kinds -->\n" + table.String() + "<!-- end -->" + string(after)
	if err := os.WriteFile("README.md", []byte(whole), 0o644); err != nil { //nolint:gosec // a document
		t.Fatal(err)
	}
}

const (
	token = "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"
	card  = "4111 1111 1111 1111"
)

func secretsRuleOf(action Action, mode filters.Mode) Secrets {
	return Secrets{Mode: mode, Action: action, Kinds: []string{"secret", "personal"}, In: []string{inPrompts, inAnswers}}
}

// forwarded is the body with x's edits.
func forwarded(x *filters.Exchange) string {
	return string(engine.Apply(nil, x.Body, x.Edits))
}

// TestSecretsInPrompts: in each text field what is found gives way to its label, and in structure nothing does.
func TestSecretsInPrompts(t *testing.T) {
	f := newFilter(t, Config{Secrets: secretsRuleOf(Sanitize, filters.Enforce)})
	said := func(text string) map[string]any {
		return map[string]any{"model": "llama-3", "user": "ada@example.com", "messages": []any{
			map[string]any{"role": "system", "content": text},
			map[string]any{"role": "user", "content": []any{map[string]any{"type": "text", "text": text}}},
			map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
				"id": "call_1", "type": "function", "function": map[string]any{"name": "run", "arguments": text}}}},
			map[string]any{"role": "tool", "tool_call_id": "call_1", "content": text},
		}}
	}
	x := chat(t, said("é \""+token+"\"\n"+card+"."))
	if v := judge(f, x); !v.Passed() || x.Sanitized != "secrets" || len(x.Edits) != 8 {
		t.Fatalf("%v, %d edits, sanitized %q", v.Denial, len(x.Edits), x.Sanitized)
	}
	want, _ := json.Marshal(said("é \"[redacted:github_token]\"\n[redacted:card]."))
	if got := forwarded(x); got != string(want) {
		t.Errorf("forwarded %s\nwant      %s", got, want)
	}
	if x = chat(t, said("nothing here")); !judge(f, x).Passed() || len(x.Edits) > 0 || x.Sanitized != "" {
		t.Errorf("clean: %d edits, sanitized %q", len(x.Edits), x.Sanitized)
	}
}

// TestSecretsByMode: block tells the field, shadow changes nothing and notes each kind once, or the one that would have been refused, off does not look.
func TestSecretsByMode(t *testing.T) {
	f := func(rule Secrets, field string, edits, noted int) {
		t.Helper()
		x := chat(t, map[string]any{"model": "m", "messages": []any{
			map[string]any{"role": "user", "content": "hello"}, map[string]any{"role": "user", "content": token + " " + token + " " + card}}})
		v := judge(newFilter(t, Config{Secrets: rule}), x)
		if v.Field != field || len(x.Edits) != edits || len(x.Shadows) != noted || (x.Sanitized != "") != (edits > 0) {
			t.Errorf("%v: field %q, %d edits, noted %v, sanitized %q", rule, v.Field, len(x.Edits), x.Shadows, x.Sanitized)
		}
		if v.Denied() && (v.Denial.Code != "threat_detected" || strings.Contains(v.Excerpt, "ghp_")) {
			t.Errorf("%v: %s %q", rule, v.Denial.Code, v.Excerpt)
		}
	}
	f(secretsRuleOf(Block, filters.Enforce), "messages[1].content", 0, 0)
	f(secretsRuleOf(Sanitize, filters.Enforce), "", 3, 0)
	f(secretsRuleOf(Sanitize, filters.Shadow), "", 0, 2)
	f(secretsRuleOf(Block, filters.Shadow), "", 0, 1)
	f(secretsRuleOf(Sanitize, filters.Off), "", 0, 0)
	rule := secretsRuleOf(Sanitize, filters.Enforce)
	rule.Kinds = []string{"card"}
	f(rule, "", 1, 0)
	rule.In = []string{inAnswers}
	f(rule, "", 0, 0)
}

// TestSecretsElsewhere: bodies that are no JSON of a known shape. What cannot be changed is refused.
func TestSecretsElsewhere(t *testing.T) {
	f := func(request, want, field string) {
		t.Helper()
		engineName := "vllm"
		if strings.HasPrefix(request, "POST /any") {
			engineName = "none"
		}
		x := filterstest.NewFor(t, engineName, request)
		v := judge(newFilter(t, Config{Secrets: secretsRuleOf(Sanitize, filters.Enforce)}), x)
		if v.Denied() != (field != "") || v.Field != field || !v.Denied() && forwarded(x) != want {
			t.Errorf("%s\n%v at %q, forwarded %s", request, v.Denial, v.Field, forwarded(x))
		}
	}
	f("POST /any\nContent-Type: text/plain\n\npay with "+card+"!", "pay with [redacted:card]!", "")
	f("POST /any\nContent-Type: application/json\n\n{\"q\":\"pay\\u0020with "+card+"\"}", "{\"q\":\"pay\\u0020with [redacted:card]\"}", "")
	f("POST /any\nContent-Type: application/x-www-form-urlencoded\n\na=b&q="+url.QueryEscape(card), "", "form.q")
	f("POST /v1/audio/transcriptions\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n"+card+"\r\n--x--\r\n", "", "form.prompt")
}

// TestSecretsBound: more places than can be changed are a refusal, not a pass.
func TestSecretsBound(t *testing.T) {
	x := chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": strings.Repeat("a@b.org ", maxEdits+1)}}})
	if v := judge(newFilter(t, Config{Secrets: secretsRuleOf(Sanitize, filters.Enforce)}), x); !v.Denied() || v.Denial.Status != 400 || v.Rule != "limit" {
		t.Errorf("%v %s", v.Denial, v.Rule)
	}
}

// TestSecretsExcepted: an exception for one field leaves the others as they are.
func TestSecretsExcepted(t *testing.T) {
	f := newFilter(t, Config{Secrets: secretsRuleOf(Sanitize, filters.Enforce), Except: []Exception{{Rule: "secrets-card", Field: "body.messages[0].content"}}})
	x := chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": card}, map[string]any{"role": "user", "content": card}}})
	if v := judge(f, x); !v.Passed() || len(x.Edits) != 1 || len(x.Excepted) != 1 {
		t.Errorf("%v, %d edits", v.Denial, len(x.Edits))
	}
}

// TestSecretsAcrossEscapes: however the prompt is escaped, the forwarded body decodes to the masked text.
func TestSecretsAcrossEscapes(t *testing.T) {
	filter := newFilter(t, Config{Secrets: secretsRuleOf(Sanitize, filters.Enforce)})
	finder, _ := secrets.New([]string{"secret", "personal"})
	parts := []string{token, card, "é", "😀", `"`, `\`, "\n", " ", "a", "ada@example.com", "\x00", "</script>"}
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 8).Draw(rt, "text"), "")
		escaped := rapid.SliceOfN(rapid.Bool(), 1, 16).Draw(rt, "escaped")
		var quoted strings.Builder
		n := 0
		for _, r := range text {
			switch n++; {
			case r > 0xffff:
				fmt.Fprintf(&quoted, `\u%04x\u%04X`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
			case escaped[n%len(escaped)] || r < ' ' || r == '"' || r == '\\':
				fmt.Fprintf(&quoted, `\u%04x`, r)
			default:
				quoted.WriteRune(r)
			}
		}
		x := filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\n\n{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""+quoted.String()+"\"}]}")
		if v := judge(filter, x); !v.Passed() {
			rt.Fatalf("refused: %s", v.Rule)
		}
		var body struct {
			Messages []struct{ Content string }
		}
		if err := json.Unmarshal([]byte(forwarded(x)), &body); err != nil {
			rt.Fatal(err)
		}
		want, at := "", 0
		for _, s := range finder.Find(nil, []byte(text)) {
			want += text[at:s.From] + finder.Label(s.Kind)
			at = s.To
		}
		if want += text[at:]; body.Messages[0].Content != want {
			rt.Fatalf("%q became %q, want %q", text, body.Messages[0].Content, want)
		}
	})
}

// TestSecretsCostNothingOff: with the rule off, and for a clean prompt with it on, nothing is allocated.
func TestSecretsCostNothingOff(t *testing.T) {
	for _, mode := range []filters.Mode{filters.Off, filters.Enforce} {
		f := newFilter(t, Config{Secrets: secretsRuleOf(Sanitize, mode)})
		x := chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": "say \"hello\" to chapter 4, please"}}})
		_ = f.Body(x)
		if n := testing.AllocsPerRun(100, func() {
			if !f.Body(x).Passed() {
				t.Fatal("refused")
			}
		}); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", mode, n)
		}
	}
}
