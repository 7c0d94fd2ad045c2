package proxy_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"blaze/upstream/demo"
)

const sdkKey = "sk-sdk-0123456789abcdef0123456789abcdef"

const sdkPolicy = `
version: 1
upstreams:
  model:
    engine: vllm
    targets: [{url: "${env:BACKEND}"}]
    breaker: {failure_rate: 50%, over: 30s, min_requests: 2, open_for: 1h, probes: 1}
filters:
  access: {deny: [203.0.113.0/24]}
  auth:
    required: true
    api_keys:
      - {id: sdk, hash: "${env:HASH}", subject: ada, roles: [user]}
  authz:
    roles: {user: {routes: [inference, utility], models: [demo-small, embedder]}}
  ratelimit:
    limits: [{name: embeddings, by: user, algorithm: token_bucket, limit: 1, per: 1h, then: reject, for: {models: [embedder]}}]
`

// sdk is the official OpenAI client before a proxy of its own.
func sdk(t *testing.T, opts ...option.RequestOption) (openai.Client, *served) {
	t.Helper()
	sum := sha256.Sum256([]byte(sdkKey))
	s := serve(t, sdkPolicy, "HASH=sha256:"+hex.EncodeToString(sum[:]))
	return clientOf(t, s, opts...), s
}

// clientOf is the official client of a proxy.
func clientOf(t *testing.T, s *served, opts ...option.RequestOption) openai.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	base := []option.RequestOption{
		option.WithBaseURL(s.url() + "/v1"), option.WithAPIKey(sdkKey), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: transport}),
	}
	return openai.NewClient(append(base, opts...)...)
}

func chat(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "demo-small", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func TestSDKChat(t *testing.T) {
	c, _ := sdk(t)
	res, err := c.Chat.Completions.New(t.Context(), chat("hello there"))
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Choices[0].Message.Content; got != "You said: hello there" || res.Usage.TotalTokens != 6 {
		t.Fatalf("got %q, usage %+v", got, res.Usage)
	}
}

func TestSDKStream(t *testing.T) {
	f := func(includeUsage bool) {
		t.Helper()
		c, _ := sdk(t)
		p := chat("hello there")
		if includeUsage {
			p.StreamOptions.IncludeUsage = openai.Bool(true)
		}
		stream := c.Chat.Completions.NewStreaming(t.Context(), p)
		defer func() { _ = stream.Close() }()
		acc := openai.ChatCompletionAccumulator{}
		chunks := 0
		for stream.Next() {
			chunks++
			if !acc.AddChunk(stream.Current()) {
				t.Fatal("the SDK cannot put a chunk to the others")
			}
		}
		if stream.Err() != nil || acc.Choices[0].Message.Content != "You said: hello there" || acc.Choices[0].FinishReason != "stop" {
			t.Fatalf("after %d chunks: %v, %+v", chunks, stream.Err(), acc.Choices)
		}
		// Who did not ask for the usage must not be shown it, though Blaze asks the engine for it.
		if want := map[bool]int64{true: 6}[includeUsage]; acc.Usage.TotalTokens != want {
			t.Errorf("include_usage %v: usage %+v", includeUsage, acc.Usage)
		}
	}
	f(true)
	f(false)
}

func TestSDKEmbeddingsAndModels(t *testing.T) {
	c, _ := sdk(t)
	e, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: "demo-small", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}, Dimensions: openai.Int(8),
	})
	if err != nil || len(e.Data) != 2 || len(e.Data[1].Embedding) != 8 {
		t.Fatalf("embeddings %+v: %v", e, err)
	}
	m, err := c.Models.List(t.Context())
	if err != nil || len(m.Data) != 2 || m.Data[0].ID != "demo-small" {
		t.Fatalf("models %+v: %v", m, err)
	}
}

func TestSDKAbortsMidStream(t *testing.T) {
	c, s := sdk(t, option.WithHeader("x-demo-hold", "frames"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	call, abort := context.WithCancel(ctx)
	stream := c.Chat.Completions.NewStreaming(call, chat("hello there"))
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	abort()
	_ = stream.Close()
	if st, err := s.backend.Await(ctx, func(st demo.Stats) bool { return st.Aborted == 1 && st.InFlight == 0 }); err != nil {
		t.Fatalf("the backend goes on: %+v", st)
	}
}

// TestSDKErrors: the SDK raises its error with the status and code by which programs tell refusals apart, and it is told
// which of them are worth another try.
func TestSDKErrors(t *testing.T) {
	ran := 0
	f := func(status int, code string, retry bool, ask func(c openai.Client) error, opts ...option.RequestOption) {
		t.Helper()
		ran++
		c, _ := sdk(t, opts...)
		err := ask(c)
		var e *openai.Error
		if !errors.As(err, &e) {
			t.Errorf("%d %s: got %v", status, code, err)
			return
		}
		if e.StatusCode != status || e.Code != code || e.Message == "" || e.Type == "" {
			t.Errorf("want %d %s, got %d %+v", status, code, e.StatusCode, e)
		}
		if told := e.Response.Header.Get("x-should-retry") != "false"; told != retry {
			t.Errorf("%s: is another try worth it? told %v, want %v", code, told, retry)
		}
		if e.Response.Header.Get("x-request-id") == "" {
			t.Errorf("%s: no request id", code)
		}
	}
	say := func(c openai.Client) error {
		_, err := c.Chat.Completions.New(t.Context(), chat("hi"))
		return err
	}
	f(401, "invalid_api_key", false, say, option.WithAPIKey("sk-wrong-0123456789abcdef0123456789abcdef"))
	f(403, "model_not_allowed", false, func(c openai.Client) error {
		p := chat("hi")
		p.Model = "demo-large"
		_, err := c.Chat.Completions.New(t.Context(), p)
		return err
	})
	f(404, "unknown_route", false, func(c openai.Client) error { return c.Get(t.Context(), "nothing/here", nil, nil) })
	f(429, "rate_limit_exceeded", true, func(c openai.Client) error {
		embed := openai.EmbeddingNewParams{Model: "embedder", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("a")}}
		_, _ = c.Embeddings.New(t.Context(), embed)
		_, err := c.Embeddings.New(t.Context(), embed)
		return err
	})
	f(503, "upstream_unavailable", true, func(c openai.Client) error {
		for range 2 {
			_ = say(c)
		}
		return say(c)
	}, option.WithHeader("x-demo-status", "500"))
	if ran != 5 {
		t.Fatalf("ran %d cases", ran)
	}
}

// TestSDKSeesABrokenStream: an error event in the stream becomes the SDK's error, not the end of a short text.
func TestSDKSeesABrokenStream(t *testing.T) {
	c, _ := sdk(t, option.WithHeader("x-demo-cut-after", "2"))
	stream := c.Chat.Completions.NewStreaming(t.Context(), chat("hello there"))
	defer func() { _ = stream.Close() }()
	for stream.Next() {
	}
	if stream.Err() == nil {
		t.Fatal("the SDK takes a part of the answer for the whole")
	}
}
