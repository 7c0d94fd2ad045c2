package proxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
)

const (
	watchedToken = "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"
	watchPolicy  = `
version: 1
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters: {scan: {secrets: %s}}
`
)

// watching serves a policy with that secrets rule before an upstream that answers as answer does.
func watching(t *testing.T, rule string, answer http.HandlerFunc) *served {
	t.Helper()
	backend := httptest.NewServer(answer)
	t.Cleanup(backend.Close)
	return serveBefore(t, fmt.Sprintf(watchPolicy, rule), backend.URL)
}

// saying sends body in pieces, each flushed, with the header fields given as name: value.
func saying(pieces []string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			w.Header().Set(name, value)
		}
		for _, p := range pieces {
			_, _ = io.WriteString(w, p)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// asked is the raw answer to a chat request.
func asked(t *testing.T, s *served, version string) (head, body string, err error) {
	t.Helper()
	c := dial(t, s.addr)
	const request = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
	_, _ = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/%s\r\nHost: x\r\nAccept-Encoding: gzip\r\nRange: bytes=0-9\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", version, len(request), request)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	var h bytes.Buffer
	_, _ = fmt.Fprintf(&h, "%d\n", res.StatusCode)
	_ = res.Header.Write(&h)
	return h.String() + fmt.Sprint("length ", res.ContentLength), string(b), err
}

func event(text string) string {
	return `data: {"choices":[{"index":0,"delta":{"content":"` + text + `"}}]}` + "\n\n"
}

// TestWatchedAnswers: what leaves, by rule and by the form of the answer.
func TestWatchedAnswers(t *testing.T) {
	ran := 0
	f := func(rule, version string, answer http.HandlerFunc, wantHead, wantBody string) {
		t.Helper()
		ran++
		head, body, err := asked(t, watching(t, rule, answer), version)
		if !strings.Contains(head, wantHead) || body != wantBody {
			t.Errorf("%s: head %s\nwant %q; body %q (%v)\nwant %q", rule, head, wantHead, body, err, wantBody)
		}
	}
	const hide, block, shadow = "{mode: enforce, in: [answers]}", "{mode: enforce, action: block}", "{mode: shadow}"
	const label = "[redacted:github_token]"
	stream := []string{event("it is "), event(watchedToken[:20]), event(watchedToken[20:] + "."), "data: [DONE]\n\n"}
	sse, js := "Content-Type: text/event-stream", "Content-Type: application/json"
	whole := `{"choices":[{"message":{"content":"` + watchedToken + `"}}]}`
	hidden := strings.ReplaceAll(whole, watchedToken, label)
	sized := func(body string) []string {
		return []string{js, fmt.Sprint("Content-Length: ", len(body)), "Content-Digest: sha-256=:x:"}
	}

	f(hide, "1.1", saying(stream, sse), "200\n", event("it is ")+event(label)+event(".")+"data: [DONE]\n\n")
	f(hide, "1.1", saying(stream, "Content-Type: Text/Event-Stream"), "200\n", event("it is ")+event(label)+event(".")+"data: [DONE]\n\n")
	f(hide, "1.0", saying(stream, sse), "200\n", event("it is ")+event(label)+event(".")+"data: [DONE]\n\n")
	f(shadow, "1.1", saying(stream, sse), "200\n", strings.Join(stream, ""))
	refusal := `{"error":{"message":"The answer was withheld: a part of it looks like a secret or personal data.","type":"permission_error","param":null,"code":"threat_detected"}}`
	f(block, "1.1", saying(stream, sse), "200\n", event("it is ")+"data: "+refusal+"\n\n")

	f(hide, "1.1", saying([]string{whole}, sized(whole)...), "X-Blaze-Sanitized: secrets\r\nX-Request-Id", hidden)
	f(hide, "1.1", saying([]string{whole}, sized(whole)...), fmt.Sprint("length ", len(hidden)), hidden)
	f(hide, "1.1", saying([]string{whole[:40], whole[40:]}, js), "length -1", hidden)
	f(hide, "1.0", saying([]string{whole[:40], whole[40:]}, js), fmt.Sprint("length ", len(hidden)), hidden)
	f(shadow, "1.1", saying([]string{whole}, sized(whole)...), "Content-Digest: sha-256=:x:", whole)
	f(shadow, "1.1", saying([]string{whole}, sized(whole)...), fmt.Sprint("length ", len(whole)), whole)
	f(block, "1.1", saying([]string{whole}, sized(whole)...), "403\n", refusal)

	// Text of no known form, and sound, which is nobody's text.
	f(hide, "1.1", saying([]string{"key " + watchedToken[:9], watchedToken[9:] + " ok"}, "Content-Type: text/plain"), "200\n", "key "+label+" ok")
	f(hide, "1.1", saying([]string{watchedToken}, "Content-Type: audio/mpeg"), "200\n", watchedToken)

	// Compressed although it was asked not to be: nobody can look, so nobody gets it. In shadow it passes.
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, whole)
	_ = z.Close()
	f(hide, "1.1", saying([]string{zipped.String()}, js, "Content-Encoding: gzip"), "502\n",
		`{"error":{"message":"The model server's answer could not be used.","type":"server_error","param":null,"code":"upstream_error"}}`)
	f(shadow, "1.1", saying([]string{zipped.String()}, js, "Content-Encoding: gzip"), "Content-Encoding: gzip", zipped.String())
	if ran < 16 {
		t.Errorf("ran %d cases", ran)
	}
}

