package proxy_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"blaze/policy"
	"blaze/proxy"
	"blaze/telemetry"
	"blaze/upstream/demo"
)

func TestMain(m *testing.M) {
	// fasthttp keeps one goroutine for the process, for the Date field, and one of each stopped server until it wakes.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// toxiproxy leaves behind links whose toxic holds bytes for a connection that has ended.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"))
}

// served is a proxy that serves, on the real parts that main wires.
type served struct {
	addr    string
	backend *demo.Server
	tel     *telemetry.Telemetry
	server  *proxy.Server
	store   *policy.Store
}

func (s *served) url() string { return "http://" + s.addr }

// serve serves a policy before a demo backend, which the policy knows as ${env:BACKEND}; more variables are name=value.
func serve(t testing.TB, source string, env ...string) *served {
	t.Helper()
	backend := newBackend(t)
	s := serveBefore(t, source, backend.URL(), env...)
	s.backend = backend
	return s
}

func newBackend(t testing.TB) *demo.Server {
	t.Helper()
	backend := demo.New(demo.Options{Now: func() time.Time { return time.Unix(1700000000, 0) }})
	t.Cleanup(backend.Close)
	return backend
}

func serveBefore(t testing.TB, source, upstream string, env ...string) *served {
	t.Helper()
	return serveAs(t, source, upstream, proxy.Options{}, io.Discard, env...)
}

// serveAs serves with some options of the process, and writes the log, from info on, to out.
func serveAs(t testing.TB, source, upstream string, o proxy.Options, out io.Writer, env ...string) *served {
	t.Helper()
	s, stop := serveUntil(t, source, upstream, o, out, env...)
	t.Cleanup(stop)
	return s
}

// serveUntil serves until stop is called.
func serveUntil(t testing.TB, source, upstream string, o proxy.Options, out io.Writer, env ...string) (s *served, stop func()) {
	t.Helper()
	s = ready(t, source, upstream, o, out, env...)
	return s, s.run(t)
}

// ready listens and does not serve yet.
func ready(t testing.TB, source, upstream string, o proxy.Options, out io.Writer, env ...string) *served {
	t.Helper()
	level := "info"
	if out == io.Discard {
		level = "error"
	}
	tel := telemetry.New(telemetry.Options{LogLevel: level, Output: out})
	store, err := policy.Open(policy.Options{Source: []byte(source), Upstream: upstream, Tel: tel, Env: func(name string) (string, bool) {
		if name == "BACKEND" {
			return upstream, true
		}
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v, true
			}
		}
		return "", false
	}})
	if err != nil {
		t.Fatal(err)
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.Store, o.Tel, o.Drain = store, tel, 10*time.Second
	server, err := proxy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &served{addr: server.Addr().String(), tel: tel, server: server, store: store}
}

// run serves until stop is called.
func (s *served) run(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.store.Run(ctx) })
	running.Go(func() { s.tel.Run(ctx) })
	running.Go(func() {
		if err := s.server.Run(ctx); err != nil {
			t.Errorf("the proxy ended: %v", err)
		}
	})
	return func() {
		cancel()
		running.Wait()
		s.store.Current().Pools.Close(nil)
	}
}

// patience bounds every wait for something that must happen; it is no expectation of how fast.
const patience = 30 * time.Second

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = c.Close() })
	return c
}
