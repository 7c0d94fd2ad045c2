package upstream

import (
	"math/rand/v2"
	"strings"
	"testing"

	"blaze/telemetry/setting"
)

func affine(t *testing.T, urls ...string) *Pool {
	t.Helper()
	cfg := config(urls...)
	cfg.Balance, cfg.Breaker.FailureRate = Prefix, 0
	return makePool(t, cfg)
}

var four = []string{"http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4"}

// One at a time, a conversation's turns all go to its own target, and conversations spread evenly.
func TestPrefixAffinity(t *testing.T) {
	p := affine(t, four...)
	counts := map[string]int{}
	home := map[uint64]string{}
	for range 4000 {
		a := uint64(rand.IntN(400) + 1)
		l := mustLease(t, p, Want{Affinity: a})
		url := l.Info().Target
		l.Release(Success)
		if home[a] != "" && home[a] != url {
			t.Fatalf("conversation %d moved from %s to %s", a, home[a], url)
		}
		home[a] = url
		counts[url]++
	}
	for url, n := range counts {
		if n < 700 || n > 1300 {
			t.Errorf("%s got %d of 4000", url, n)
		}
	}
	// A target that goes takes only its own conversations along.
	q, moved := affine(t, four[:3]...), 0
	for a, url := range home {
		l := mustLease(t, q, Want{Affinity: a})
		if l.Info().Target != url && url != four[3] {
			moved++
		}
		l.Release(Success)
	}
	if moved != 0 {
		t.Errorf("%d conversations moved though their target stayed", moved)
	}
}

// However hot one conversation is, no target gets more than its bounded share.
func TestPrefixAffinityIsBounded(t *testing.T) {
	p := affine(t, four...)
	var held []*Lease
	for range 400 {
		held = append(held, mustLease(t, p, Want{Affinity: 7}))
	}
	for _, tg := range p.targets() {
		if n := tg.inflight.Load(); n > 126 {
			t.Errorf("%s has %d of 400 in flight", tg.url, n)
		}
	}
	for _, l := range held {
		l.Release(Success)
	}
}

// A recorded kind of workload: 60 conversations of 10 turns, eight in flight. A turn is a hit when the target saw the
// turn before. Affinity must hit far more often than least in-flight, at nearly the same balance.
func TestAffinityAgainstLeastInflight(t *testing.T) {
	run := func(p *Pool) (hits, total int, worst float64) {
		r := rand.New(rand.NewPCG(1, 2))
		last := map[int]string{}
		turns := make([]int, 60)
		var inflight []*Lease
		for range 600 {
			c := r.IntN(60)
			l := mustLease(t, p, Want{Affinity: uint64(c)*2654435761 + 1})
			if turns[c]++; turns[c] > 1 {
				total++
				if last[c] == l.Info().Target {
					hits++
				}
			}
			last[c] = l.Info().Target
			if inflight = append(inflight, l); len(inflight) == 8 {
				k := r.IntN(8)
				inflight[k].Release(Success)
				inflight = append(inflight[:k], inflight[k+1:]...)
			}
			var most, sum float64
			for _, tg := range p.targets() {
				most, sum = max(most, float64(tg.inflight.Load())), sum+float64(tg.inflight.Load())
			}
			if sum >= 7 {
				worst = max(worst, most*4/sum)
			}
		}
		for _, l := range inflight {
			l.Release(Success)
		}
		return hits, total, worst
	}
	least := config(four...)
	least.Breaker.FailureRate = 0
	lh, lt, lw := run(makePool(t, least))
	ah, at, aw := run(affine(t, four...))
	t.Logf("least in-flight: %d%% hits, busiest target at most %.2f of the mean; prefix: %d%% hits, %.2f", 100*lh/lt, lw, 100*ah/at, aw)
	if 100*ah/at < 60 || 100*lh/lt > 40 || aw > 2 {
		t.Errorf("prefix affinity does not pay: %d/%d against %d/%d hits, worst %.2f", ah, at, lh, lt, aw)
	}
}

func TestFallbackProblems(t *testing.T) {
	f := func(fb Fallback, want string) {
		t.Helper()
		c := config("http://127.0.0.1:1")
		c.Fallback = []Fallback{fb}
		_, err := New(map[string]Config{"model": c, "spare": config("http://127.0.0.1:2")}, nil, testEnv(nil))
		got := ""
		for _, p := range setting.Problems(err) {
			got += p.Error() + "\n"
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	f(Fallback{Upstream: "spare"}, "")
	f(Fallback{Upstream: "model", Model: "small"}, "")
	f(Fallback{Status: 200, Body: "text"}, "")
	f(Fallback{Upstream: "model"}, `model.fallback[0]: want another upstream, or another model of this one; got "model"`)
	f(Fallback{Upstream: "spar"}, `model.fallback[0]: want one of the upstreams ["model" "spare"]; got "spar"; did you mean "spare"?`)
	f(Fallback{Upstream: "spare", Status: 200}, `model.fallback[0]: want an upstream or a fixed answer, not both; got "spare"`)
	f(Fallback{}, `model.fallback[0].status: want an upstream's name, or a status from 200 to 599 that may have a body; got 0`)
	f(Fallback{Status: 204}, `model.fallback[0].status: want an upstream's name, or a status from 200 to 599 that may have a body; got 204`)
}

// What may go to another upstream after it failed at this one.
func TestElsewhere(t *testing.T) {
	f := func(name string, r *Request, handler func(b *backend, url string) string, want bool) {
		t.Helper()
		b := serve(t, inTurn(handler(nil, "")))
		cfg := config(b.url())
		cfg.Timeout.FirstByte = cfg.Timeout.FirstByte / 50
		p := makePool(t, cfg)
		l := mustLease(t, p, Want{})
		defer l.Release(Neutral)
		_, err := l.RoundTrip(r, new(Cancel), noDeadline)
		if got := l.Elsewhere(r, err); got != want {
			t.Errorf("%s: got %v (%v)", name, got, err)
		}
	}
	status := func(s string) func(*backend, string) string {
		return func(*backend, string) string { return answer(s) }
	}
	raw := func(s string) func(*backend, string) string { return func(*backend, string) string { return s } }
	for _, s := range []string{"429 Later", "500 Oops", "503 Busy"} {
		f("POST "+s, post("{}"), status(s), true)
	}
	for _, s := range []string{"200 OK", "400 Bad", "502 Bad", "504 Late"} {
		f("POST "+s, post("{}"), status(s), false)
	}
	f("GET 502", get(), status("502 Bad"), true)
	f("POST cut", post("{}"), raw("cut"), false)
	f("POST silence", post("{}"), raw(""), false)
	f("GET silence", get(), raw(""), true)
	p := makePool(t, config(deadURL(t)))
	l := mustLease(t, p, Want{})
	_, err := l.RoundTrip(post("{}"), new(Cancel), noDeadline)
	if !l.Elsewhere(post("{}"), err) {
		t.Errorf("no connection: %v", err)
	}
	l.Release(Neutral)
}
