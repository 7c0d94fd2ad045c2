package proxy_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"blaze/upstream/demo"
)

const capPolicy = `
version: 1
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters:
  auth: {api_keys: [{id: sdk, hash: "${env:HASH}", subject: ada, roles: [user], tenant: acme}]}
  authz: {roles: {user: {routes: [inference], models: [demo-small]}}}
  ratelimit:
    limits: [{name: budget, by: tenant, algorithm: fixed_window, limit: 60, per: 700h, count: tokens, hard: true}]
`

// TestSDKReadsAnAnswerThatTheBudgetEnds: the SDK finds nothing wrong with a stream that a hard limit has cut: a finish reason of
// length, usage because it asked for it, no error. The model server, which would go on for ever, is left.
func TestSDKReadsAnAnswerThatTheBudgetEnds(t *testing.T) {
	sum := sha256.Sum256([]byte(sdkKey))
	s := serve(t, capPolicy, "HASH=sha256:"+hex.EncodeToString(sum[:]))
	s.backend.Behave(demo.Behavior{Tokens: 100_000, Overrun: true, FrameDelay: demo.Duration(1e6)})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := openai.NewClient(option.WithBaseURL(s.url()+"/v1"), option.WithAPIKey(sdkKey), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: transport}))
	p := chat("hello there")
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	defer func() { _ = stream.Close() }()
	acc := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			t.Fatal("the SDK cannot put a chunk to the others")
		}
	}
	if err := stream.Err(); err != nil || len(acc.Choices) != 1 || acc.Choices[0].FinishReason != "length" {
		t.Fatalf("%v, %+v", err, acc.Choices)
	}
	if acc.Usage.CompletionTokens == 0 || acc.Usage.TotalTokens > 60 {
		t.Errorf("usage %+v of a budget of 60", acc.Usage)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if st, err := s.backend.Await(ctx, func(st demo.Stats) bool { return st.Aborted == 1 && st.InFlight == 0 }); err != nil {
		t.Errorf("the model server works on: %+v", st)
	}
}
