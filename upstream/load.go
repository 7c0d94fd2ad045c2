package upstream

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
)

// gauges are the names of an engine's own metrics that say how busy it is, in the Prometheus text format. Several names
// are one after another's in the engine's history.
type gauges struct {
	path    string
	waiting []series
	cache   []series
	port    int // where they are, when not at the target's own
}

// series is a metric, or those of its series that have the label.
type series struct{ name, label string }

// gaugesOf knows, by engine, what to read (vLLM 0.22, SGLang 0.5, TGI 3.3, llama.cpp of 2026, Triton 2.6x with the TensorRT-LLM backend's own).
// Ollama tells which models are loaded (/api/ps) and not how many requests wait for them: for it, and for engines that are
// not known, the time to the first token has to do.
func gaugesOf(engine string) (g gauges, ok bool) {
	g.path = "/metrics"
	switch engine {
	case "vllm":
		g.waiting = []series{{name: "vllm:num_requests_waiting"}}
		g.cache = []series{{name: "vllm:kv_cache_usage_perc"}, {name: "vllm:gpu_cache_usage_perc"}}
	case "sglang":
		g.waiting, g.cache = []series{{name: "sglang:num_queue_reqs"}}, []series{{name: "sglang:token_usage"}}
	case "llamacpp": // only when started with --metrics
		g.waiting = []series{{name: "llamacpp:requests_deferred"}}
	case "tgi":
		g.waiting = []series{{name: "tgi_queue_size"}}
	case "triton":
		g.port = 8002
		g.waiting = []series{{name: "nv_inference_pending_request_count"}, {"nv_trt_llm_request_metrics", `request_type="waiting"`}}
		g.cache = []series{{"nv_trt_llm_kv_cache_block_metrics", `kv_cache_block_type="fraction"`}}
	default:
		return gauges{}, false
	}
	return g, true
}

// engineLoad is how busy an engine says it is.
type engineLoad struct {
	waiting int64
	cache   float64 // 0 to 1; the fullest of its caches
}

// maxMetrics bounds what is read of an engine's metrics.
const maxMetrics = 4 << 20

// readLoad asks t; false when it does not tell.
func (p *Pool) readLoad(ctx context.Context, t *target) (load engineLoad, ok bool) {
	g, ok := gaugesOf(p.engine.Name)
	if !ok {
		return load, false
	}
	if port := cmp.Or(p.adaptive.MetricsPort, g.port); port != 0 {
		t = t.atPort(port)
	}
	status, err := p.fetch(ctx, t, g.path, func(r io.Reader) error {
		var err error
		load, err = parseLoad(io.LimitReader(r, maxMetrics), g)
		return err
	})
	return load, err == nil && status == 200
}

// atPort is t with another port of the same host, spoken to without TLS, as engines show their metrics; its connections are
// not kept.
func (t *target) atPort(port int) *target {
	host, _, err := net.SplitHostPort(t.dial)
	if err != nil { // a Unix socket has no ports
		return t
	}
	a := t.address
	a.dial, a.tls = net.JoinHostPort(host, strconv.Itoa(port)), false
	a.host = net.JoinHostPort(t.name, strconv.Itoa(port))
	return &target{endpoint: &endpoint{address: a, closed: true}}
}

var errNoGauges = errors.New("the engine's metrics do not tell how many requests wait")

// parseLoad reads Prometheus text. Series of one name (one for each model or replica) are added up; of caches the
// fullest counts.
func parseLoad(r io.Reader, g gauges) (load engineLoad, err error) {
	found := false
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 4096), 64<<10)
	for in.Scan() {
		name, labels, value, ok := sample(in.Bytes())
		switch {
		case !ok:
		case oneOf(name, labels, g.waiting):
			load.waiting += int64(min(max(value, 0), 1e9))
			found = true
		case oneOf(name, labels, g.cache):
			load.cache = max(load.cache, value)
		}
	}
	if err := in.Err(); err != nil {
		return load, err
	}
	if !found {
		return load, errNoGauges
	}
	return load, nil
}

// sample splits `name{labels} value`; comments and malformed lines are none.
func sample(line []byte) (name, labels []byte, value float64, ok bool) {
	if len(line) == 0 || line[0] == '#' {
		return nil, nil, 0, false
	}
	end := bytes.IndexAny(line, "{ \t")
	if end <= 0 {
		return nil, nil, 0, false
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		i := bytes.LastIndexByte(rest, '}')
		if i < 0 {
			return nil, nil, 0, false
		}
		labels, rest = rest[:i], rest[i+1:]
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return nil, nil, 0, false
	}
	value, err := strconv.ParseFloat(string(fields[0]), 64)
	return name, labels, value, err == nil && value == value
}

func oneOf(name, labels []byte, all []series) bool {
	for _, s := range all {
		if string(name) == s.name && bytes.Contains(labels, []byte(s.label)) {
			return true
		}
	}
	return false
}
