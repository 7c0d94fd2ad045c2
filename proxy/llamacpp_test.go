package proxy_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// llamaServer stands for a llama.cpp server: it says what it was asked, and generates until its client leaves.
type llamaServer struct {
	*httptest.Server
	asked chan map[string]any
	heads chan http.Header
	left  chan struct{}
}

func newLlamaServer(t *testing.T) *llamaServer {
	l := &llamaServer{asked: make(chan map[string]any, 1), heads: make(chan http.Header, 1), left: make(chan struct{}, 1)}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		l.heads <- r.Header
		l.asked <- body
		if body["stream"] != true {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"index":0,"content":" Paris.","stop":true,"tokens_predicted":3,"tokens_evaluated":5}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for n := 1; r.Context().Err() == nil; n++ {
			_, _ = fmt.Fprintf(w, "data: {\"index\":0,\"content\":\" x\",\"tokens\":[7],\"stop\":false,\"id_slot\":-1,\"tokens_predicted\":%d,\"tokens_evaluated\":5}\n\n", n)
			w.(http.Flusher).Flush()
		}
		l.left <- struct{}{}
	}))
	t.Cleanup(l.Close)
	return l
}

// TestLlamacppCompletion: llama.cpp's own route is bounded under its own name for it, a stream that a budget ends says so in its
// own words, and a client has no way to let the generation go on without it.
func TestLlamacppCompletion(t *testing.T) {
	sum := sha256.Sum256([]byte(sdkKey))
	back := newLlamaServer(t)
	source := strings.Replace(strings.Replace(capPolicy, "engine: vllm", "engine: llamacpp", 1), "limit: 60", "limit: 200", 1)
	s := serveBefore(t, source, back.URL, "HASH=sha256:"+hex.EncodeToString(sum[:]))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	ask := func(body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url()+"/completion", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+sdkKey)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Conversation-Id", "mine")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	resp := ask(`{"prompt":"SELECT 1 FROM t WHERE 1=1 OR 1=1 --","n_predict":-1}`)
	whole, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(whole), "Paris") {
		t.Fatalf("%d %s %v", resp.StatusCode, whole, err)
	}
	if h := <-back.heads; h.Get("X-Conversation-Id") != "" || h.Get("Authorization") != "" {
		t.Errorf("the model server got %v", h)
	}
	if body := <-back.asked; body["n_predict"] == nil || body["n_predict"].(float64) < 1 {
		t.Errorf("the model server was asked for %v", body)
	}
	resp = ask(`{"prompt":"The capital of France is","stream":true}`)
	<-back.heads
	<-back.asked
	var frames []string
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			frames = append(frames, data)
		}
	}
	var last struct {
		Stop      bool   `json:"stop"`
		StopType  string `json:"stop_type"`
		Predicted int    `json:"tokens_predicted"`
		Evaluated int    `json:"tokens_evaluated"`
	}
	if len(frames) < 2 || json.Unmarshal([]byte(frames[len(frames)-1]), &last) != nil {
		t.Fatalf("%d frames", len(frames))
	}
	if !last.Stop || last.StopType != "limit" || last.Predicted != len(frames)-1 || last.Evaluated != 5 || last.Predicted > 200 {
		t.Errorf("%d frames, the last %+v", len(frames), last)
	}
	<-back.left
}
