package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what one tier met.
type result struct {
	mu      sync.Mutex
	served  []time.Duration // guarded by mu; from the moment each request was due
	refused int             // guarded by mu; 429
	failed  int             // guarded by mu; anything else, and what was given up
	offered int
}

// patient is how long a client waits before it gives up.
const patient = 10 * time.Second

// load sends requests at a constant rate, whatever becomes of them: each has a goroutine of its own, so one that waits holds
// up no other. The first fifth warms up and does not count.
func (r *result) load(url, key string, perSecond float64, each time.Duration) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096, MaxIdleConns: 4096}, Timeout: patient}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), each+patient)
	defer cancel()
	began, gap := time.Now(), time.Duration(float64(time.Second)/perSecond)
	var all sync.WaitGroup
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * gap)
		if due.Sub(began) > each {
			break
		}
		time.Sleep(time.Until(due))
		counts := due.Sub(began) > each/5
		all.Go(func() {
			status := ask(ctx, client, url, key)
			if counts {
				r.note(status, time.Since(due))
			}
		})
	}
	all.Wait()
}

func (r *result) note(status int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offered++
	switch status {
	case http.StatusOK:
		r.served = append(r.served, took)
	case http.StatusTooManyRequests:
		r.refused++
	default:
		r.failed++
	}
}

// ask sends one chat request; 0 is no answer.
func ask(ctx context.Context, client *http.Client, url, key string) (status int) {
	const body = `{"model":"demo-small","messages":[{"role":"user","content":"hello there"}]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	// Half to one and a half of the service time, evenly, so that the slots do not come free all at once.
	req.Header.Set("X-Demo-Delay", (service/2 + time.Duration(rand.Int64N(int64(service)))).Round(time.Millisecond).String())
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0
	}
	return res.StatusCode
}

// at is the quantile of the served requests' times; 0 where none was served.
func (r *result) at(q float64) time.Duration {
	if len(r.served) == 0 {
		return 0
	}
	slices.Sort(r.served)
	return r.served[int(q*float64(len(r.served)-1))]
}
