package proxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"blaze/upstream/demo"
)

// overloaded has a place for sixteen, as the model server has.
const overloaded = `version: 1
upstreams:
  model:
    engine: vllm
    targets: [{url: "${env:BACKEND}"}]
    concurrency: {max: 16}
    queue: {depth: 256, max_wait: 5m, priority: {gold: 100, silver: 50, free: 10}}
filters:
  auth: {api_keys: [KEYS]}
  authz: {roles: {user: {routes: [inference], models: ["*"]}}}
`

// overloadKeys lists an API key for each tier, whose text is the tier's name and more.
func overloadKeys(tiers ...string) string {
	var list []string
	for _, tier := range tiers {
		sum := sha256.Sum256([]byte(tierKey(tier)))
		list = append(list, fmt.Sprintf(`{id: %s, hash: "sha256:%s", subject: %s, roles: [user], tier: %s}`, tier, hex.EncodeToString(sum[:]), tier, tier))
	}
	return strings.Join(list, ", ")
}

func tierKey(tier string) string { return "sk-overload-test-key-of-" + tier }

// TestOverloadServesTheTopTierFirst: sixteen places are taken and three times as many wait, the lowest tier since longest. As
// places come free one by one, the top tier goes first, but for each tenth place, which is whose that has waited longest, so
// that the lowest tier gets on. Nothing here is timed: what counts is the order in which the model server hears of them.
func TestOverloadServesTheTopTierFirst(t *testing.T) {
	const slots, each = 16, 16
	tiers := []string{"free", "silver", "gold"}
	s := serve(t, strings.Replace(overloaded, "KEYS", overloadKeys(tiers...), 1))
	s.backend.Behave(demo.Behavior{Hold: "head"})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var clients sync.WaitGroup
	defer clients.Wait()
	ask := func(tier string) {
		clients.Go(func() { s.chatAs(t, tier) })
	}
	await := func(n int64) {
		if st, err := s.backend.Await(ctx, func(st demo.Stats) bool { return st.Generations == n }); err != nil {
			t.Fatalf("the backend has heard of %d requests; want %d", st.Generations, n)
		}
	}
	for range slots {
		ask("silver")
	}
	await(slots)
	for i, tier := range tiers {
		for range each {
			ask(tier)
		}
		s.awaitMetric(ctx, t, fmt.Sprintf(`blaze_queue_depth{upstream="model"} %d`, (i+1)*each))
	}
	var order []string
	for n := range 3 * each {
		s.backend.Step(1)
		await(int64(slots + n + 1))
		all := s.backend.Requests()
		order = append(order, all[len(all)-1].Header.Get("X-Tier"))
	}
	s.backend.Step(slots)
	first := strings.Join(order[:each+2], " ")
	if n := strings.Count(first, "gold"); n < each-1 {
		t.Errorf("%d of %d of the top tier are among the first %d: %s", n, each, each+2, first)
	}
	if n := strings.Count(first, "free"); n != 1 {
		t.Errorf("%d of the lowest tier are among the first %d; want one: %s", n, each+2, first)
	}
	if n := strings.Count(strings.Join(order[:2*each+4], " "), "free"); n < 3 {
		t.Errorf("%d of the lowest tier are among the first %d", n, 2*each+4)
	}
}

// chatAs sends one request of a tier; it must be answered with 200.
func (s *served) chatAs(t *testing.T, tier string) {
	body := `{"model":"demo-small","messages":[{"role":"user","content":"hello"}]}`
	req, _ := http.NewRequest("POST", s.url()+"/v1/chat/completions", strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+tierKey(tier))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Tier", tier)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("a request of tier %s was answered with %d", tier, res.StatusCode)
	}
}

// awaitMetric waits until the metrics hold the line.
func (s *served) awaitMetric(ctx context.Context, t *testing.T, line string) {
	t.Helper()
	for {
		var text bytes.Buffer
		if err := s.tel.WritePrometheus(&text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), "\n"+line+"\n") {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the metrics never said %s", line)
		}
	}
}
