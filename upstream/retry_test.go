package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func retryPolicy() *Retry {
	return &Retry{Attempts: 3, Backoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, Jitter: 0.2, On: []Condition{onConnect, 429, 502, 503, 504}, Budget: 1}
}

// inTurn answers the first requests with answers, then with the last of them for ever.
func inTurn(answers ...string) func(b *backend, c net.Conn) {
	return func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); b.request(r) != ""; {
			a := answers[min(int(b.seen.Load()), len(answers))-1]
			if a == "cut" {
				return
			}
			_, _ = io.WriteString(c, a)
		}
	}
}

func answer(status string, fields ...string) string {
	return "HTTP/1.1 " + status + "\r\n" + strings.Join(append(fields, ""), "\r\n") + "Content-Length: 2\r\n\r\n{}"
}

// What is sent again, how often, and what the client gets in the end.
func TestRetries(t *testing.T) {
	n := 0
	f := func(name string, r *Request, answers []string, sent, status int, want error) {
		t.Helper()
		n++
		b := serve(t, inTurn(answers...))
		cfg := config(b.url())
		cfg.Retry = retryPolicy()
		cfg.Timeout.FirstByte = 100 * time.Millisecond
		res := ask(makePool(t, cfg), r)
		if res.status != status || !errors.Is(res.err, want) || (want == nil && res.retries != sent-1) {
			t.Errorf("%s: got %+v", name, res)
		}
		if int(b.seen.Load()) != sent {
			t.Errorf("%s: sent %d times, want %d", name, b.seen.Load(), sent)
		}
	}
	busy, ok := answer("503 Busy"), answer("200 OK")
	f("POST, 503 twice", post("{}"), []string{busy, busy, ok}, 3, 200, nil)
	f("POST, 503 for ever", post("{}"), []string{busy}, 3, 503, nil)
	f("POST, 429", post("{}"), []string{answer("429 Later"), ok}, 2, 200, nil)
	f("POST, 429, a short retry-after is waited for", post("{}"), []string{answer("429 Later", "Retry-After: 0"), ok}, 2, 200, nil)
	f("POST, 429, a long retry-after is the client's", post("{}"), []string{answer("429 Later", "Retry-After: 30"), ok}, 1, 429, nil)
	f("POST, 500", post("{}"), []string{answer("500 Oops"), ok}, 1, 500, nil)
	f("POST, 502: it may have begun", post("{}"), []string{answer("502 Bad"), ok}, 1, 502, nil)
	f("POST, 504: it may have begun", post("{}"), []string{answer("504 Late"), ok}, 1, 504, nil)
	f("POST, cut", post("{}"), []string{"cut", ok}, 1, 0, ErrCut)
	f("POST, silence", post("{}"), []string{"", ok}, 1, 0, ErrFirstByte)
	f("GET, 502", get(), []string{answer("502 Bad"), ok}, 2, 200, nil)
	f("GET, cut", get(), []string{"cut", ok}, 2, 200, nil)
	f("GET, malformed", get(), []string{"garbage\r\n\r\n", ok}, 2, 200, nil)
	f("GET, silence", get(), []string{"", ok}, 2, 200, nil)
	f("GET, 500 is not listed", get(), []string{answer("500 Oops"), ok}, 1, 500, nil)
	f("GET, 404", get(), []string{answer("404 No"), ok}, 1, 404, nil)
	stream := post("")
	stream.Stream, stream.Size = strings.NewReader("{}"), 2
	f("POST, body gone", stream, []string{busy, ok}, 1, 503, nil)
	if n < 17 {
		t.Fatalf("only %d cases ran", n)
	}
}

// Without a retry section an answer stands, whatever it is.
func TestNoRetries(t *testing.T) {
	b := serve(t, inTurn(answer("503 Busy"), okAnswer))
	if res := ask(makePool(t, config(b.url())), get()); res.status != 503 || b.seen.Load() != 1 {
		t.Errorf("got %+v, sent %d times", res, b.seen.Load())
	}
}

