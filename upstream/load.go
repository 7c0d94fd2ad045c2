package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
)

// gauges are the names of an engine's own metrics that say how busy it is, in the Prometheus text format. Several names
// are one after another's in the engine's history.
type gauges struct {
	path    string
	waiting []string
	cache   []string
}

// gaugesOf knows, by engine, what to read (vLLM 0.22, SGLang 0.5, TGI 3.3). Triton shows its metrics on another port, and
// Ollama has none: for them the time to the first token has to do.
func gaugesOf(engine string) (g gauges, ok bool) {
	switch engine {
	case "vllm":
		return gauges{"/metrics", []string{"vllm:num_requests_waiting"}, []string{"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"}}, true
	case "sglang":
		return gauges{"/metrics", []string{"sglang:num_queue_reqs"}, []string{"sglang:token_usage"}}, true
	case "tgi":
		return gauges{"/metrics", []string{"tgi_queue_size"}, nil}, true
	}
	return gauges{}, false
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
	status, err := p.fetch(ctx, t, g.path, func(r io.Reader) error {
		var err error
		load, err = parseLoad(io.LimitReader(r, maxMetrics), g)
		return err
	})
	return load, err == nil && status == 200
}

var errNoGauges = errors.New("the engine's metrics do not tell how many requests wait")

// parseLoad reads Prometheus text. Series of one name (one for each model or replica) are added up; of caches the
// fullest counts.
func parseLoad(r io.Reader, g gauges) (load engineLoad, err error) {
	found := false
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 4096), 64<<10)
	for in.Scan() {
		name, value, ok := sample(in.Bytes())
		switch {
		case !ok:
		case oneOf(name, g.waiting):
			load.waiting += int64(min(max(value, 0), 1e9))
			found = true
		case oneOf(name, g.cache):
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
func sample(line []byte) (name []byte, value float64, ok bool) {
	if len(line) == 0 || line[0] == '#' {
		return nil, 0, false
	}
	end := bytes.IndexAny(line, "{ \t")
	if end <= 0 {
		return nil, 0, false
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		i := bytes.LastIndexByte(rest, '}')
		if i < 0 {
			return nil, 0, false
		}
		rest = rest[i+1:]
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return nil, 0, false
	}
	value, err := strconv.ParseFloat(string(fields[0]), 64)
	return name, value, err == nil && value == value
}

func oneOf(name []byte, names []string) bool {
	for _, n := range names {
		if string(name) == n {
			return true
		}
	}
	return false
}
