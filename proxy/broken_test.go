package proxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBrokenStreamsInEveryWord: a stream that breaks off says so in the words that its client heeds, on a line of its own, and is
// cut: Anthropic's clients pass over an event that is not called an error, and Ollama's take a line whose error is a text.
func TestBrokenStreamsInEveryWord(t *testing.T) {
	f := func(engine, path, kind, piece, want string) {
		t.Helper()
		back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, piece)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		defer back.Close()
		s := serveBefore(t, "version: 1\nupstreams: {model: {engine: "+engine+", targets: [{url: \"${env:BACKEND}\"}]}}\n", back.URL)
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url()+path, strings.NewReader(`{"model":"m","stream":true}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		got, err := io.ReadAll(resp.Body)
		if string(got) != want || err != io.ErrUnexpectedEOF {
			t.Errorf("%s %s: %v\nwant %q\ngot  %q", engine, path, err, want, got)
		}
	}
	const (
		text   = `"The model server's answer could not be used."`
		object = `{"error":{"message":` + text + `,"type":"server_error","param":null,"code":"upstream_error"}`
		lines  = "application/x-ndjson"
		events = "text/event-stream"
	)
	f("openai", "/v1/chat/completions", events, "data: {}\n\n", "data: {}\n\ndata: "+object+"}\n\n")
	f("openai", "/v1/messages", events, "event: ping\ndata: {\"type\":\"ping\"}\n\n",
		"event: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: "+object+",\"type\":\"error\"}\n\n")
	f("ollama", "/api/chat", lines, "{\"done\":false}\n", "{\"done\":false}\n{\"error\":"+text+"}\n")
	f("ollama", "/api/generate", lines, "{\"done\":false}\n{\"resp", "{\"done\":false}\n{\"resp\n{\"error\":"+text+"}\n")
}
