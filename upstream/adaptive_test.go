package upstream

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// An engine with 16 slots under more demand than it can take: the limit settles at what keeps its queue short, follows
// the engine when it gets smaller, and comes back down when demand is gone it does not creep up.
func TestLimitSettles(t *testing.T) {
	a := &Adaptive{Min: 4, Max: 256, Waiting: 2}
	run := func(limit, slots, demand int64, ticks int, known bool) (low, high int64) {
		low, high = 1<<60, 0
		for i := range ticks {
			inflight := min(limit, demand)
			s := signs{known: known, waiting: max(inflight-slots, 0), room: 2, inflight: inflight}
			if !known {
				s = signs{slower: inflight > slots*3/2, inflight: inflight}
			}
			limit = a.next(limit, s)
			if i > ticks/2 {
				low, high = min(low, limit), max(high, limit)
			}
		}
		return low, high
	}
	f := func(name string, limit, slots, demand int64, known bool, least, most int64) {
		t.Helper()
		if low, high := run(limit, slots, demand, 400, known); low < least || high > most {
			t.Errorf("%s: limit from %d to %d, want %d to %d", name, low, high, least, most)
		}
	}
	f("from below", 4, 16, 1000, true, 14, 19)
	f("from above", 256, 16, 1000, true, 14, 19)
	f("a small engine", 20, 1, 1000, true, 4, 4)
	f("a large engine", 20, 1000, 1000, true, 256, 256)
	f("little demand", 20, 16, 3, true, 20, 20)
	f("by latency", 4, 16, 1000, false, 16, 26)
	if n := a.next(100, signs{refused: true}); n != 88 {
		t.Errorf("refused: %d", n)
	}
	if n := a.next(100, signs{known: true, room: 2, full: true, inflight: 100}); n != 88 {
		t.Errorf("cache full: %d", n)
	}
}

func TestParseLoad(t *testing.T) {
	f := func(engine, text string, want engineLoad, fails bool) {
		t.Helper()
		g, ok := gaugesOf(engine)
		if !ok {
			t.Fatalf("no gauges of %s", engine)
		}
		if got, err := parseLoad(strings.NewReader(text), g); got != want || (err != nil) != fails {
			t.Errorf("%s: got %+v, %v; want %+v", engine, got, err, want)
		}
	}
	f("vllm", "# HELP vllm:num_requests_waiting x\nvllm:num_requests_waiting{model=\"a} b\"} 3.0\nvllm:num_requests_waiting{model=\"c\"} 4 1700000\nvllm:kv_cache_usage_perc{e=\"0\"} 0.5\nvllm:kv_cache_usage_perc{e=\"1\"} 0.75\n", engineLoad{7, 0.75}, false)
	f("vllm", "vllm:num_requests_waiting 0\nvllm:gpu_cache_usage_perc 0.1\n", engineLoad{0, 0.1}, false)
	f("sglang", "sglang:num_queue_reqs{m=\"x\"} 5\nsglang:token_usage 1\n", engineLoad{5, 1}, false)
	f("tgi", "tgi_queue_size 2\n", engineLoad{2, 0}, false)
	f("llamacpp", "llamacpp:requests_processing 4\nllamacpp:requests_deferred 3\n", engineLoad{3, 0}, false)
	f("triton", "nv_inference_pending_request_count{model=\"a\",version=\"1\"} 2\nnv_inference_pending_request_count{model=\"b\",version=\"1\"} 1\nnv_inference_count 9\n", engineLoad{3, 0}, false)
	f("triton", "nv_trt_llm_request_metrics{model=\"a\",request_type=\"waiting\",version=\"1\"} 4\nnv_trt_llm_request_metrics{model=\"a\",request_type=\"active\",version=\"1\"} 50\n"+
		"nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\",model=\"a\"} 0.5\nnv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\",model=\"a\"} 1000\n", engineLoad{4, 0.5}, false)
	f("vllm", "vllm:num_requests_running 9\n", engineLoad{}, true)
	f("vllm", "vllm:num_requests_waiting NaN\nvllm:num_requests_waiting{ 3\nvllm:num_requests_waiting\nvllm:num_requests_waiting x\n", engineLoad{}, true)
	f("vllm", "vllm:num_requests_waiting -5\nvllm:num_requests_waiting 1e300\n", engineLoad{1e9, 0}, false)
	f("vllm", strings.Repeat("x", 100<<10), engineLoad{}, true)
}