// A busy target's work goes to another at once.
func TestRetryElsewhere(t *testing.T) {
	busy, idle := serve(t, answers(answer("503 Busy"))), serve(t, answers(okAnswer))
	cfg := config(busy.url(), idle.url())
	cfg.Retry = retryPolicy()
	cfg.Retry.Backoff, cfg.Retry.MaxBackoff = time.Minute, time.Minute // never waited for
	cfg.Breaker.FailureRate = 0
	p := makePool(t, cfg)
	for range 20 {
		if res := ask(p, post("{}")); res.err != nil || res.status != 200 {
			t.Fatalf("got %+v", res)
		}
	}
	if busy.seen.Load() == 0 {
		t.Error("the busy target was never asked; nothing was tested")
	}
	if n := busy.conns.Load(); n != 1 {
		t.Errorf("%d connections to the busy target: its refusals cost one each", n)
	}
}

// The backoff ends with the client, and is not begun when the exchange would be over first.
func TestBackoffEnds(t *testing.T) {
	b := serve(t, answers(answer("503 Busy")))
	cfg := config(b.url())
	cfg.Retry = retryPolicy()
	cfg.Retry.Backoff, cfg.Retry.MaxBackoff = time.Minute, time.Minute
	cancel := new(Cancel)
	time.AfterFunc(30*time.Millisecond, cancel.Cancel)
	if res := do(makePool(t, cfg), post("{}"), cancel, time.Time{}); !errors.Is(res.err, ErrCancelled) {
		t.Errorf("got %+v", res)
	}
	if res := do(makePool(t, cfg), post("{}"), new(Cancel), time.Now().Add(20*time.Second)); res.status != 503 {
		t.Errorf("got %+v", res)
	}
}

// Retries are a share of the requests, beyond a reserve.
func TestRetryBudget(t *testing.T) {
	b := serve(t, answers(answer("503 Busy")))
	cfg := config(b.url())
	cfg.Retry = retryPolicy()
	cfg.Retry.Budget, cfg.Breaker.FailureRate = 0.1, 0
	p := makePool(t, cfg)
	for range 200 {
		if res := ask(p, post("{}")); res.status != 503 {
			t.Fatalf("got %+v", res)
		}
	}
	if n := b.seen.Load() - 200; n != 30 {
		t.Errorf("%d retries for 200 requests, want 10 in reserve and 10%%", n)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	f := func(v string, want time.Duration) {
		t.Helper()
		if got := retryAfter([]byte(v), now); got != want {
			t.Errorf("%q: got %v, want %v", v, got, want)
		}
	}
	f("", 0)
	f("7", 7*time.Second)
	f("-7", 0)
	f("soon", 0)
	f("99999999999", (1<<30)*time.Second)
	f("Tue, 24 Nov 2026 10:01:30 GMT", 90*time.Second)
	f("Tue, 24 Nov 2026 09:00:00 GMT", 0)
}

// 10,000 generations against two targets that refuse 30 % of them: nearly all succeed, and none is begun twice.
func TestManyRequestsFewFail(t *testing.T) {
	var begun sync.Map
	var doubled, turn atomic.Int64
	flaky := func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			req := b.request(r)
			if req == "" {
				return
			}
			if turn.Add(1)%10 < 3 {
				_, _ = io.WriteString(c, answer("503 Busy"))
				continue
			}
			id := req[strings.Index(req, "\r\n\r\n")+4:]
			if _, twice := begun.LoadOrStore(id, true); twice {
				doubled.Add(1)
			}
			_, _ = io.WriteString(c, okAnswer)
		}
	}
	cfg := config(serve(t, flaky).url(), serve(t, flaky).url())
	cfg.Retry = retryPolicy()
	cfg.Retry.Attempts, cfg.Breaker.FailureRate = 6, 0.9
	p := makePool(t, cfg)
	total := 10_000
	if testing.Short() {
		total = 1000
	}
	var succeeded atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range total / 8 {
				if res := ask(p, post(fmt.Sprintf("%d-%d", w, i))); res.err == nil && res.status == 200 {
					succeeded.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if share := float64(succeeded.Load()) / float64(total); share < 0.995 || doubled.Load() != 0 {
		t.Errorf("%.2f%% succeeded, %d generations begun twice", share*100, doubled.Load())
	}
}
