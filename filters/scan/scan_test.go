package scan

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/filters/scan/detect"
)

func newFilter(t testing.TB, cfg Config) *Filter {
	t.Helper()
	f, err := New(cfg, nil, filterstest.Env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// judge is head, then body.
func judge(f *Filter, x *filters.Exchange) filters.Verdict {
	if v := f.Request(x); !v.Passed() {
		return v
	}
	return f.Body(x)
}

func chat(t *testing.T, body map[string]any) *filters.Exchange {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\n\n"+string(b))
}

// TestPromptsAreFree: what every rule is there to find passes where it is prompt, and is refused in each place that is
// structure, told by that place's name.
func TestPromptsAreFree(t *testing.T) {
	f := newFilter(t, Config{})
	ran := 0
	for _, r := range detect.Rules() {
		for _, attack := range r.Hits {
			ran++
			free(t, f, attack)
			if r.Only == 0 && !strings.ContainsAny(attack, "\r\n\x00") {
				structural(t, f, r.ID, attack)
			}
		}
	}
	if ran < 80 {
		t.Errorf("only %d attacks ran", ran)
	}
}

func free(t *testing.T, f *Filter, attack string) {
	t.Helper()
	x := chat(t, map[string]any{"model": "llama-3", "messages": []any{
		map[string]any{"role": "system", "content": attack},
		map[string]any{"role": "user", "content": []any{map[string]any{"type": "text", "text": attack}}},
		map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
			"id": "call_1", "type": "function", "function": map[string]any{"name": "run", "arguments": attack}}}},
		map[string]any{"role": "tool", "tool_call_id": "call_1", "content": attack},
	}})
	if v := judge(f, x); !v.Passed() {
		t.Errorf("%q is refused in a prompt: %s at %s", attack, v.Rule, v.Field)
	}
}

func structural(t *testing.T, f *Filter, rule, attack string) {
	t.Helper()
	hello := []any{map[string]any{"role": "user", "content": "hello"}}
	places := map[string]*filters.Exchange{
		"query.q":           filterstest.New(t, "GET /v1/models?q="+url.QueryEscape(attack)),
		"user":              chat(t, map[string]any{"model": "llama-3", "user": attack, "messages": hello}),
		"metadata.title":    chat(t, map[string]any{"model": "llama-3", "metadata": map[string]any{"title": attack}, "messages": hello}),
		"metadata.messages": chat(t, map[string]any{"model": "llama-3", "metadata": map[string]any{"messages": attack}, "messages": hello}),
		"body":              filterstest.NewFor(t, "none", "POST /any/thing\nContent-Type: text/plain\n\n"+attack),
	}
	if strings.TrimSpace(attack) == attack {
		places["header.X-Title"] = filterstest.New(t, "GET /v1/models\nX-Title: "+attack)
	}
	for place, x := range places {
		v := judge(f, x)
		if !v.Denied() || v.Denial.Code != filters.ThreatDetected.Code || v.Field != place {
			t.Errorf("%s: %q in %s: %v at %q", rule, attack, place, v.Denial, v.Field)
		}
	}
}

// TestModes: a rule in shadow is noted and refuses nothing; one that is off is not looked for.
func TestModes(t *testing.T) {
	attack := "GET /v1/models?q=" + url.QueryEscape("1' or '1'='1")
	f := func(mode filters.Mode, refused bool, noted int) {
		t.Helper()
		x := filterstest.New(t, attack)
		rule := Rule{Rollout: filters.Rollout{Mode: mode}}
		v := judge(newFilter(t, Config{SQLi: rule}), x)
		if v.Denied() != refused || len(x.Shadows) != noted {
			t.Errorf("%s: refused %v, noted %v", mode, v.Denied(), x.Shadows)
		}
	}
	f(filters.Enforce, true, 0)
	f(filters.Shadow, false, 1)
	f(filters.Off, false, 0)
}

// TestCleanIsRemembered: a header value that was clean is not judged again, and an attack is never remembered as clean.
func TestCleanIsRemembered(t *testing.T) {
	f := newFilter(t, Config{})
	for range 3 {
		if v := judge(f, filterstest.New(t, "GET /v1/models\nUser-Agent: OpenAI/Python 2.8.0\nX-Title: a title")); !v.Passed() {
			t.Fatalf("refused: %s", v.Rule)
		}
		if v := judge(f, filterstest.New(t, "GET /v1/models\nX-Title: <script>alert(1)</script>")); !v.Denied() {
			t.Fatal("an attack passed")
		}
		// Clean in one place is not clean in every place.
		if v := judge(f, filterstest.New(t, "GET /v1/models\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) or 1=1\nX-Title: x")); v.Failed() {
			t.Fatal("could not decide")
		}
	}
}
