package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"blaze/proxy"
	"blaze/upstream/demo"
)

// crowd is many clients at work on the proxy, each over a connection that it keeps.
type crowd struct {
	url    string
	client *http.Client
}

func newCrowd(t *testing.T, url string, size int) *crowd {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: size}
	t.Cleanup(transport.CloseIdleConnections)
	return &crowd{url: url, client: &http.Client{Transport: transport, Timeout: 2 * patience}}
}

// ask generates a text under the request id, and returns the answer's own id; "" when it failed or was not whole.
func (c *crowd) ask(id, body string) (answer string, err error) {
	req, err := http.NewRequest("POST", c.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Id", id)
	res, err := c.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		return "", nil
	}
	if stream, ok := bytes.CutPrefix(text, []byte("data: ")); ok {
		if !bytes.HasSuffix(text, []byte("data: [DONE]\n\n")) {
			return "", nil
		}
		text, _, _ = bytes.Cut(stream, []byte("\n"))
	}
	var got struct{ ID string }
	if err := json.Unmarshal(text, &got); err != nil {
		return "", fmt.Errorf("%s: %w", text, err)
	}
	return got.ID, nil
}

// work has so many workers ask one request after another, until each says that it is over, and waits for them.
func work(workers int, each func(n int64) (over bool)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for !each(next.Add(1)) {
			}
		})
	}
	wg.Wait()
}

// reached counts how often each request id reached a backend.
func reached(b *demo.Server) map[string]int {
	ids := map[string]int{}
	for _, r := range b.Requests() {
		if r.Method == "POST" {
			ids[r.Header.Get("X-Request-Id")]++
		}
	}
	return ids
}

