package telemetry_test

import (
	"math"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"blaze/telemetry"
)

// advised runs an hour of observations and returns what is suggested then, by rule.
func advised(t *testing.T, each func(tel *telemetry.Telemetry, i int)) map[string]telemetry.Suggestion {
	t.Helper()
	now := time.Now().Add(-time.Hour)
	tel := telemetry.New(telemetry.Options{Output: &strings.Builder{}, Now: func() time.Time { return now }})
	for i := range 360 {
		now = now.Add(10 * time.Second)
		each(tel, i)
		telemetry.Tick(tel, now)
	}
	var got struct{ Suggestions []telemetry.Suggestion }
	getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/suggestions", &got)
	out := map[string]telemetry.Suggestion{}
	for _, s := range got.Suggestions {
		out[s.Rule] = s
	}
	return out
}

func TestSuggestions(t *testing.T) {
	f := func(rule, wantAdvice, wantBecause string, each func(tel *telemetry.Telemetry, i int)) {
		t.Helper()
		got, there := advised(t, each)[rule]
		if there != (wantAdvice != "") || !strings.Contains(got.Advice, wantAdvice) || !strings.Contains(got.Because, wantBecause) {
			t.Errorf("%s: got %+v, want %q because %q", rule, got, wantAdvice, wantBecause)
		}
	}
	queue := func(depth float64, status int) func(*telemetry.Telemetry, int) {
		return func(tel *telemetry.Telemetry, i int) {
			tel.Metrics.Gauge("blaze_concurrency_limit", func() float64 { return 16 }, "model")
			tel.Metrics.Gauge("blaze_queue_depth", func() float64 { return depth }, "model")
			r := served()
			r.Status = status
			tel.Exchange(r)
		}
	}
	f("concurrency", "Raise upstreams.model.concurrency.max", "on average 12.0 requests waited for one of 16 places", queue(12, 200))
	f("concurrency", "", "", queue(1, 200))
	f("concurrency", "", "", queue(12, 502)) // more places would not help a server that fails
	breaker := func(opens, failures int) func(*telemetry.Telemetry, int) {
		return func(tel *telemetry.Telemetry, i int) {
			if i%60 == 0 && i/60 < opens {
				tel.Metrics.Counter("blaze_breaker_changes_total", "model", "a", "open").Inc()
			}
			r := served()
			if i < failures {
				r.Status = 502
			}
			tel.Exchange(r)
		}
	}
	f("eager_breaker", "Raise upstreams.model.breaker.min_requests", "opened 6 times", breaker(6, 3))
	f("eager_breaker", "", "", breaker(6, 100))
	f("eager_breaker", "", "", breaker(2, 0))
	shadow := func(share int) func(*telemetry.Telemetry, int) {
		return func(tel *telemetry.Telemetry, i int) {
			for j := range 5 {
				r := served()
				if (5*i+j)%share == 0 {
					r.Shadow = []telemetry.ShadowHit{{Filter: "scan", Rule: "prompt_injection"}}
				}
				tel.Exchange(r)
			}
		}
	}
	f("shadow_rule", "Look at what scan/prompt_injection notes", "36 of 1800 requests", shadow(50))
	f("shadow_rule", "Do not enforce scan/prompt_injection as it is", "180 of 1800", shadow(10))
	f("shadow_rule", "", "", shadow(1000))
	f("cpu_quota", "", "", func(*telemetry.Telemetry, int) {})
	f("cpu_quota", "Raise the container's CPU limit", "20 % of its scheduling periods", func(tel *telemetry.Telemetry, _ int) {
		tel.Metrics.Gauge("blaze_system_cpu_throttled_percent", func() float64 { return 20 })
	})
}

