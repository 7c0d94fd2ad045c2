package proxy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"blaze/upstream/demo"
)

// TestCapLeavesTheModelServer: at a hard cap the model server's connection ends by itself. The server is held before each
// frame and let go by one at a time, so that after the last it writes nothing that could fail: it learns of the end as an
// engine in the midst of a long computation does. How long that takes is BenchmarkCap's matter, in bench.
func TestCapLeavesTheModelServer(t *testing.T) {
	sum := sha256.Sum256([]byte(sdkKey))
	s := serve(t, capPolicy, "HASH=sha256:"+hex.EncodeToString(sum[:]))
	s.backend.Behave(demo.Behavior{Tokens: 100_000, Overrun: true, Hold: "frames"})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", s.url()+"/v1/chat/completions",
		strings.NewReader(`{"model":"demo-small","stream":true,"messages":[{"role":"user","content":"hello there"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+sdkKey)
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	events, last := 0, ""
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			break
		}
		if events, last = events+1, data; strings.Contains(data, `"finish_reason":null`) {
			s.backend.Step(1)
		}
	}
	if events < 3 || events > 62 || !strings.Contains(last, `"finish_reason":"length"`) {
		t.Errorf("%d events of a budget of 60, the last %s", events, last)
	}
	if st, err := s.backend.Await(ctx, func(st demo.Stats) bool { return st.Aborted == 1 && st.InFlight == 0 }); err != nil {
		t.Errorf("the model server, which writes nothing, does not learn that it may stop: %+v", st)
	}
}
