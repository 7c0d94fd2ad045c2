package proxy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestHarmlessStructure: harmless values of the structure around prompts reach the model server, each in the place where it is at
// home. A place that begins with ! is refused by now, and says how many such values there are.
func TestHarmlessStructure(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`)
	}))
	defer backend.Close()
	s := serveBefore(t, "version: 1\nupstreams: {model: {engine: vllm, targets: [{url: \"${env:BACKEND}\"}]}}\nfilters: {scan: {behavior: {mode: off}}}\n", backend.URL)
	text, err := os.ReadFile("../filters/scan/detect/testdata/harmless_structure.txt")
	if err != nil {
		t.Fatal(err)
	}
	values, refused := 0, 0
	for line := range strings.Lines(string(text)) {
		place, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			continue // what the list says of itself
		}
		values++
		place, doubtful := strings.CutPrefix(place, "!")
		req, err := harmlessAt(s.url(), place, value)
		if err != nil {
			t.Fatalf("%s %q: %v", place, value, err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s %q: %v", place, value, err)
		}
		answer, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case doubtful:
			refused++
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s %q: got %d; it passes by now", place, value, resp.StatusCode)
			}
		case resp.StatusCode != http.StatusOK:
			t.Errorf("%s %q: got %d %s", place, value, resp.StatusCode, answer)
		}
	}
	if values < 500 || refused > 28 {
		t.Errorf("%d values, %d of them refused", values, refused)
	}
}

// harmlessAt is a request with value in its place: a member of the metadata or of the body, a keyword of the JSON schemas of a tool
// and of the answer, a parameter of a query, or a header.
func harmlessAt(base, place, value string) (*http.Request, error) {
	kind, name, _ := strings.Cut(place, ":")
	switch kind {
	case "query":
		return http.NewRequest("GET", base+"/v1/models?q="+url.QueryEscape(value), nil)
	case "header", "cookie", "agent", "referer":
		req, err := http.NewRequest("GET", base+"/v1/models", nil)
		if err == nil {
			headers := map[string]string{"header": name, "cookie": "Cookie", "agent": "User-Agent", "referer": "Referer"}
			req.Header.Set(headers[kind], value)
		}
		return req, err
	}
	body := map[string]any{"model": "llama-3", "messages": []any{map[string]any{"role": "user", "content": "hello"}}}
	switch kind {
	case "metadata", "user", "model":
		body[kind] = value
		if kind == "metadata" {
			body[kind] = map[string]any{"value": value}
		}
	case "tool":
		body["tools"] = []any{map[string]any{"type": "function", "function": map[string]any{"name": value}}}
	case "schema":
		var of any = value
		if name == "enum" || name == "examples" {
			of = []string{value}
		}
		schema := map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"type": "string", name: of}}}
		body["tools"] = []any{map[string]any{"type": "function", "function": map[string]any{"name": "f", "parameters": schema}}}
		body["response_format"] = map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "answer", "schema": schema}}
	default:
		return nil, fmt.Errorf("no place %q", place)
	}
	text := new(bytes.Buffer)
	e := json.NewEncoder(text)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, err
	}
	req, err := http.NewRequest("POST", base+"/v1/chat/completions", text)
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}