// TestWatchedRequests: whoever has to read the answer asks for one that can be read; in shadow no byte changes.
func TestWatchedRequests(t *testing.T) {
	f := func(rule, encoding, ranges string) {
		t.Helper()
		var got http.Header
		s := watching(t, rule, func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Clone()
			w.WriteHeader(200)
		})
		_, _, _ = asked(t, s, "1.1")
		if got.Get("Accept-Encoding") != encoding || got.Get("Range") != ranges {
			t.Errorf("%s: asked for %q, range %q", rule, got.Get("Accept-Encoding"), got.Get("Range"))
		}
	}
	f("{mode: enforce}", "identity", "")
	f("{mode: enforce, in: [prompts]}", "gzip", "bytes=0-9")
	f("{mode: shadow}", "gzip", "bytes=0-9")
}

// TestWatchedLargeAnswers: an answer that is too long to be held leaves as it comes, and whole.
func TestWatchedLargeAnswers(t *testing.T) {
	filler := strings.Repeat("lorem ipsum ", 150000)
	body := `{"data":[0.1,0.2],"a":"` + filler + watchedToken + `","b":"` + filler + `"}`
	_, got, err := asked(t, watching(t, "{mode: enforce}", saying([]string{body[:1799000], body[1799000:1800050], body[1800050:]}, "Content-Type: application/json")), "1.1")
	if want := strings.ReplaceAll(body, watchedToken, "[redacted:github_token]"); err != nil || got != want {
		t.Errorf("%d bytes, want %d: %v", len(got), len(want), err)
	}
}

// TestSDKReadsAWatchedStream: the official client puts a stream together from which something was taken, usage and all.
func TestSDKReadsAWatchedStream(t *testing.T) {
	s := serve(t, fmt.Sprintf(watchPolicy, "{mode: enforce, in: [answers]}"))
	c := clientOf(t, s)
	p := chat("my token is " + watchedToken + " and mail is ada@example.com")
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	defer func() { _ = stream.Close() }()
	acc := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			t.Fatal("the SDK cannot put a chunk to the others")
		}
	}
	const want = "You said: my token is [redacted:github_token] and mail is [redacted:email]"
	if stream.Err() != nil || acc.Choices[0].Message.Content != want || acc.Choices[0].FinishReason != "stop" {
		t.Fatalf("%v, %+v", stream.Err(), acc.Choices)
	}
	if acc.Usage.CompletionTokens != 10 || acc.Usage.TotalTokens != 18 {
		t.Errorf("usage %+v", acc.Usage)
	}
}
