package circuit

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry"
	"blaze/upstream"
	"blaze/upstream/engine"
)

func pools(t *testing.T, cfg map[string]upstream.Config) *upstream.Pools {
	t.Helper()
	for name, c := range cfg {
		c.Engine = "vllm"
		if c.Targets == nil {
			c.Targets = []upstream.Target{{URL: "http://127.0.0.1:1"}}
		}
		c.Timeout = upstream.Timeout{Connect: time.Second, FirstByte: time.Second, Stall: time.Second}
		c.Breaker = upstream.Breaker{FailureRate: 0.5, Over: 30 * time.Second, MinRequests: 2, OpenFor: 10 * time.Second, Probes: 1}
		cfg[name] = c
	}
	ps, err := upstream.New(cfg, nil, upstream.Env{Metrics: telemetry.NewMetrics(), Log: zerolog.Nop(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

func filter(t *testing.T) *Filter {
	t.Helper()
	f, err := New(Config{}, nil, filterstest.Env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const chat = "POST /v1/chat/completions\nContent-Type: application/json\n\n" + `{"model":"big","messages":[{"role":"user","content":"hi"}]}`

func exchange(t *testing.T, p *upstream.Pool) *filters.Exchange {
	t.Helper()
	x := filterstest.New(t, chat)
	x.Upstream = p
	return x
}

func TestTakesAndGivesBack(t *testing.T) {
	f := filter(t)
	p := pools(t, map[string]upstream.Config{"model": {Concurrency: &upstream.Concurrency{Max: 1}}}).Pool("model")
	for range 3 {
		x := exchange(t, p)
		if v := f.Request(x); !v.Passed() || x.Lease != nil {
			t.Fatalf("the head took a lease: %+v", v)
		}
		if v := f.Body(x); !v.Passed() || x.Lease == nil {
			t.Fatalf("got %+v", v)
		}
		y := exchange(t, p)
		if v := f.Body(y); v.Denial != filters.QueueFull || v.Retry < time.Second || y.Lease != nil {
			t.Fatalf("got %+v", v)
		}
		f.Settle(y)
		f.Settle(x)
		f.Settle(x)
	}
	x := exchange(t, p)
	x.Dry = true
	if v := f.Body(x); !v.Passed() || x.Lease != nil {
		t.Error("a dry run took a lease")
	}
	x = exchange(t, nil)
	if v := f.Body(x); !v.Passed() || x.Lease != nil {
		t.Errorf("without an upstream: got %+v", v)
	}
}

// An open breaker refuses, and says when asking again can work; 4xx do not open it.
func TestOpenBreaker(t *testing.T) {
	f := filter(t)
	p := pools(t, map[string]upstream.Config{"model": {}}).Pool("model")
	end := func(o upstream.Outcome) filters.Verdict {
		x := exchange(t, p)
		v := f.Body(x)
		x.Result = o
		f.Settle(x)
		return v
	}
	for range 5 {
		if v := end(upstream.Neutral); !v.Passed() {
			t.Fatalf("got %+v", v)
		}
	}
	end(upstream.Failure)
	end(upstream.Failure)
	v := end(upstream.Neutral)
	if v.Denial != filters.UpstreamUnavailable || v.Retry <= 0 || v.Retry > 10*time.Second {
		t.Errorf("got %+v", v)
	}
}

// In shadow mode the exchange is served all the same.
func TestForce(t *testing.T) {
	f := filter(t)
	p := pools(t, map[string]upstream.Config{"model": {}}).Pool("model")
	for range 2 {
		x := exchange(t, p)
		f.Body(x)
		x.Result = upstream.Failure
		f.Settle(x)
	}
	x := exchange(t, p)
	if v := f.Body(x); !v.Denied() {
		t.Fatalf("got %+v", v)
	}
	if !Force(x) || x.Lease == nil || !Force(x) {
		t.Error("no lease by force")
	}
	f.Settle(x)
	if Force(exchange(t, nil)) {
		t.Error("a lease without an upstream")
	}
}

func TestQueueTimeout(t *testing.T) {
	f := filter(t)
	p := pools(t, map[string]upstream.Config{"model": {
		Concurrency: &upstream.Concurrency{Max: 1}, Queue: &upstream.Queue{Depth: 1, MaxWait: 10 * time.Millisecond},
	}}).Pool("model")
	x, y := exchange(t, p), exchange(t, p)
	f.Body(x)
	if v := f.Body(y); v.Denial != filters.QueueTimeout || y.Waited < 10*time.Millisecond {
		t.Errorf("got %+v after %v", v, y.Waited)
	}
	y.Cancel.Cancel()
	if v := f.Body(y); !v.Denied() || v.Rule != "client_gone" {
		t.Errorf("got %+v", v)
	}
	f.Settle(x)
}

// Fallbacks are walked in order, at once when there is no lease, and after a failure; the last is a fixed answer.
func TestFallbacks(t *testing.T) {
	f := filter(t)
	one := upstream.Config{Concurrency: &upstream.Concurrency{Max: 1}}
	model := one
	model.Fallback = []upstream.Fallback{{Upstream: "spare", Model: `sm"all`}, {Status: 200, Body: map[string]any{"choices": []any{}}}}
	ps := pools(t, map[string]upstream.Config{"model": model, "spare": one})
	p := ps.Pool("model")
	look := func(x *filters.Exchange, pool, degraded, body string) {
		t.Helper()
		if x.Lease == nil || x.Lease.Info().Pool != pool || x.Degraded != degraded {
			t.Fatalf("lease %+v, degraded %q", x.Lease, x.Degraded)
		}
		if got := string(engine.Apply(nil, x.Body, x.Edits)); got != body {
			t.Errorf("body %s, want %s", got, body)
		}
	}
	original := `{"model":"big","messages":[{"role":"user","content":"hi"}]}`
	mapped := strings.Replace(original, "big", `sm\"all`, 1)
	x, y, z := exchange(t, p), exchange(t, p), exchange(t, p)
	f.Body(x)
	look(x, "model", "", original)
	f.Body(y)
	look(y, "spare", "fallback-spare", mapped)
	f.Body(z)
	look(z, "model", "fallback-fixed", original)
	resp, err := z.Lease.RoundTrip(&upstream.Request{Head: z.Request}, z.Cancel, z.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp); err != nil || string(b) != `{"choices":[]}` || resp.Header.StatusCode() != 200 || resp.Size != int64(len(b)) {
		t.Errorf("fixed answer %q, %v", b, err)
	}
	resp.Close()
	if Fall(z) {
		t.Error("there is nothing behind the last fallback")
	}
	f.Settle(y)
	if !Fall(x) { // its own lease failed; spare is free now
		t.Fatal("no fallback")
	}
	look(x, "spare", "fallback-spare", mapped)
	f.Body(y)
	look(y, "model", "fallback-spare", mapped) // x gave its first lease back
	for _, x := range []*filters.Exchange{x, y, z} {
		f.Settle(x)
	}
}

// The turns of one conversation have one affinity; another tenant, model, system prompt or first question has another.
func TestAffinity(t *testing.T) {
	hashOf := func(tenant, body string) uint64 {
		x := filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\n\n"+body)
		if !x.HasDocument {
			t.Fatalf("not read: %s", body)
		}
		x.Identity = &filters.Identity{Tenant: tenant}
		return affinity(x)
	}
	body := func(messages string) string { return fmt.Sprintf(`{"model":"m","messages":[%s]}`, messages) }
	const sys, ask, reply, more = `{"role":"system","content":"be kind"}`, `{"role":"user","content":"hi"}`, `{"role":"assistant","content":"hello"}`, `{"role":"user","content":"more"}`
	first := hashOf("a", body(sys+","+ask))
	if first == 0 || first != hashOf("a", body(sys+","+ask+","+reply+","+more)) {
		t.Error("a later turn has another affinity")
	}
	alone := hashOf("a", body(ask))
	if alone != hashOf("a", body(ask+","+reply+","+more)) || alone == first {
		t.Error("without a system prompt a later turn has another affinity")
	}
	turned := `{"content":"hi" , "role":"user"}`
	if hashOf("a", body(turned)) != hashOf("a", body(turned+","+reply+","+more)) {
		t.Error("with the role behind the content a later turn has another affinity")
	}
	for name, h := range map[string]uint64{
		"tenant": hashOf("b", body(sys+","+ask)), "question": hashOf("a", body(sys+","+more)),
		"model": hashOf("a", strings.Replace(body(sys+","+ask), `"m"`, `"n"`, 1)),
	} {
		if h == first {
			t.Errorf("another %s, the same affinity", name)
		}
	}
	if h := hashOf("a", `{"model":"m","messages":[]}`); h != 0 {
		t.Errorf("no text, affinity %x", h)
	}
}

// The pass path allocates nothing.
func TestAllocations(t *testing.T) {
	f := filter(t)
	p := pools(t, map[string]upstream.Config{"model": {Balance: upstream.Prefix, Targets: []upstream.Target{{URL: "http://127.0.0.1:1"}, {URL: "http://127.0.0.1:2"}}}}).Pool("model")
	x := exchange(t, p)
	if n := testing.AllocsPerRun(200, func() {
		if !f.Body(x).Passed() {
			t.Fatal("refused")
		}
		f.Settle(x)
	}); n > 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}
