package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"blaze/telemetry"
)

func TestAlertOverTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, out := newTelemetry(t)
		tel.Configure(telemetry.Config{Alerts: []telemetry.AlertRule{
			{Name: "errors", When: "error_rate > 5% and request_rate > 0.1", For: 30 * time.Second, Severity: "page"},
			{Name: "busy", When: "queue_depth > 10"},
			{Name: "slow", When: "p95(blaze_time_to_first_token_seconds[2m]) > 1s"},
		}})
		depth := 0.0
		tel.Metrics.Gauge("blaze_queue_depth", func() float64 { return 1 }, "a")
		tel.Metrics.Gauge("blaze_queue_depth", func() float64 { return depth }, "b")
		get, stop := running(t, tel, telemetry.AdminOptions{})
		defer stop()
		phase := func(seconds int, change func(r *telemetry.Record), wantFiring string) {
			t.Helper()
			for range seconds {
				r := served()
				change(r)
				tel.Exchange(r)
				time.Sleep(time.Second)
			}
			synctest.Wait()
			var a telemetry.Alerts
			get("/alerts", &a)
			names := []string{}
			for _, f := range a.Firing {
				names = append(names, f.Name)
			}
			if got := strings.Join(names, " "); got != wantFiring {
				t.Errorf("firing: %q, want %q (pending %v)", got, wantFiring, a.Pending)
			}
		}
		phase(60, func(*telemetry.Record) {}, "")
		phase(25, func(r *telemetry.Record) { r.Status = 502 }, "") // holds, but not for long enough
		phase(30, func(r *telemetry.Record) { r.Status = 502 }, "errors")
		depth = 20
		phase(20, func(r *telemetry.Record) { r.Status = 502 }, "errors busy")
		depth = 0
		phase(90, func(r *telemetry.Record) { r.FirstByte = 3 * time.Second }, "slow")
		phase(180, func(*telemetry.Record) {}, "")
		var a telemetry.Alerts
		get("/alerts", &a)
		if len(a.Resolved) != 3 {
			t.Errorf("resolved: %+v", a.Resolved)
		}
		tel.Flush()
		if n := strings.Count(out.String(), `"message":"alert"`); n != 6 {
			t.Errorf("%d lines of alerts, want 6", n)
		}
	})
}

func TestAlertReachesItsWebhook(t *testing.T) {
	got := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got <- r.URL.Path }))
	defer srv.Close()
	tel, _ := newTelemetry(t)
	tel.Configure(telemetry.Config{
		Alerts:        []telemetry.AlertRule{{Name: "always", When: "blaze_uptime_seconds >= 0"}},
		AlertWebhooks: []string{srv.URL + "/api/v2/alerts"},
	})
	defer runReal(t, tel)()
	telemetry.Tick(tel, time.Now())
	if path := <-got; path != "/api/v2/alerts" {
		t.Errorf("got %s", path)
	}
}

// configProblems compares what is wrong with a configuration, in order, with what must be.
func configProblems(t *testing.T) func(c telemetry.Config, want string) {
	return func(c telemetry.Config, want string) {
		t.Helper()
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAlertConfigProblems(t *testing.T) {
	f := configProblems(t)
	when := func(s string) telemetry.Config {
		return telemetry.Config{Alerts: []telemetry.AlertRule{{Name: "a", When: s}}}
	}
	f(telemetry.Config{AlertPresets: true}, "")
	f(when("system.memory.percent > 85"), "")
	f(when("rate(blaze_requests_total{status_class=\"5xx\"}[5m]) > 1"), "")
	f(when("error_rat > 5%"), `alerts[0].when: want a condition such as error_rate > 5%; got "error_rat > 5% (unknown metric \"error_rat\"; did you mean \"error_rate\"?)"`)
	f(when("blaze_requests_total > 5"), `alerts[0].when: want a condition such as error_rate > 5%; got "blaze_requests_total > 5 (blaze_requests_total is a counter: want rate(blaze_requests_total) or increase(blaze_requests_total))"`)
	f(when("rate(queue_depth) > 5"), `alerts[0].when: want a condition such as error_rate > 5%; got "rate(queue_depth) > 5 (blaze_queue_depth is a gauge: want it alone, or avg(blaze_queue_depth))"`)
	f(when("blaze_overhead_seconds > 5"), `alerts[0].when: want a condition such as error_rate > 5%; got "blaze_overhead_seconds > 5 (blaze_overhead_seconds is a histogram: want a quantile such as p99(blaze_overhead_seconds), or avg, rate or increase)"`)
	f(when(`queue_depth{x="y"} > 5`), `alerts[0].when: want a condition such as error_rate > 5%; got "queue_depth{x=\"y\"} > 5 (blaze_queue_depth has no label \"x\"; it has [\"upstream\"])"`)
	f(telemetry.Config{Alerts: []telemetry.AlertRule{{When: "overhead > 1ms", For: -1}}, AlertWebhooks: []string{"hooks.slack.com/secret"}},
		"alerts[0].name: want a name that no other alert has; got \"\"\nalerts[0].for: want a duration of 0s or more; got -1ns\nalert_webhooks[0]: want an http or https URL; got something else")
}
