package scan

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/filters/scan/detect"
	"blaze/upstream/engine"
)

// structuralPlace is where an attack can stand outside of a prompt.
type structuralPlace struct {
	name  string // as the refusal names it
	place detect.Place
	put   func(t *testing.T, attack string) *filters.Exchange // nil when it cannot stand there
}

// one is a body with one member beside what a chat needs.
func one(t *testing.T, key string, value any) *filters.Exchange {
	t.Helper()
	body := map[string]any{"model": "llama-3", "messages": []any{map[string]any{"role": "user", "content": "hello"}}}
	body[key] = value
	return chat(t, body)
}

func structuralPlaces() []structuralPlace {
	return []structuralPlace{
		{"path", detect.Row, inPath},
		{"query.q", detect.Query, func(t *testing.T, a string) *filters.Exchange {
			return filterstest.New(t, "GET /v1/models?q="+url.QueryEscape(a))
		}},
		{"header.X-Title", detect.Row, func(t *testing.T, a string) *filters.Exchange {
			if strings.ContainsAny(a, "\r\n\x00") || strings.TrimSpace(a) != a {
				return nil // no header can hold it
			}
			return filterstest.New(t, "GET /v1/models\nX-Title: "+a)
		}},
		{"cookie.session", detect.Row, func(t *testing.T, a string) *filters.Exchange {
			return filterstest.New(t, "GET /v1/models\nCookie: session="+url.PathEscape(a))
		}},
		{"form.q", detect.Field, func(t *testing.T, a string) *filters.Exchange {
			return filterstest.NewFor(t, "none", "POST /any\nContent-Type: application/x-www-form-urlencoded\n\nq="+url.QueryEscape(a))
		}},
		{"form.q", detect.Field, inMultipart},
		{"model", detect.Field, func(t *testing.T, a string) *filters.Exchange { return one(t, "model", a) }},
		{"user", detect.Field, func(t *testing.T, a string) *filters.Exchange { return one(t, "user", a) }},
		{"metadata.title", detect.Field, func(t *testing.T, a string) *filters.Exchange {
			return one(t, "metadata", map[string]any{"title": a})
		}},
		{"metadata.content", detect.Field, func(t *testing.T, a string) *filters.Exchange {
			return one(t, "metadata", map[string]any{"content": a})
		}},
		{"metadata.messages[0].content", detect.Field, func(t *testing.T, a string) *filters.Exchange {
			return one(t, "metadata", map[string]any{"messages": []any{map[string]any{"role": "user", "content": a}}})
		}},
		{"metadata", detect.Field, func(t *testing.T, a string) *filters.Exchange {
			return one(t, "metadata", map[string]any{a: "x"})
		}},
		{"tools[0].function.name", detect.Field, func(t *testing.T, a string) *filters.Exchange {
			return one(t, "tools", []any{map[string]any{"type": "function", "function": map[string]any{"name": a}}})
		}},
		{"body", detect.Field, func(t *testing.T, a string) *filters.Exchange {
			return filterstest.NewFor(t, "none", "POST /any/thing\nContent-Type: text/plain\n\n"+a)
		}},
	}
}

func inPath(t *testing.T, a string) *filters.Exchange {
	target := "/v1/responses/" + strings.ReplaceAll(url.QueryEscape(a), "+", "%20")
	if new(engine.Path).Parse([]byte(target)) != nil {
		return nil // no path: refused before it is scanned
	}
	return filterstest.New(t, "GET "+target)
}

func inMultipart(t *testing.T, a string) *filters.Exchange {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.WriteField("q", a); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	x := filterstest.NewFor(t, "none", "POST /any\nContent-Type: "+w.FormDataContentType())
	x.Body = body.Bytes()
	return x
}

// TestEveryRuleInEveryPlace: what each rule is there to find is refused in each place that is structure, told by that
// place's name.
func TestEveryRuleInEveryPlace(t *testing.T) {
	f := newFilter(t, Config{})
	perPlace := map[string]int{}
	attacks := 0
	for _, r := range detect.Rules() {
		asked := 0
		for _, attack := range r.Hits {
			attacks++
			for _, p := range structuralPlaces() {
				if !r.Only.Has(p.place) {
					continue
				}
				x := p.put(t, attack)
				if x == nil {
					continue
				}
				asked++
				perPlace[p.name]++
				v := judge(f, x)
				if !v.Denied() || v.Denial.Code != filters.ThreatDetected.Code || !strings.HasPrefix(v.Field, p.name) {
					t.Errorf("%s: %q in %s: %v at %q", r.ID, attack, p.name, v.Denial, v.Field)
				}
			}
		}
		if r.Only == 0 && asked < 10 {
			t.Errorf("%s was asked in %d places", r.ID, asked)
		}
	}
	for _, p := range structuralPlaces() {
		least := attacks * 3 / 4
		if p.name == "path" { // many are no path: refused before they are scanned
			least = attacks / 2
		}
		if perPlace[p.name] < least {
			t.Errorf("%s saw %d of %d attacks", p.name, perPlace[p.name], attacks)
		}
	}
	if attacks < 150 {
		t.Errorf("only %d attacks ran", attacks)
	}
	t.Logf("%d attacks of %d rules; by place %v", attacks, len(detect.Rules()), perPlace)
}