// A limit that did nothing in a day of traffic is said to be too wide; one that did, or a quiet day, says nothing.
func TestIdleLimitSuggestion(t *testing.T) {
	f := func(requestsPerMinute int, decisions int64, want bool) {
		t.Helper()
		now := time.Now().Add(-25 * time.Hour)
		tel := telemetry.New(telemetry.Options{Output: &strings.Builder{}, Now: func() time.Time { return now }})
		tel.Metrics.Counter("blaze_ratelimit_decisions_total", "wide", "reject").Add(decisions)
		for range 25 * 60 {
			now = now.Add(time.Minute)
			for range requestsPerMinute {
				tel.Exchange(served())
			}
			telemetry.Tick(tel, now)
		}
		var got struct{ Suggestions []telemetry.Suggestion }
		getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/suggestions", &got)
		there := false
		for _, s := range got.Suggestions {
			if s.Rule == "idle_limit" {
				there = strings.Contains(s.Advice, `"wide"`) && s.Figures["requests"] >= 10000
			}
		}
		if there != want {
			t.Errorf("%d requests a minute, %d decisions: %+v", requestsPerMinute, decisions, got.Suggestions)
		}
	}
	f(8, 0, true)
	f(8, 3, false)
	f(1, 0, false)
}

// A container with a bound that the runtime does not know of is told; one that it knows of is not.
func TestMemoryLimitSuggestion(t *testing.T) {
	f := func(limit int64, want string) {
		t.Helper()
		old := debug.SetMemoryLimit(limit)
		defer debug.SetMemoryLimit(old)
		got, there := advised(t, func(tel *telemetry.Telemetry, _ int) {
			tel.Metrics.Gauge("blaze_system_memory_limit_bytes", func() float64 { return 512 << 20 }, "container")
		})["memory_limit"]
		if there != (want != "") || !strings.Contains(got.Advice, want) {
			t.Errorf("limit %d: got %+v", limit, got)
		}
	}
	f(math.MaxInt64, "Set GOMEMLIMIT to about 461MiB")
	f(4<<30, "")
}

func TestMemoryTrend(t *testing.T) {
	f := func(growth float64, want bool) {
		t.Helper()
		now, heap := time.Now().Truncate(time.Hour).Add(-8*time.Hour), 100e6
		tel := telemetry.New(telemetry.Options{Output: &strings.Builder{}, Now: func() time.Time { return now }})
		tel.Metrics.Gauge("blaze_process_heap_bytes", func() float64 { return heap })
		for range 8 * 60 {
			now = now.Add(time.Minute)
			heap += growth
			telemetry.Tick(tel, now)
		}
		var got struct{ Suggestions []telemetry.Suggestion }
		getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/suggestions", &got)
		there := false
		for _, s := range got.Suggestions {
			there = there || s.Rule == "memory_trend"
		}
		if there != want {
			t.Errorf("growth of %v a minute: %+v", growth, got.Suggestions)
		}
	}
	f(1e6, true)
	f(0, false)
	f(1e4, false) // grows, but by little
}

func TestFilterCosts(t *testing.T) {
	tel, _ := newTelemetry(t)
	tel.Metrics.Counter("blaze_filter_verdicts_total", "scan", "deny").Add(3)
	for range 100 {
		tel.Metrics.Histogram("blaze_filter_seconds", "scan", "head").Observe(3e-6)
		tel.Metrics.Histogram("blaze_filter_seconds", "scan", "body").Observe(20e-6)
	}
	var got struct{ Filters []telemetry.FilterCost }
	getJSON(t, admin(t, tel, telemetry.AdminOptions{})+"/debug/filters", &got)
	if len(got.Filters) != 1 {
		t.Fatalf("got %+v", got)
	}
	c := got.Filters[0]
	if c.Filter != "scan" || c.Calls != 200 || c.Verdicts != 3 || c.MeanSeconds < 11e-6 || c.MeanSeconds > 12e-6 || c.P99Seconds < 10e-6 || c.P99Seconds > 25e-6 {
		t.Errorf("got %+v", c)
	}
}
