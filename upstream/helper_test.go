package upstream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"

	"blaze/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is a model server written out by hand: what it does on the wire is the test's own code.
type backend struct {
	ln    net.Listener
	conns atomic.Int64 // accepted
	seen  atomic.Int64 // requests read by request()
	open  atomic.Int64 // connections being served
	wg    sync.WaitGroup

	mu   sync.Mutex
	live map[net.Conn]bool
}

// serve starts a backend that gives every connection to f, on a goroutine of its own, and closes it after.
func serve(t testing.TB, f func(b *backend, c net.Conn)) *backend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := serveOn(ln, f)
	t.Cleanup(b.stop)
	return b
}

func serveOn(ln net.Listener, f func(b *backend, c net.Conn)) *backend {
	b := &backend{ln: ln, live: map[net.Conn]bool{}}
	b.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.conns.Add(1)
			b.open.Add(1)
			b.mu.Lock()
			b.live[c] = true
			b.mu.Unlock()
			b.wg.Go(func() {
				f(b, c)
				_ = c.Close()
				b.mu.Lock()
				delete(b.live, c)
				b.mu.Unlock()
				b.open.Add(-1)
			})
		}
	})
	return b
}

func (b *backend) stop() {
	_ = b.ln.Close()
	b.mu.Lock()
	for c := range b.live {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
}

func (b *backend) url() string { return "http://" + b.ln.Addr().String() }

// request reads one request off r and returns it as it was on the wire; empty at the connection's end.
func (b *backend) request(r *bufio.Reader) string {
	var raw bytes.Buffer
	length, chunked := 0, false
	for {
		line, err := r.ReadString('\n')
		raw.WriteString(line)
		if err != nil {
			return ""
		}
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(line)), ":")
		switch {
		case name == "content-length":
			for _, c := range strings.TrimSpace(value) {
				length = length*10 + int(c-'0')
			}
		case name == "transfer-encoding":
			chunked = true
		}
		if line == "\r\n" {
			break
		}
	}
	if chunked {
		for !strings.HasSuffix(raw.String(), "\r\n0\r\n\r\n") {
			line, err := r.ReadString('\n')
			raw.WriteString(line)
			if err != nil {
				return ""
			}
		}
	}
	if _, err := io.CopyN(&raw, r, int64(length)); err != nil {
		return ""
	}
	b.seen.Add(1)
	return raw.String()
}

// answers serves every request on a connection with the same answer.
func answers(answer string) func(b *backend, c net.Conn) {
	return func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); b.request(r) != ""; {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

// config is what a policy with these targets and nothing else decodes to.
func config(urls ...string) Config {
	c := Config{
		Engine:  "vllm",
		Timeout: Timeout{Connect: 2 * time.Second, FirstByte: 5 * time.Second, Stall: 5 * time.Second},
		Breaker: Breaker{FailureRate: 0.5, Over: 30 * time.Second, MinRequests: 20, OpenFor: 10 * time.Second, Probes: 2, SlowFirstByte: 30 * time.Second},
	}
	for _, u := range urls {
		c.Targets = append(c.Targets, Target{URL: u, Weight: 1})
	}
	return c
}

// makePool compiles cfg; at the test's end it asserts that nothing is left: no request in flight, no connection.
func makePool(t testing.TB, cfg Config) *Pool {
	t.Helper()
	return makePools(t, map[string]Config{"model": cfg}).Pool("model")
}

func makePools(t testing.TB, cfg map[string]Config) *Pools {
	t.Helper()
	ps, err := New(cfg, nil, testEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { drained(t, ps) })
	return ps
}

func testEnv(files map[string]string) Env {
	return Env{Metrics: telemetry.NewMetrics(), Log: zerolog.Nop(), Now: time.Now, ReadFile: func(path string) ([]byte, error) {
		if s, ok := files[path]; ok {
			return []byte(s), nil
		}
		return nil, io.ErrUnexpectedEOF
	}}
}

func drained(t testing.TB, ps *Pools) {
	t.Helper()
	ps.Close(nil)
	for _, name := range ps.Names() {
		if g := ps.Pool(name).gate; g.inflight.Load() != 0 || g.waiting.Load() != 0 || len(g.queue) != 0 {
			t.Errorf("%s: %d places not given back, %d waiting", name, g.inflight.Load(), g.waiting.Load())
		}
		for _, tg := range ps.Pool(name).targets() {
			if n := tg.inflight.Load(); n != 0 {
				t.Errorf("%s: %d requests still in flight", tg.url, n)
			}
			if n := tg.open.Load(); n != 0 {
				t.Errorf("%s: %d connections still open", tg.url, n)
			}
			if b := tg.breaker; b != nil && b.probing.Load() != 0 {
				t.Errorf("%s: %d probes' permits still out", tg.url, b.probing.Load())
			}
		}
	}
}

// head makes a request head from field lines.
func head(method string, fields ...string) *fasthttp.RequestHeader {
	h := &fasthttp.RequestHeader{}
	h.SetNoDefaultContentType(true)
	h.SetMethod(method)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return h
}

func post(body string) *Request {
	return &Request{Head: head("POST", "Content-Type: application/json"), Target: []byte("/v1/chat/completions"), Body: []byte(body)}
}

func get() *Request {
	return &Request{Head: head("GET"), Target: []byte("/v1/models"), Replayable: true}
}

// result is one exchange as the proxy would see it.
type result struct {
	status  int
	body    string
	retries int
	err     error
}

// do runs one exchange through p to its end.
func do(p *Pool, r *Request, cancel *Cancel, deadline time.Time) (res result) {
	l, _, err := p.Acquire(Want{Cancel: cancel, Deadline: deadline})
	if err != nil {
		return result{err: err}
	}
	o := Neutral
	defer func() { l.Release(o) }()
	resp, err := l.RoundTrip(r, cancel, deadline)
	if err != nil {
		return result{err: err}
	}
	defer resp.Close()
	body, err := io.ReadAll(resp)
	if err == nil {
		o = Success
	}
	return result{resp.Header.StatusCode(), string(body), resp.Retries, err}
}

func ask(p *Pool, r *Request) result { return do(p, r, new(Cancel), time.Time{}) }

// answersFast serves small requests without allocating: AllocsPerRun counts the whole process.
func answersFast(b *backend, c net.Conn) {
	buf, answer := make([]byte, 4096), []byte(okAnswer)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
