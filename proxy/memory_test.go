package proxy_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const memoryPolicy = `
version: 1
upstreams:
  model:
    engine: vllm
    targets: [{url: "${env:BACKEND}"}]
    cache: {ttl: 5m, max: 16MiB, streams: true}
    idempotency: {ttl: 5m, max: 16MiB}
`

// TestOneGenerationForMany: for each of several requests one client begins and leaves, one stays, and many others come and
// go at random moments while it is being answered: by equal requests, or by an idempotency key, in one piece or as streams.
// The model server begins each once, every client that stays gets the same whole answer, and nothing is left.
func TestOneGenerationForMany(t *testing.T) {
	s := serve(t, memoryPolicy)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(id int, leave <-chan time.Time) (string, error) {
		req, err := http.NewRequest("POST", s.url()+"/v1/chat/completions", strings.NewReader(manyAsk(id)))
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if leave != nil {
			go func() {
				select {
				case <-leave:
					cancel()
				case <-ctx.Done():
				}
			}()
		}
		req = req.WithContext(ctx)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Demo-Delay", "300ms")
		req.Header.Set("X-Demo-Frame-Delay", "10ms")
		if id/2%2 == 1 { // by chance, so that only the key makes it one
			req.Header.Set("Idempotency-Key", fmt.Sprint("key-", id))
		}
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		return string(text), err
	}
	recalled := func(result string) (n int) {
		for _, name := range []string{"cache", "idempotency"} {
			var v int
			_, _ = fmt.Sscan(series(t, s, fmt.Sprintf(`blaze_%s_requests_total{upstream="model",result=%q}`, name, result)), &v)
			n += v
		}
		return n
	}
	const requests, visitors = 8, 12
	var all sync.WaitGroup
	stay := make(chan struct{}) // closed when for each request somebody is there who stays
	for id := range requests {  // who begins, and leaves once others are there
		leave := make(chan time.Time)
		all.Go(func() {
			<-stay
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
			close(leave)
		})
		all.Go(func() { _, _ = ask(id, leave) })
	}
	waitFor(t, "all have begun", func() bool { return recalled("miss") == requests })
	all.Go(func() {
		defer close(stay)
		waitFor(t, "the others are there", func() bool { return recalled("join")+recalled("hit") >= requests })
	})
	for id := range requests {
		answers := make([]string, visitors)
		var those sync.WaitGroup
		for v := range visitors {
			those.Go(func() {
				var leave <-chan time.Time
				if v > 0 {
					<-stay
					time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
				}
				if v%3 == 1 {
					leave = time.After(time.Duration(1+rand.IntN(200)) * time.Millisecond)
				}
				text, err := ask(id, leave)
				if err == nil {
					answers[v] = text
				} else if leave == nil {
					t.Errorf("request %d: %v", id, err)
				}
			})
		}
		all.Go(func() {
			those.Wait()
			if !strings.Contains(answers[0], "number") {
				t.Errorf("request %d: got %q", id, answers[0])
			}
			for _, other := range answers {
				if other != "" && other != answers[0] {
					t.Errorf("request %d: two answers:\n%s\n%s", id, answers[0], other)
				}
			}
		})
	}
	all.Wait()
	if n := s.backend.Stats().Generations; n != requests {
		t.Errorf("%d generations for %d requests", n, requests)
	}
	waitFor(t, "nothing is left", func() bool {
		return s.backend.Stats().InFlight == 0 && series(t, s, "blaze_open_exchanges") == "0"
	})
	if n := series(t, s, `blaze_upstream_requests_total{upstream="model",outcome="ok"}`); n != fmt.Sprint(requests) {
		t.Errorf("%s attempts", n)
	}
}

// manyAsk is the body of one of the requests: even ones stream, and every other two are answered by chance.
func manyAsk(id int) string {
	return fmt.Sprintf(`{"model":"demo-small","temperature":%d,"stream":%v,"max_tokens":12,"messages":[{"role":"user","content":"number %d of them"}]}`, id/2%2, id%2 == 0, id)
}
