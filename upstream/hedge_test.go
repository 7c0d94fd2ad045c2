package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pair is two targets that answer by the order in which requests reach either of them.
type pair struct {
	seen, left atomic.Int64
	act        func(n int64, c net.Conn, r *bufio.Reader) // n counts from 1
}

func (p *pair) config(t *testing.T, h *Hedge) Config {
	var urls []string
	for range 2 {
		b := serve(t, func(b *backend, c net.Conn) {
			for r := bufio.NewReader(c); b.request(r) != ""; {
				p.act(p.seen.Add(1), c, r)
			}
		})
		urls = append(urls, b.url())
	}
	cfg := config(urls...)
	cfg.Hedge = h
	return cfg
}

// hold answers nothing until the other end hangs up.
func (p *pair) hold(r *bufio.Reader) {
	_, _ = r.ReadByte()
	p.left.Add(1)
}

func embed() *Request {
	r := post(`{"input":"x"}`)
	r.Hedge = true
	return r
}

func (p *Pool) hedges() (sent, won int64) { return p.hedging.sent.Value(), p.hedging.won.Value() }

// The first target is silent: the second is asked, its answer counts, and the first is left.
func TestHedge(t *testing.T) {
	b := &pair{}
	b.act = func(n int64, c net.Conn, r *bufio.Reader) {
		if n%2 == 1 {
			b.hold(r)
			return
		}
		_, _ = io.WriteString(c, okAnswer)
	}
	p := makePool(t, b.config(t, &Hedge{After: After(50 * time.Millisecond), Budget: 1}))
	switched := int64(0)
	for range 5 {
		l := mustLease(t, p, Want{})
		first := l.target
		resp, err := l.RoundTrip(embed(), new(Cancel), time.Time{})
		if err != nil || resp.Header.StatusCode() != 200 || l.Retries() != 0 {
			t.Fatalf("got %v from %s", err, l.Info().Target)
		}
		if l.target != first { // unless the machine let the second request overtake the first
			switched++
		}
		if body, err := io.ReadAll(resp); string(body) != "{}" || err != nil {
			t.Fatalf("got %q, %v", body, err)
		}
		if l.target != first && first.inflight.Load() != 0 || first.breaker.cb.Metrics().Failures() != 0 {
			t.Error("the loser is still counted, or held against its target")
		}
		l.Release(Success)
	}
	if sent, won := p.hedges(); sent != 5 || won != switched || won < 3 || b.seen.Load() != 10 {
		t.Errorf("sent %d, won %d; %d requests", sent, won, b.seen.Load())
	}
	for end := time.Now().Add(10 * time.Second); b.left.Load() < 5 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if b.left.Load() != 5 {
		t.Errorf("%d of 5 losers were told to stop", b.left.Load())
	}
}

// A first answer in time, a generation, a used-up budget and an unknown p95 all mean one request.
func TestNoHedge(t *testing.T) {
	b := &pair{act: func(_ int64, c net.Conn, _ *bufio.Reader) {
		time.Sleep(3 * time.Millisecond)
		_, _ = io.WriteString(c, okAnswer)
	}}
	f := func(name string, h *Hedge, r func() *Request, n, want int64) {
		t.Helper()
		p := makePool(t, b.config(t, h))
		b.seen.Store(0)
		for range n {
			if res := ask(p, r()); res.err != nil || res.body != "{}" {
				t.Fatalf("%s: got %+v", name, res)
			}
		}
		// A second request may be taken back before it is read.
		if sent, _ := p.hedges(); sent != want || b.seen.Load() < n || b.seen.Load() > n+want {
			t.Errorf("%s: %d hedges, %d requests", name, sent, b.seen.Load())
		}
	}
	f("in time", &Hedge{After: After(10 * time.Second), Budget: 1}, embed, 5, 0)
	f("a generation", &Hedge{After: After(time.Millisecond), Budget: 1}, func() *Request { return post("{}") }, 5, 0)
	f("no budget", &Hedge{After: After(time.Millisecond), Budget: 0}, embed, 15, budgetReserve/retryCost)
	f("nothing known", &Hedge{Budget: 1}, embed, enough, 0)
}

// The first fails while the second is under way: the second's answer counts. Both fail: the first's failure is the answer.
func TestHedgeFailures(t *testing.T) {
	b := &pair{}
	p := makePool(t, b.config(t, &Hedge{After: After(50 * time.Millisecond), Budget: 1}))
	started := make(chan bool)
	b.act = func(n int64, c net.Conn, r *bufio.Reader) {
		if n%2 == 1 {
			<-started
			_, _ = io.WriteString(c, answer("500 Oh"))
			return
		}
		started <- true
		time.Sleep(10 * time.Millisecond)
		_, _ = io.WriteString(c, okAnswer)
	}
	if res := ask(p, embed()); res.err != nil || res.status != 200 || res.body != "{}" {
		t.Errorf("got %+v", res)
	}
	b.act = func(n int64, c net.Conn, r *bufio.Reader) {
		if n%2 == 1 {
			<-started
			_, _ = io.WriteString(c, answer("500 Oh"))
			return
		}
		started <- true
		_ = c.Close()
	}
	if res := ask(p, embed()); res.status != 500 && !errors.Is(res.err, ErrCut) { // whichever of them came first
		t.Errorf("got %+v: %v", res, res.err)
	}
}

// The client goes while two targets work: both are left.
func TestHedgeCancelled(t *testing.T) {
	b := &pair{}
	both := make(chan bool, 2)
	b.act = func(n int64, c net.Conn, r *bufio.Reader) {
		both <- true
		b.hold(r)
	}
	p := makePool(t, b.config(t, &Hedge{After: After(time.Millisecond), Budget: 1}))
	cancel := new(Cancel)
	go func() { <-both; <-both; cancel.Cancel() }()
	if res := do(p, embed(), cancel, time.Time{}); !errors.Is(res.err, ErrCancelled) {
		t.Errorf("got %+v", res)
	}
}

// Races of all kinds, under the race detector: every answer is whole, and makePool finds nothing left.
func TestHedgeStorm(t *testing.T) {
	b := &pair{act: func(n int64, c net.Conn, r *bufio.Reader) {
		time.Sleep(time.Duration(n%4) * time.Millisecond)
		_, _ = io.WriteString(c, okAnswer)
	}}
	p := makePool(t, b.config(t, &Hedge{After: After(time.Millisecond), Budget: 1}))
	done := make(chan bool)
	for g := range 8 {
		go func() {
			for i := range 60 {
				cancel := new(Cancel)
				if (i+g)%5 == 0 {
					time.AfterFunc(time.Duration(i%3)*time.Millisecond, cancel.Cancel)
				}
				if res := do(p, embed(), cancel, time.Time{}); res.err == nil && res.body != "{}" || res.err != nil && !errors.Is(res.err, ErrCancelled) {
					t.Errorf("got %+v: %v", res, res.err)
				}
			}
			done <- true
		}()
	}
	for range 8 {
		<-done
	}
}

// The 95th percentile is followed to within a third, wherever it starts and whatever its scale.
func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.Float64Range(1e-3, 100).Draw(t, "scale")
		seed := rapid.Uint64().Draw(t, "seed")
		var q quantile
		for range 6000 {
			seed = seed*6364136223846793005 + 1442695040888963407
			q.add(time.Duration(scale * float64(seed>>11) / (1 << 53) * float64(time.Second)))
		}
		got, ok := q.value()
		if want := 0.95 * scale; !ok || got.Seconds() < want*0.66 || got.Seconds() > want*1.34 {
			t.Fatalf("p95 of 0 to %gs is %v", scale, got)
		}
	})
}
