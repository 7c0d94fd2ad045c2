package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// directory is a name service that the test writes.
type directory struct {
	mu    sync.Mutex
	names map[string][]string
	err   error
	asked int
}

func (d *directory) set(name string, addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = map[string][]string{name: addresses}
}

func (d *directory) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *directory) lookup(_ context.Context, name string) (out []netip.Addr, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	for _, a := range d.names[name] {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, d.err
}

// named makes pools whose only upstream has these targets, whose names d knows.
func named(t *testing.T, d *directory, prev *Pools, targets ...string) *Pools {
	t.Helper()
	cfg := config(targets...)
	cfg.Resolve = &Resolve{Every: 30 * time.Second}
	env := testEnv(nil)
	env.Lookup = d.lookup
	if prev != nil {
		env = prev.env
	}
	ps, err := New(map[string]Config{"model": cfg}, prev, env)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

func urls(p *Pool) string {
	var all []string
	for _, t := range p.targets() {
		all = append(all, t.url)
	}
	return strings.Join(all, " ")
}

// Addresses come and go; what is known of those that stay is kept, and failure changes nothing.
func TestResolve(t *testing.T) {
	d := &directory{}
	ps := named(t, d, nil, "http://model.svc:8000", "http://192.0.2.9:1")
	p, failing := ps.Pool("model"), map[string]bool{}
	f := func(want string, addresses ...string) {
		t.Helper()
		d.set("model.svc", addresses...)
		p.resolveOnce(t.Context(), failing)
		if got := urls(p); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const fixed = " http://192.0.2.9:1"
	f("http://model.svc:8000" + fixed) // nothing is known: each connection looks
	f("http://10.0.0.1:8000"+fixed, "10.0.0.1")
	one := p.targets()[0]
	if one.host != "model.svc:8000" || one.name != "model.svc" || one.dial != "10.0.0.1:8000" || one.health.since.Load() != 0 {
		t.Errorf("%+v", one.address)
	}
	f("http://10.0.0.1:8000 http://10.0.0.2:8000 http://[2001:db8::1]:8000"+fixed, "10.0.0.2", "2001:db8::1", "10.0.0.1", "::ffff:10.0.0.2")
	if p.targets()[0] != one || p.targets()[1].health.since.Load() == 0 {
		t.Error("one that stays has changed, or one that comes does not begin slowly")
	}
	f("http://10.0.0.1:8000 http://10.0.0.2:8000 http://[2001:db8::1]:8000" + fixed)
	d.err = errors.New("no such host")
	f("http://10.0.0.1:8000 http://10.0.0.2:8000 http://[2001:db8::1]:8000"+fixed, "10.0.0.7")
	if !failing["http://model.svc:8000"] {
		t.Error("the failure is not noted")
	}
	d.err = nil
	f("http://10.0.0.2:8000"+fixed, "10.0.0.2")
	f("http://192.0.2.9:8000"+fixed, "192.0.2.9")

	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprintf("10.1.%d.%d", i/256, i%256))
	}
	d.set("model.svc", many...)
	p.resolveOnce(t.Context(), failing)
	if n := len(p.targets()); n != maxAddresses+1 {
		t.Errorf("%d targets", n)
	}

	// A reload knows the addresses at once, with their state.
	f("http://10.0.0.1:8000 http://10.0.0.2:8000"+fixed, "10.0.0.1", "10.0.0.2")
	p.targets()[1].breaker.opened.Store(3)
	next := named(t, d, ps, "http://model.svc:8000")
	q := next.Pool("model")
	if urls(q) != "http://10.0.0.1:8000 http://10.0.0.2:8000" || q.targets()[1].endpoint != p.targets()[1].endpoint || q.targets()[1].breaker != p.targets()[1].breaker {
		t.Errorf("after a reload: %s", urls(q))
	}
	drained(t, ps)
	drained(t, next)
}

// A target that is looked up no more finishes what it works on; then its connection is closed.
func TestResolveWithoutLoss(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(first.Addr().String())
	second, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	release := make(chan struct{})
	slow := serveOn(first, func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); b.request(r) != ""; {
			_, _ = io.WriteString(c, partAnswer)
			<-release
			_, _ = io.WriteString(c, "0\r\n\r\n")
		}
	})
	defer slow.stop()
	quick := serveOn(second, answers(okAnswer))
	defer quick.stop()
	d := &directory{}
	d.set("model.svc", "127.0.0.1")
	ps := named(t, d, nil, "http://model.svc:"+port)
	p, failing := ps.Pool("model"), map[string]bool{}
	p.resolveOnce(t.Context(), failing)
	l := mustLease(t, p, Want{})
	resp, err := l.RoundTrip(post("{}"), new(Cancel), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	d.set("model.svc", "127.0.0.2")
	p.resolveOnce(t.Context(), failing)
	for range 5 {
		if res := ask(p, post("{}")); res.err != nil || res.body != "{}" {
			t.Fatalf("got %+v", res)
		}
	}
	close(release)
	if b, err := io.ReadAll(resp); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v", b, err)
	}
	old := l.target
	l.Release(Success)
	if n := old.open.Load(); n != 0 {
		t.Errorf("%d connections to a target that is gone", n)
	}
	if slow.seen.Load() != 1 || quick.seen.Load() != 5 {
		t.Errorf("asked %d and %d", slow.seen.Load(), quick.seen.Load())
	}
	drained(t, ps)
}

// Names are looked up at once and then every so often, and what runs for a target ends with it.
func TestResolveRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{}
		d.set("model.svc", "10.0.0.1")
		ps := named(t, d, nil, "http://model.svc:8000")
		p := ps.Pool("model")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { ps.Run(ctx); close(done) }()
		synctest.Wait()
		if urls(p) != "http://10.0.0.1:8000" {
			t.Errorf("got %s", urls(p))
		}
		d.set("model.svc", "10.0.0.2")
		time.Sleep(29 * time.Second)
		synctest.Wait()
		if urls(p) != "http://10.0.0.1:8000" || d.count() != 1 {
			t.Errorf("got %s after %d lookups", urls(p), d.count())
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if urls(p) != "http://10.0.0.2:8000" || d.count() != 2 {
			t.Errorf("got %s after %d lookups", urls(p), d.count())
		}
		stop()
		<-done
	})
}
