package upstream

import (
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"blaze/telemetry/setting"
)

func TestProblems(t *testing.T) {
	f := func(change func(c *Config), want ...string) {
		t.Helper()
		c := config("http://127.0.0.1:1")
		change(&c)
		_, err := New(map[string]Config{"model": c}, nil, testEnv(map[string]string{"bad.pem": "x"}))
		var got []string
		for _, p := range setting.Problems(err) {
			got = append(got, p.Error())
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	target := func(url string) func(c *Config) { return func(c *Config) { c.Targets[0].URL = url } }
	const form = "want http://host:port, https://host:port or unix:/path"
	f(func(c *Config) {})
	f(target("http://u:secret@h:1"), `model.targets[0].url: want a URL without user and password (set the authorization header under headers.set); got "http://***@h:1"`)
	f(target("http://h:1/v1"), `model.targets[0].url: `+form+`, without a path: the request's own path is sent as it came; got "http://h:1/v1"`)
	f(target("ftp://h"), `model.targets[0].url: `+form+`; got "ftp://h"`)
	f(target("http://"), `model.targets[0].url: `+form+`; got "http://"`)
	f(target("unix:rel"), `model.targets[0].url: want unix: and an absolute path of at most 107 bytes; got "unix:rel"`)
	f(func(c *Config) { c.Targets = nil }, `model.targets: want at least one target; got "none"`)
	f(func(c *Config) { c.Targets = append(c.Targets, c.Targets[0]) }, `model.targets[1].url: want each target once (weight says how much it gets); got "http://127.0.0.1:1"`)
	f(func(c *Config) { c.Targets[0].Weight = 1001 }, `model.targets[0].weight: want a weight from 1 to 1000; got 1001`)
	f(func(c *Config) { c.Timeout.Stall, c.Breaker.Probes = -1, 0 }, `model.breaker.probes: want a number from 1 to 100; got 0`, `model.timeout.stall: want a duration over 0s; got -1ns`)
	f(func(c *Config) { c.Targets[0].URL, c.TLS = "https://h", &TLS{CA: "bad.pem", Cert: "bad.pem"} }, `model.tls.ca: want a PEM file with at least one certificate; got "bad.pem"`, `model.tls.key: want the key of the certificate in cert; got "none"`)
}

func TestRoundRobinFollowsWeights(t *testing.T) {
	f := func(want map[int]int, weights ...int) {
		t.Helper()
		var targets []*target
		total := 0
		for _, w := range weights {
			targets = append(targets, &target{endpoint: &endpoint{}, weight: w})
		}
		for _, n := range want {
			total += n
		}
		p, got := newPicker(RoundRobin, targets), map[int]int{}
		for range total {
			got[p.pick(Want{})]++
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: got %v, want %v", weights, got, want)
		}
	}
	f(map[int]int{0: 5, 1: 5, 2: 5}, 1, 1, 1)
	f(map[int]int{0: 50, 1: 10, 2: 10}, 5, 1, 1)
	f(map[int]int{0: 10, 1: 20, 2: 30}, 100, 200, 300)
	f(map[int]int{0: 1000, 1: 1}, 1000, 1)
	f(map[int]int{0: 7}, 1)
}

func TestLeastInflightEvensOut(t *testing.T) {
	targets := []*target{{endpoint: &endpoint{}, weight: 1}, {endpoint: &endpoint{}, weight: 1}, {endpoint: &endpoint{}, weight: 2}}
	p := newPicker(LeastInflight, targets)
	for range 4000 {
		targets[p.pick(Want{})].inflight.Add(1)
	}
	for i, want := range []float64{1000, 1000, 2000} {
		if got := float64(targets[i].inflight.Load()); math.Abs(got-want) > 10 {
			t.Errorf("target %d has %v, want about %v", i, got, want)
		}
	}
}

// A reload keeps connections, counts and breaker of what did not change, and closes the rest.
func TestReloadKeepsState(t *testing.T) {
	a, b := serve(t, answers(okAnswer)), serve(t, answers(okAnswer))
	cfg := map[string]Config{"model": config(a.url(), b.url())}
	one, err := New(cfg, nil, testEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ask(one.Pool("model"), post("{}"))
	}
	two, err := New(map[string]Config{"model": config(a.url()), "new": config(b.url())}, one, testEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	one.Close(two)
	kept, gone := one.Pool("model").targets()[0], one.Pool("model").targets()[1]
	if two.Pool("model").targets()[0].endpoint != kept.endpoint || two.Pool("model").targets()[0].breaker != kept.breaker {
		t.Error("the unchanged target lost its state")
	}
	if gone.open.Load() != 0 || kept.open.Load() == 0 {
		t.Errorf("open connections: %d at the target that is gone, %d at the one kept", gone.open.Load(), kept.open.Load())
	}
	if res := ask(two.Pool("model"), post("{}")); res.err != nil || a.conns.Load() != 1 {
		t.Errorf("got %+v; %d connections", res, a.conns.Load())
	}
	drained(t, two)
}

// A stream that began before a reload ends undisturbed, and its connection is closed when its target is gone.
func TestReloadKeepsStreams(t *testing.T) {
	b := serve(t, answers(okAnswer))
	one, err := New(map[string]Config{"model": config(b.url())}, nil, testEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	p := one.Pool("model")
	l, _, err := p.Acquire(Want{})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.RoundTrip(post("{}"), new(Cancel), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	one.Close(nil)
	if body, err := io.ReadAll(resp); err != nil || string(body) != "{}" {
		t.Errorf("read %q, %v", body, err)
	}
	l.Release(Success)
	drained(t, one)
}

// A warm exchange allocates nothing.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	b := serve(t, answersFast)
	cfg := config(b.url())
	p := makePool(t, cfg)
	r, cancel, buf := post(`{"model":"m"}`), new(Cancel), make([]byte, 4096)
	deadline := time.Now().Add(time.Minute)
	n := testing.AllocsPerRun(200, func() {
		cancel.Reset()
		l, _, err := p.Acquire(Want{Cancel: cancel, Deadline: deadline})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := l.RoundTrip(r, cancel, deadline)
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := resp.Read(buf); err != nil {
				break
			}
		}
		resp.Close()
		l.Release(Success)
	})
	if n != 0 {
		t.Errorf("%v allocations for a warm exchange", n)
	}
}