// prompts are the places of prompt text, by route, in the shapes of the engines; %s is a JSON string.
func prompts() map[string][]string {
	return map[string][]string{
		"vllm POST /v1/chat/completions": {
			`{"model":"m","messages":[{"role":"system","content":%s}]}`,
			`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":%s}]}]}`,
			`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"run","arguments":%s}}]}]}`,
			`{"model":"m","messages":[{"role":"tool","tool_call_id":"c","content":%s}]}`,
			`{"model":"m","messages":[],"stop":%s}`,
			`{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"run","description":%s}}]}`,
			`{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"run","parameters":{"type":"object","properties":{"q":{"type":"string","description":%s}}}}}]}`,
		},
		"vllm POST /v1/completions": {`{"model":"m","prompt":%s}`, `{"model":"m","prompt":[%s]}`},
		"vllm POST /v1/embeddings":  {`{"model":"m","input":%s}`, `{"model":"m","input":["a",%s]}`},
		"vllm POST /v1/responses":   {`{"model":"m","input":%s}`, `{"model":"m","input":"x","instructions":%s}`},
		"vllm POST /v1/messages":    {`{"model":"m","system":%s,"messages":[]}`, `{"model":"m","messages":[{"role":"user","content":%s}]}`},
		"ollama POST /api/generate": {`{"model":"m","prompt":%s}`, `{"model":"m","prompt":"x","system":%s}`},
		"ollama POST /api/chat":     {`{"model":"m","messages":[{"role":"user","content":%s}]}`},
		"ollama POST /api/embed":    {`{"model":"m","input":%s}`},
		"tgi POST /generate":        {`{"inputs":%s}`},
		"sglang POST /generate":     {`{"text":%s}`},
		"llamacpp POST /completion": {
			`{"prompt":%s}`, `{"prompt":["a",%s]}`, `{"prompt":[[1,%s]]}`, `{"prompt":{"prompt_string":%s,"multimodal_data":["aGk="]}}`,
			`{"prompt":"x","grammar":%s}`, `{"prompt":"x","dry_sequence_breakers":[%s]}`,
		},
		"llamacpp POST /infill":        {`{"input_prefix":%s}`, `{"input_suffix":%s}`, `{"input_extra":[{"filename":"a.c","text":%s}]}`},
		"llamacpp POST /tokenize":      {`{"content":%s}`},
		"llamacpp POST /embedding":     {`{"content":%s}`, `{"input":[{"content":[{"type":"text","text":%s}]}]}`},
		"llamacpp POST /rerank":        {`{"query":"x","texts":[%s]}`},
		"openai POST /v1/audio/speech": {`{"model":"m","input":%s,"voice":"v"}`},
	}
}

// TestPromptsAreFree: what every rule is there to find passes where it is prompt, in every shape.
func TestPromptsAreFree(t *testing.T) {
	f := newFilter(t, Config{})
	ran, attacks := 0, 0
	for _, r := range detect.Rules() {
		for _, attack := range r.Hits {
			attacks++
			quoted, err := json.Marshal(attack)
			if err != nil {
				t.Fatal(err)
			}
			for route, bodies := range prompts() {
				name, line, _ := strings.Cut(route, " ")
				for _, body := range bodies {
					ran++
					x := filterstest.NewFor(t, name, line+"\nContent-Type: application/json\n\n"+strings.ReplaceAll(body, "%s", string(quoted)))
					if x.Endpoint == nil || !x.HasDocument {
						t.Fatalf("%s: no such route, or no JSON: %s", route, body)
					}
					if v := judge(f, x); !v.Passed() {
						t.Errorf("%s: %q is refused in a prompt: %s at %s", route, attack, v.Rule, v.Field)
					}
				}
			}
		}
	}
	if attacks < 150 || ran != attacks*35 {
		t.Errorf("%d attacks, %d requests", attacks, ran)
	}
}