func FuzzParseLoad(f *testing.F) {
	f.Add("vllm:num_requests_waiting{model=\"a\"} 3\n")
	f.Add("vllm:kv_cache_usage_perc 0.5 12\n# x\n\n{")
	g, _ := gaugesOf("vllm")
	f.Fuzz(func(t *testing.T, s string) {
		if load, err := parseLoad(strings.NewReader(s), g); err == nil && load.waiting < 0 {
			t.Errorf("%q: %+v", s, load)
		}
	})
}

// The engine's queue steers the limit, frees those who wait, and counts in the balance.
func TestEngineSteersAdmission(t *testing.T) {
	var waiting atomic.Int64
	b := serve(t, func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			req := b.request(r)
			if req == "" {
				return
			}
			body := fmt.Sprintf("vllm:num_requests_waiting %d\n", waiting.Load())
			if !strings.HasPrefix(req, "GET /metrics ") {
				body = "{}"
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	cfg := config(b.url())
	cfg.Concurrency = &Concurrency{Adaptive: &Adaptive{Min: 2, Max: 30, Waiting: 2, Cache: 0.97, Every: time.Second}}
	cfg.Queue = &Queue{Depth: 10, MaxWait: 20 * time.Second}
	p := makePool(t, cfg)
	waiting.Store(50)
	for range 40 {
		p.adaptOnce(t.Context())
	}
	if n := p.places(); n != 2 {
		t.Fatalf("limit %d under pressure", n)
	}
	if l := p.targets()[0].load(); l != 50 {
		t.Errorf("load %v", l)
	}
	one, two := mustLease(t, p, Want{}), mustLease(t, p, Want{})
	got := make(chan *Lease)
	go func() { got <- mustLease(t, p, Want{}) }()
	for p.gate.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	waiting.Store(0)
	p.adaptOnce(t.Context()) // room again: the limit grows, and whoever waits goes in
	l := <-got
	for _, l := range []*Lease{one, two, l} {
		l.Release(Success)
	}
}

// Without metrics the time to the first token and refusals steer.
func TestLatencySteersAdmission(t *testing.T) {
	var tr trend
	for range 100 {
		tr.add(200 * time.Millisecond)
	}
	if tr.doubled() {
		t.Error("steady, yet doubled")
	}
	for range 20 {
		tr.add(time.Second)
	}
	if !tr.doubled() {
		t.Error("five times as slow, yet not doubled")
	}
	b := serve(t, answers(answer("429 Later")))
	cfg := config(b.url())
	cfg.Engine = "ollama"
	cfg.Concurrency = &Concurrency{Adaptive: &Adaptive{Min: 2, Max: 30, Every: time.Second}}
	p := makePool(t, cfg)
	before := p.places()
	ask(p, post("{}"))
	p.adaptOnce(t.Context())
	if n := p.places(); n >= before {
		t.Errorf("limit %d after a refusal, was %d", n, before)
	}
	sse := serve(t, func(b *backend, c net.Conn) {
		b.request(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")
	})
	cfg.Targets = []Target{{URL: sse.url(), Weight: 1}}
	p = makePool(t, cfg)
	ask(p, post("{}"))
	if p.latency.slow.Load() == 0 {
		t.Error("a stream's first byte was not measured")
	}
}

// Triton shows its queue at another port; what it says there steers the limit.
func TestMetricsElsewhere(t *testing.T) {
	metrics := serve(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nnv_inference_pending_request_count{} 50\n\n"))
	model := serve(t, answers(okAnswer))
	_, port, _ := strings.Cut(metrics.ln.Addr().String(), ":")
	cfg := config(model.url())
	cfg.Engine = "triton"
	cfg.Concurrency = &Concurrency{Adaptive: &Adaptive{Min: 2, Max: 30, Waiting: 2, Every: time.Second}}
	cfg.Concurrency.Adaptive.MetricsPort, _ = strconv.Atoi(port)
	p := makePool(t, cfg)
	for range 40 {
		p.adaptOnce(t.Context())
	}
	if n, l := p.places(), p.targets()[0].load(); n != 2 || l != 50 || model.seen.Load() != 0 {
		t.Errorf("limit %d, load %v, %d requests to the model", n, l, model.seen.Load())
	}
	if n := metrics.conns.Load(); n != 40 {
		t.Errorf("%d connections for 40 looks: they are kept", n)
	}
}