// TestManyRequestsFewFail: of 10,000 generations through a backend that refuses 30 % of what it is asked, nearly all
// succeed, with no more retries than the budget has; and the backend began none of them twice.
func TestManyRequestsFewFail(t *testing.T) {
	total, workers := 10_000, 24
	if testing.Short() || raceEnabled {
		total = 1000
	}
	const share = 0.3
	backend := demo.New(demo.Options{Keep: 4 * total, Behavior: demo.Behavior{FailRate: share, FailStatus: 503}})
	t.Cleanup(backend.Close)
	s := serveBefore(t, `
version: 1
upstreams:
  model:
    engine: vllm
    targets: [{url: "${env:BACKEND}"}]
    retry: {attempts: 7, backoff: 1ms, max_backoff: 20ms, budget: 60%}
    breaker: {failure_rate: 80%, over: 30s, min_requests: 50}
filters:
  scan: {behavior: {mode: off}}
`, backend.URL())
	c := newCrowd(t, s.url(), workers)
	var mu sync.Mutex
	answers := map[string]bool{}
	work(workers, func(n int64) bool {
		if n > int64(total) {
			return true
		}
		answer, err := c.ask(fmt.Sprintf("many-%d", n), plain)
		if err != nil {
			t.Errorf("request %d: %v", n, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if answer != "" && answers[answer] {
			t.Errorf("request %d was given an answer that was another's: %s", n, answer)
		}
		answers[answer] = answer != ""
		return false
	})
	delete(answers, "")
	if rate := float64(len(answers)) / float64(total); rate <= 0.995 {
		t.Errorf("%.2f%% succeeded", rate*100)
	}
	// What the backend did not refuse, it began: as many as there were answers, each with its own number. So none was
	// begun twice, though thousands were sent twice.
	sent := backend.Stats().Generations
	refused := int64(float64(sent) * share)
	if begun := sent - refused; begun != int64(len(answers)) {
		t.Errorf("%d generations begun for %d answers", begun, len(answers))
	}
	ids, again := reached(backend), 0
	for _, n := range ids {
		again += n - 1
	}
	if len(ids) != total || int64(total+again) != sent || again < int(share*float64(total)) || again > total*6/10+10 {
		t.Errorf("%d of %d requests reached the backend, %d times again, %d in all", len(ids), total, again, sent)
	}
	t.Logf("%d of %d succeeded, %d retries", len(answers), total, again)
}

// TestTargetKilledAndRestarted: of two targets under load one is killed and comes back. Only what it had accepted fails;
// everything else goes to the other one, and nothing is begun twice.
func TestTargetKilledAndRestarted(t *testing.T) {
	const workers = 24
	behavior := demo.Behavior{Delay: demo.Duration(2 * time.Millisecond), FrameDelay: demo.Duration(time.Millisecond)}
	options := demo.Options{Keep: 1 << 17, Behavior: behavior}
	stays, killed := demo.New(options), demo.New(options)
	t.Cleanup(stays.Close)
	var log buffer
	s := serveAs(t, `
version: 1
upstreams:
  model:
    engine: vllm
    targets: [{url: "${env:BACKEND}"}, {url: "${env:KILLED}"}]
    retry: {attempts: 3, backoff: 1ms, budget: 50%}
    breaker: {failure_rate: 50%, over: 1s, min_requests: 5, open_for: 50ms, probes: 1}
    health: {path: /health, every: 100ms, unhealthy_after: 1, healthy_after: 1}
filters:
  scan: {behavior: {mode: off}}
`, stays.URL(), proxy.Options{}, &log, "KILLED="+killed.URL())
	l := &load{failed: map[string]bool{}, began: map[string]time.Time{}, end: make(chan struct{})}
	var wg sync.WaitGroup
	c := newCrowd(t, s.url(), workers)
	wg.Go(func() { work(workers, func(n int64) bool { return l.one(t, c, n) }) })
	more := func(b *demo.Server, n int64) {
		t.Helper()
		from := b.Stats().Completed
		waitFor(t, "the target finishes more", func() bool { return b.Stats().Completed >= from+n })
	}
	more(killed, 200)
	killed.Close()
	dead := time.Now()
	more(stays, 400)
	back, err := demo.Listen(demo.Options{Addr: killed.Addr(), Keep: options.Keep, Behavior: behavior})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	more(back, 200)
	close(l.end)
	wg.Wait()

	if len(l.failed) == 0 || len(l.failed) > workers {
		t.Errorf("%d requests failed; no more than the %d in flight may, and of those some must", len(l.failed), workers)
	}
	l.judge(t, logged(t, &log), killed.URL(), dead, reached(killed), reached(stays), reached(back))
}

// load is what became of the requests of a crowd.
type load struct {
	end    chan struct{}
	mu     sync.Mutex
	failed map[string]bool      // guarded by mu
	began  map[string]time.Time // guarded by mu
}

// one asks the nth request, every second one for a stream.
func (l *load) one(t *testing.T, c *crowd, n int64) (over bool) {
	id, body := fmt.Sprintf("kill-%d", n), plain
	if n%2 == 0 {
		body = streamed
	}
	l.mu.Lock()
	l.began[id] = time.Now()
	l.mu.Unlock()
	answer, err := c.ask(id, body)
	if err != nil {
		t.Errorf("%s: %v", id, err)
	}
	if answer == "" {
		l.mu.Lock()
		l.failed[id] = true
		l.mu.Unlock()
	}
	select {
	case <-l.end:
		return true
	default:
		return false
	}
}

// judge wants each failed request to have been at the target that was killed, before it was dead, and at no other; and
// all others to have been begun once.
func (l *load) judge(t *testing.T, target map[string]string, killed string, dead time.Time, there, elsewhere, later map[string]int) {
	t.Helper()
	unread := 0
	for id := range l.failed {
		if target[id] != killed || l.began[id].After(dead) || elsewhere[id]+later[id] != 0 {
			t.Errorf("%s failed at %s, begun %v before the target was dead; asked elsewhere: %d, %d times", id, target[id], dead.Sub(l.began[id]), elsewhere[id], later[id])
		}
		if there[id] == 0 {
			unread++ // its kernel had acknowledged it, and only it knows that the process had not read it
		}
	}
	for id := range l.began {
		if n := there[id] + elsewhere[id] + later[id]; n != 1 && (n != 0 || !l.failed[id]) {
			t.Errorf("%s was begun %d times", id, n)
		}
	}
	t.Logf("%d requests, %d failed, %d of them accepted and not yet read", len(l.began), len(l.failed), unread)
}

// buffer is a log in memory.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// logged is the target that each exchange's log line names.
func logged(t *testing.T, b *buffer) map[string]string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	targets := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(b.text.Bytes())); lines.Scan(); {
		var line struct {
			ID     string `json:"request_id"`
			Target string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.ID != "" {
			targets[line.ID] = line.Target
		}
	}
	return targets
}
