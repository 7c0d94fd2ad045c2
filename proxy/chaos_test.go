package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"blaze/upstream/demo"
)

const chaosPolicy = `
version: 1
proxy: {timeout: %s}
upstreams:
  model:
    engine: vllm
    targets: [{url: "${env:BACKEND}"}]
    timeout: {connect: 2s, first_byte: 600ms, stall: 600ms}
    retry: {attempts: 3, backoff: 1ms}
    breaker: {failure_rate: 50%%, over: 30s, min_requests: 1, open_for: 50ms, probes: 1}
    concurrency: {max: 1}
`

// plain and streamed are the two kinds of generations.
const (
	plain    = `{"model":"demo-small","messages":[{"role":"user","content":"hello there"}]}`
	streamed = `{"model":"demo-small","stream":true,"messages":[{"role":"user","content":"hello there"}]}`
)

// told is what a client got: the status, the code of the error in the body or in the last event, and whether the answer
// ended as it should.
type told struct {
	status int
	code   string
	whole  bool
}

func generate(t *testing.T, url, body string, fields ...string) told {
	t.Helper()
	req, err := http.NewRequest("POST", url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, f := range fields {
		if name, value, ok := strings.Cut(f, ": "); ok {
			req.Header.Set(name, value)
		}
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	got := told{status: res.StatusCode, whole: err == nil}
	for line := range bytes.Lines(text) {
		var e struct{ Error struct{ Code string } }
		if json.Unmarshal(bytes.TrimPrefix(bytes.TrimSpace(line), []byte("data: ")), &e) == nil && e.Error.Code != "" {
			got.code = e.Error.Code
		}
	}
	return got
}

// series reads one of the proxy's metrics.
func series(t *testing.T, s *served, name string) string {
	t.Helper()
	var text strings.Builder
	if err := s.tel.Metrics.WritePrometheus(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return "0"
}

// waitFor waits for something that must come true.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// trouble is one way in which a model server fails a generation, and what follows from it.
type trouble struct {
	name    string
	body    string
	net     []string                                      // toxics of the network
	act     func(answer *bufio.Reader, down *net.TCPConn) // what the server at the other end does; nil: as it should
	field   string                                        // a switch of the demo backend, for what fails behind the connection
	want    told
	counts  string // the outcome that the attempt is counted under
	opens   bool   // the breaker
	begun   int64  // generations
	timeout string // proxy.timeout
}

// send writes text in place of the answer, and waits until the proxy hangs up.
func send(text string) func(*bufio.Reader, *net.TCPConn) {
	return func(answer *bufio.Reader, down *net.TCPConn) {
		if _, err := answer.Peek(1); err != nil { // whatever is answered, it is after the request
			return
		}
		_, _ = io.WriteString(down, text)
		_, _ = io.Copy(io.Discard, answer)
	}
}

// part passes on so many bytes of the answer, and then does what f does.
func part(n int64, f func(down *net.TCPConn)) func(*bufio.Reader, *net.TCPConn) {
	return func(answer *bufio.Reader, down *net.TCPConn) {
		_, _ = io.CopyN(down, answer, n)
		time.Sleep(20 * time.Millisecond) // a reset overtakes what the other end has not read
		f(down)
	}
}

func reset(down *net.TCPConn) { _ = down.SetLinger(0) }
func halt(*net.TCPConn)       { time.Sleep(3 * time.Second) }

// The toxics of toxiproxy. What is behind a limit of data, be it the connection's end, comes as late as slowClose says.
const (
	blackHole = `{"type":"timeout","attributes":{"timeout":0}}`
	slowClose = `{"type":"slow_close","attributes":{"delay":3000}}`
)

func limitData(n int) string {
	return fmt.Sprintf(`{"type":"limit_data","attributes":{"bytes":%d}}`, n)
}

var troubles = []trouble{
	{name: "black hole", body: plain, net: []string{blackHole}, want: told{504, "upstream_timeout", true}, counts: "first_byte", opens: true, begun: 1},
	{name: "black hole before the request", body: plain, net: []string{`{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`},
		want: told{504, "upstream_timeout", true}, counts: "first_byte", opens: true},
	{name: "a line that dies unanswered", body: plain, net: []string{`{"type":"timeout","attributes":{"timeout":100}}`},
		want: told{502, "upstream_error", true}, counts: "cut", opens: true, begun: 1},
	{name: "latency", body: plain, net: []string{`{"type":"latency","attributes":{"latency":3000}}`}, want: told{504, "upstream_timeout", true}, counts: "first_byte", opens: true, begun: 1},
	{name: "bearable latency", body: streamed, net: []string{`{"type":"latency","attributes":{"latency":50,"jitter":30}}`,
		`{"type":"latency","stream":"upstream","attributes":{"latency":50}}`}, want: told{200, "", true}, counts: "ok", begun: 1},
	{name: "slow headers", body: plain, net: []string{`{"type":"slicer","attributes":{"average_size":1,"delay":20000}}`},
		want: told{504, "upstream_timeout", true}, counts: "first_byte", opens: true, begun: 1},
	{name: "a byte at a time", body: streamed, net: []string{`{"type":"slicer","attributes":{"average_size":1,"delay":1}}`,
		`{"type":"slicer","stream":"upstream","attributes":{"average_size":1,"delay":1}}`}, want: told{200, "", true}, counts: "ok", begun: 1},
	{name: "a narrow line", body: streamed, net: []string{`{"type":"bandwidth","attributes":{"rate":4}}`, `{"type":"bandwidth","stream":"upstream","attributes":{"rate":4}}`},
		want: told{200, "", true}, counts: "ok", begun: 1},
	{name: "slow body", body: plain, net: []string{limitData(250), slowClose}, want: told{504, "upstream_timeout", true}, counts: "stall", opens: true, begun: 1},
	{name: "slow stream", body: streamed, net: []string{limitData(600), slowClose}, want: told{200, "upstream_timeout", false}, counts: "stall", opens: true, begun: 1},
	{name: "cut mid-header", body: plain, net: []string{limitData(40)}, want: told{502, "upstream_error", true}, counts: "cut", opens: true, begun: 1},
	{name: "cut mid-stream", body: streamed, net: []string{limitData(600)}, want: told{200, "upstream_error", false}, counts: "cut", opens: true, begun: 1},
	{name: "reset unanswered", body: plain, net: []string{`{"type":"reset_peer","attributes":{"timeout":0}}`}, want: told{502, "upstream_error", true}, counts: "cut", opens: true, begun: 1},
	{name: "reset mid-header", body: plain, act: part(40, reset), want: told{502, "upstream_error", true}, counts: "cut", opens: true, begun: 1},
	{name: "reset mid-stream", body: streamed, act: part(600, reset), want: told{200, "upstream_error", false}, counts: "cut", opens: true, begun: 1},
	{name: "reset inside an event that passes as it comes", body: `{"model":"demo-small","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello there"}]}`,
		act: part(600, reset), want: told{200, "upstream_error", false}, counts: "cut", opens: true, begun: 1},
	{name: "half close mid-stream", body: streamed, act: part(600, func(down *net.TCPConn) { _ = down.CloseWrite(); halt(down) }),
		want: told{200, "upstream_error", false}, counts: "cut", opens: true, begun: 1},
	{name: "garbage", body: plain, act: send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), want: told{502, "upstream_error", true}, counts: "protocol", opens: true, begun: 1},
	{name: "oversized headers", body: plain, act: send("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\r\n", 100) + "Content-Length: 2\r\n\r\n{}"),
		want: told{502, "upstream_error", true}, counts: "protocol", opens: true, begun: 1},
	{name: "endless headers", body: plain, act: func(answer *bufio.Reader, down *net.TCPConn) {
		_, _ = answer.Peek(1)
		_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\nX: ")
		for {
			if _, err := io.WriteString(down, strings.Repeat("x", 1<<14)); err != nil {
				return
			}
		}
	}, want: told{502, "upstream_error", true}, counts: "protocol", opens: true, begun: 1},
	{name: "endless stream", body: streamed, timeout: "2s", act: func(answer *bufio.Reader, down *net.TCPConn) {
		_, _ = answer.Peek(1)
		_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for {
			if _, err := io.WriteString(down, "b\r\ndata: {\"a\":\r\n4\r\n1}\n\n\r\n"); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}, want: told{200, "upstream_timeout", false}, counts: "timeout", begun: 1},
	{name: "an error inside a 200", body: streamed, field: "x-demo-error-after: 2", want: told{200, "demo_failure", true}, counts: "bad_stream", opens: true, begun: 1},
	{name: "an error for an answer of 200", body: plain, act: send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 42\r\n\r\n" + `{"error":{"message":"oops","code":"oops"}}`),
		want: told{200, "oops", true}, counts: "bad_stream", opens: true, begun: 1},
	{name: "no JSON for an answer of 200", body: plain, act: send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + `{"choices":[`),
		want: told{200, "", true}, counts: "bad_stream", opens: true, begun: 1},
	{name: "no JSON inside a 200", body: streamed, field: "x-demo-malformed-at: 2", want: told{200, "", true}, counts: "bad_stream", opens: true, begun: 1},
	{name: "wrong content-length", body: plain, field: "x-demo-wrong-length: 9", want: told{502, "upstream_error", true}, counts: "cut", opens: true, begun: 1},
	{name: "a chunk that is none", body: streamed, act: send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: {}\n\r\nzz\r\n"),
		want: told{200, "upstream_error", false}, counts: "protocol", opens: true, begun: 1},
	{name: "a stream without its last chunk", body: streamed, act: func(answer *bufio.Reader, down *net.TCPConn) {
		_, _ = answer.Peek(1)
		_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\na\r\ndata: {}\n\n\r\n")
	}, want: told{200, "upstream_error", false}, counts: "cut", opens: true, begun: 1},
	{name: "a refusal before work", body: plain, field: "x-demo-status: 503", want: told{503, "demo_failure", true}, counts: "status_5xx", opens: true, begun: 2}, // asked twice, until the breaker opens, and begun by neither
	{name: "nobody there", body: plain, want: told{502, "upstream_error", true}, counts: "connect", opens: true},
}

// TestChaos: whatever happens between Blaze and a model server, the client is told in the contract's words, the generation
// is begun once, the breaker knows, and nothing is left: no place taken, no connection, no goroutine (TestMain).
func TestChaos(t *testing.T) {
	if len(troubles) < 30 {
		t.Fatalf("only %d troubles", len(troubles))
	}
	for _, x := range troubles {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.run(t)
		})
	}
}

