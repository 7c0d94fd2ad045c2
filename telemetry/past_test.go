package telemetry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"blaze/telemetry"
)

// running runs tel inside a synctest bubble and returns its admin port, which is asked without a network, and what
// ends it.
func running(t *testing.T, tel *telemetry.Telemetry, o telemetry.AdminOptions) (get func(path string, v any) int, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); tel.Run(ctx) }()
	h := tel.AdminHandler(o)
	get = func(path string, v any) int {
		t.Helper()
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr, r.Host = "127.0.0.1:5000", "localhost"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, w.Body)
		}
		return w.Code
	}
	return get, func() { cancel(); <-done }
}

// chart is a history answer as a client reads it; null is nil.
type chart struct {
	Names       []string
	StepSeconds int64 `json:"step_seconds"`
	Series      []struct {
		Labels           map[string]string
		Points, Previous []*float64
	}
	Error struct{ Message, Code string }
}

func (c chart) sum() (total float64) {
	for _, s := range c.Series {
		for _, p := range s.Points {
			if p != nil {
				total += *p
			}
		}
	}
	return total
}

func TestMetricsHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t)
		get, stop := running(t, tel, telemetry.AdminOptions{})
		defer stop()
		time.Sleep(5 * time.Second) // between two observations
		for range 30 {              // five minutes at one a second
			for range 10 {
				tel.Exchange(served())
			}
			tel.Exchange(denied("198.51.100.1", "scan", "sqli", "threat_detected"))
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		f := func(query string, wantSeries int, want float64) {
			t.Helper()
			var c chart
			if status := get("/metrics/history?since=10m&"+query, &c); status != 200 {
				t.Fatalf("%s: %d %s", query, status, c.Error.Message)
			}
			if got := c.sum(); len(c.Series) != wantSeries || got < want*.99 || got > want*1.01 {
				t.Errorf("%s: got %d series with %v, want %d with %v", query, len(c.Series), got, wantSeries, want)
			}
		}
		f("name=blaze_requests_total&fn=increase", 2, 330)
		f("name=blaze_requests_total&fn=increase&by=none", 1, 330)
		f("name=blaze_requests_total&fn=increase&by=none&label.status_class=2xx", 1, 300)
		f("name=blaze_requests_total&fn=increase&by=status_class&step=1m", 2, 330)
		f("name=blaze_time_to_first_token_seconds&fn=increase", 1, 300)
		f("name=blaze_denials_total&fn=increase&by=rule", 1, 30)
		var c chart
		get("/metrics/history?name=blaze_time_to_first_token_seconds&fn=p50&since=1m&compare=2m", &c)
		if p := c.Series[0].Points[0]; p == nil || *p < .025 || *p > .05 || len(c.Series[0].Previous) != len(c.Series[0].Points) {
			t.Errorf("p50 is %v", p)
		}
		get("/metrics/history", &c)
		if !slices.Contains(c.Names, "blaze_overhead_seconds") || !slices.Contains(c.Names, "blaze_process_memory_bytes") {
			t.Errorf("names: %v", c.Names)
		}
	})
}

func TestMetricsHistoryErrors(t *testing.T) {
	tel, _ := newTelemetry(t)
	h := tel.AdminHandler(telemetry.AdminOptions{})
	f := func(query string, status int, want string) {
		t.Helper()
		r := httptest.NewRequest("GET", "/metrics/history?"+query, nil)
		r.RemoteAddr, r.Host = "127.0.0.1:5000", "localhost"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want %d with %s", query, w.Code, w.Body, status, want)
		}
	}
	f("name=nonesuch", 404, "no such metric in the history")
	f("name=x&since=yesterday", 400, "since: want an age such as 1h")
	f("name=x&step=-1m", 400, "step: want a duration")
	f("name=x&compare=1", 400, "compare: ")
	f("name=x&foo=1", 400, "foo is not a parameter")
}

func TestHistorySurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.bin")
	synctest.Test(t, func(t *testing.T) {
		for i := range 2 {
			tel, _ := newTelemetry(t)
			tel.Configure(telemetry.Config{History: telemetry.History{Path: path}})
			get, stop := running(t, tel, telemetry.AdminOptions{})
			tel.Exchange(served())
			time.Sleep(11 * time.Second)
			synctest.Wait()
			var c chart
			get("/metrics/history?name=blaze_requests_total&fn=increase&by=none", &c)
			if c.sum() != float64(i+1) {
				t.Errorf("run %d: got %v requests", i, c.sum())
			}
			stop()
		}
	})
}

// runReal runs tel outside a bubble and returns what ends it.
func runReal(t *testing.T, tel *telemetry.Telemetry) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); tel.Run(ctx) }()
	return func() { cancel(); <-done }
}

// Quantiles can be asked of one upstream and of all together; past the bound, upstreams count as one.
func TestHistoryByUpstream(t *testing.T) {
	tel, _ := newTelemetry(t)
	for i := range 20 {
		for range 10 {
			r := served()
			r.Upstream = fmt.Sprintf("u%02d", i)
			r.FirstByte = time.Duration(1+i) * 20 * time.Millisecond
			tel.Exchange(r)
		}
	}
	telemetry.Tick(tel, time.Now())
	url := admin(t, tel, telemetry.AdminOptions{}) + "/metrics/history?name=blaze_time_to_first_token_seconds&since=5m&step=5m&fn=p50"
	ask := func(more string) (out map[string]float64) {
		t.Helper()
		var got struct {
			Series []struct {
				Labels map[string]string
				Points []*float64
			}
		}
		getJSON(t, url+more, &got)
		out = map[string]float64{}
		for _, s := range got.Series {
			for _, p := range s.Points {
				if p != nil {
					out[s.Labels["upstream"]] = *p
				}
			}
		}
		return out
	}
	by := ask("&by=upstream")
	if len(by) != 17 || by["u00"] > .03 || by["u15"] < .25 || by["other"] < .25 {
		t.Errorf("by upstream: %v", by)
	}
	if one := ask("&label.upstream=u00"); len(one) != 1 || one["u00"] != by["u00"] {
		t.Errorf("one: %v", one)
	}
	if all := ask("&by=none"); len(all) != 1 || all[""] < .1 || all[""] > .3 {
		t.Errorf("all: %v", all)
	}
}
