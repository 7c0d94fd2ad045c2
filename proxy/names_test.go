package proxy_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// names is a name service that knows one address for every name, and answers, refuses, is silent, or does each in turn.
type names struct {
	conn  net.PacketConn
	mood  atomic.Pointer[string]
	asked atomic.Int64
	wg    sync.WaitGroup

	mu     sync.Mutex
	askers []net.Conn // guarded by mu
	ended  bool       // guarded by mu
}

const (
	answering = "answers"
	refusing  = "refuses"
	silent    = "silent"
	flapping  = "flaps"
)

// nameService makes the process ask it for as long as the test runs, which therefore must not be parallel.
func nameService(t *testing.T) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn}
	n.is(answering)
	n.wg.Go(n.serve)
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return n.dial(ctx)
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = conn.Close()
		n.wg.Wait()
		n.end()
	})
	return n
}

// dial is the resolver's connection to it.
func (n *names) dial(ctx context.Context) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		return nil, net.ErrClosed
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", n.conn.LocalAddr().String())
	if err == nil {
		n.askers = append(n.askers, c)
	}
	return c, err
}

// end lets nobody wait for an answer any more: whoever asked while it was silent would for seconds, the test being over.
func (n *names) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	for _, c := range n.askers {
		_ = c.Close()
	}
}

func (n *names) is(mood string) { n.mood.Store(&mood) }

func (n *names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		asked := n.asked.Add(1)
		mood := *n.mood.Load()
		if mood == flapping {
			mood = []string{answering, refusing, answering, silent}[asked/2%4] // A and AAAA are asked together
		}
		if a := answerName(buf[:size], mood == answering); a != nil && mood != silent {
			_, _ = n.conn.WriteTo(a, from)
		}
	}
}

// answerName answers a query (RFC 1035, 4): 127.0.0.1 to A, nothing to AAAA, or SERVFAIL.
func answerName(query []byte, known bool) []byte {
	const head = 12
	if len(query) < head {
		return nil
	}
	end := head
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	if end += 5; end > len(query) { // the root label, type and class
		return nil
	}
	a := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[head:end]...)
	switch isA := query[end-3] == 1; {
	case !known:
		a[3] |= 2
	case isA:
		a[7] = 1
		a = append(a, 0xc0, head, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1)
	}
	return a
}

const namesPolicy = `
version: 1
upstreams:
  model:
    engine: none
    targets: [{url: "http://model.blaze.test:%s"}]
    timeout: {connect: 100ms, first_byte: 30s}
    retry: {attempts: 1}
    breaker: {min_requests: 100000}
    %s
filters: {scan: {mode: off}}
`

// TestNames: a name service that refuses, is silent or does so now and then costs those requests that need a new
// connection an error in time; once it answers, so does the model server. With resolve it costs nothing at all.
func TestNames(t *testing.T) {
	service := nameService(t)
	back := record(t)
	closing := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" // so that each request looks the name up
	back.answer.Store(&closing)
	_, port, _ := net.SplitHostPort(back.ln.Addr().String())
	ask := func(s *served) int {
		t.Helper()
		return generate(t, s.url(), plain).status
	}

	t.Run("each connection", func(t *testing.T) {
		s := serveBefore(t, fmt.Sprintf(namesPolicy, port, ""), "http://127.0.0.1:1")
		f := func(mood string, ok func(status int) bool, times int) {
			t.Helper()
			service.is(mood)
			for range times {
				if status := ask(s); !ok(status) {
					t.Errorf("while it %s: got %d", mood, status)
				}
			}
			s.await(t, "blaze_open_exchanges", 0)
		}
		serves := func(status int) bool { return status == 200 }
		fails := func(status int) bool { return status >= 502 && status <= 504 }
		f(answering, serves, 2)
		f(refusing, fails, 3)
		before := service.asked.Load()
		f(silent, fails, 2)
		if n := service.asked.Load() - before; n > 4 { // A and AAAA each: who waits longer than timeout.connect asks again
			t.Errorf("asked %d times for two requests while it is silent", n)
		}
		f(flapping, func(status int) bool { return serves(status) || fails(status) }, 12)
		f(answering, serves, 3)
		if n := service.asked.Load(); n < 20 {
			t.Errorf("asked %d times only", n)
		}
		if n := s.gauge(t, `blaze_upstream_requests_total{upstream="model",outcome="connect"}`); n < 5 {
			t.Errorf("%v attempts are counted as failed to connect", n)
		}
	})
	t.Run("resolve", func(t *testing.T) {
		service.is(answering)
		s := serveBefore(t, fmt.Sprintf(namesPolicy, port, "resolve: {every: 1s}"), "http://127.0.0.1:1")
		waitFor(t, "the name is looked up", func() bool {
			var text strings.Builder
			_ = s.tel.Metrics.WritePrometheus(&text)
			return strings.Contains(text.String(), `target="http://127.0.0.1:`+port)
		})
		for _, mood := range []string{refusing, silent, flapping, answering} {
			service.is(mood)
			before := service.asked.Load()
			waitFor(t, "it is asked again", func() bool { return service.asked.Load() >= before+2 })
			for range 5 {
				if status := ask(s); status != 200 {
					t.Errorf("while it %s: got %d", mood, status)
				}
			}
		}
	})
}