func (x trouble) run(t *testing.T) {
	backend := demo.New(demo.Options{Now: time.Now})
	t.Cleanup(backend.Close)
	var link line
	if x.act != nil {
		link = poison(t, backend.Addr())
	} else {
		link = chaosNetwork(t, backend.Addr())
	}
	timeout := "20s"
	if x.timeout != "" {
		timeout = x.timeout
	}
	s := serveBefore(t, fmt.Sprintf(chaosPolicy, timeout), "http://"+link.address())
	target := `{upstream="model",target="http://` + link.address() + `"}`
	waitFor(t, "the metrics show the target", func() bool { return series(t, s, "blaze_upstream_healthy"+target) == "1" })
	if x.field == "" {
		link.harm(t, x)
	}
	if got := generate(t, s.url(), x.body, x.field); got != x.want {
		t.Errorf("the client was told %+v, want %+v", got, x.want)
	}
	if n := backend.Stats().Generations; n != x.begun {
		t.Errorf("%d generations, want %d", n, x.begun)
	}
	waitFor(t, "the attempt is counted as "+x.counts, func() bool {
		return series(t, s, `blaze_upstream_requests_total{upstream="model",outcome="`+x.counts+`"}`) != "0"
	})
	if state := series(t, s, "blaze_breaker_state"+target); (state != "0") != x.opens {
		t.Errorf("the breaker's state is %s; it opens: %v", state, x.opens)
	}
	waitFor(t, "the place is given back", func() bool { return series(t, s, "blaze_upstream_inflight"+target) == "0" })
	waitFor(t, "the model server works on nothing", func() bool { return backend.Stats().InFlight == 0 })
	if x.want.whole && x.want.status != 502 && x.want.status != 504 { // a connection whose answer was whole may be kept for the next one
		waitFor(t, "no more than one connection is left", func() bool { return held(t, link.address()) <= 1 })
	} else {
		waitFor(t, "no connection is left", func() bool { return held(t, link.address()) == 0 })
	}

	// The trouble over, the only place serves again: a probe closes the breaker.
	link.cure(t)
	waitFor(t, "it works again", func() bool { return generate(t, s.url(), plain) == told{200, "", true} })
	waitFor(t, "the breaker is closed", func() bool { return series(t, s, "blaze_breaker_state"+target) == "0" })
}
