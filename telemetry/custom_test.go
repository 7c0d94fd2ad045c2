package telemetry_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"blaze/telemetry"
)

func TestCustomMetrics(t *testing.T) {
	tel, _ := newTelemetry(t)
	tokens := telemetry.CustomMetric{Name: "tokens_by_tenant", Count: "usage.total_tokens", Labels: map[string]string{"tenant": "identity.tenant", "class": "status_class"}, MaxSeries: 3}
	conf := func(list ...telemetry.CustomMetric) {
		t.Helper()
		c := telemetry.Config{CustomMetrics: list}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		tel.Configure(c)
	}
	conf(tokens, telemetry.CustomMetric{Name: "requests", Count: "requests"})
	for i := range 50 {
		r := served()
		r.Tenant = fmt.Sprintf("t%d\"\n", i)
		tel.Exchange(r)
	}
	conf(tokens) // one stays, and keeps its counts; the other goes
	tel.Exchange(&telemetry.Record{Tenant: "t0\"\n", Status: 200, TokensIn: 1})
	got := text(t, tel)
	n, sum := 0, 0.0
	for s, v := range got {
		if strings.HasPrefix(s, "blaze_custom_tokens_by_tenant_total{") {
			n++
			sum += v
		}
		if strings.HasPrefix(s, "blaze_custom_requests") {
			t.Errorf("%s is still there", s)
		}
	}
	if n != 4 || sum != 50*30+1 || got[`blaze_custom_tokens_by_tenant_total{class="other",tenant="other"}`] != 47*30 {
		t.Errorf("%d series with %v tokens: %v", n, sum, got[`blaze_custom_tokens_by_tenant_total{class="other",tenant="other"}`])
	}
	if v := got[`blaze_custom_tokens_by_tenant_total{class="2xx",tenant="t0\"\n"}`]; v != 31 {
		t.Errorf("t0 has %v", v)
	}
}

func TestCustomMetricsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	tel := telemetry.New(telemetry.Options{Output: io.Discard})
	c := telemetry.Config{CustomMetrics: []telemetry.CustomMetric{{Name: "a", Count: "usage.total_tokens", Labels: map[string]string{"tenant": "identity.tenant", "model": "model"}, MaxSeries: 1}}}
	tel.Configure(c)
	one, two := served(), served()
	two.Tenant = "another"
	tel.Exchange(one)
	for range 2500 {
		tel.Exchange(one)
	}
	tel.Flush()
	if n := testing.AllocsPerRun(300, func() { tel.Exchange(one); tel.Exchange(two); tel.Flush() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestExports(t *testing.T) {
	files := map[string]string{
		"influx.tmpl": `{{range (index .Metrics "blaze_body_bytes_total").Series}}bytes,direction={{index .Labels "direction"}} value={{.Value}}
{{end}}`,
		"bad.tmpl": `{{.Nope`, "endless.tmpl": `{{define "a"}}{{printf "%1000000d" 1}}{{template "a"}}{{end}}{{template "a"}}`,
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[strings.TrimPrefix(name, "/etc/")]; ok && strings.HasPrefix(name, "/etc/") {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}
	prepare := func(exports ...telemetry.Export) (telemetry.Config, error) {
		c := telemetry.Config{Exports: exports}
		err := c.Prepare(func(p string) string { return "/etc/" + p }, read)
		return c, err
	}
	tel, _ := newTelemetry(t)
	c, err := prepare(telemetry.Export{Name: "influx", Template: "influx.tmpl"}, telemetry.Export{Name: "endless", Template: "endless.tmpl"})
	if err != nil {
		t.Fatal(err)
	}
	tel.Configure(c)
	tel.Exchange(served())
	base := admin(t, tel, telemetry.AdminOptions{})
	if status, body, h := ask(t, "GET", base+"/metrics/influx"); status != 200 || body != "bytes,direction=in value=100\nbytes,direction=out value=200\n" || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
		t.Errorf("got %d %q", status, body)
	}
	if status, _, _ := ask(t, "GET", base+"/metrics/nonesuch"); status != 404 {
		t.Errorf("got %d", status)
	}
	if status, body, _ := ask(t, "GET", base+"/metrics/endless"); status != 500 {
		t.Errorf("got %d with %d bytes", status, len(body))
	}
	_, err = prepare(telemetry.Export{Name: "history", Template: "gone.tmpl"}, telemetry.Export{Name: "x", Template: "bad.tmpl"})
	for _, want := range []string{"exports[0].name: want a name", "exports[0].template: want a readable Go text template; got no such file", "exports[1].template: want"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPush(t *testing.T) {
	bodies := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil || r.Method != "POST" {
			t.Error(err)
			return
		}
		b, _ := io.ReadAll(z)
		bodies <- string(b)
	}))
	defer srv.Close()
	tel, _ := newTelemetry(t)
	tel.Configure(telemetry.Config{Push: &telemetry.Push{URL: srv.URL, Every: time.Hour}})
	stop := runReal(t, tel)
	tel.Exchange(served())
	stop() // pushes the last state
	got := parsed(t, <-bodies)
	if got[`blaze_body_bytes_total{direction="in"}`] != 100 {
		t.Errorf("got %d series", len(got))
	}
}

func TestHealthChecks(t *testing.T) {
	status := make(chan int, 1)
	status <- 500
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(<-status) }))
	defer srv.Close()
	tel, _ := newTelemetry(t)
	tcp := "tcp://" + strings.TrimPrefix(srv.URL, "http://")
	conf := func(critical bool) {
		tel.Configure(telemetry.Config{HealthChecks: []telemetry.HealthProbe{
			{Name: "db", URL: srv.URL, Every: time.Hour, Timeout: 5 * time.Second, Critical: critical}, {Name: "port", URL: tcp}, {Name: "shut", URL: "tcp://127.0.0.1:1"},
		}})
	}
	conf(true)
	defer runReal(t, tel)()
	base := admin(t, tel, telemetry.AdminOptions{})
	waitFor := func(want string) {
		t.Helper()
		var got string
		for range 500 {
			var h telemetry.Health
			getJSON(t, base+"/health/detailed", &h)
			ready, _, _ := ask(t, "GET", base+"/ready")
			got = fmt.Sprint(h.Status, " ", h.Checks["db"].Status, " ", h.Checks["port"].Status, " ", h.Checks["shut"].Status, " ", ready)
			if got == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("got %s, want %s", got, want)
	}
	waitFor("down down ok down 503")
	status <- 204
	conf(false) // another check of the same name, from the start
	waitFor("degraded ok ok down 200")
}

// What a check fails with is told without its address, which may hold a password.
func TestHealthCheckKeepsItsSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t)
		tel.Configure(telemetry.Config{HealthChecks: []telemetry.HealthProbe{{Name: "db", URL: "http://user:s3cret@127.0.0.1:1/"}}})
		get, stop := running(t, tel, telemetry.AdminOptions{})
		defer stop()
		time.Sleep(11 * time.Second)
		synctest.Wait()
		var h telemetry.Health
		get("/health/detailed", &h)
		if d := fmt.Sprint(h.Checks["db"]); strings.Contains(d, "s3cret") || !strings.Contains(d, "refused") {
			t.Errorf("got %s", d)
		}
	})
}

func TestCustomConfigProblems(t *testing.T) {
	c := telemetry.Config{
		CustomMetrics: []telemetry.CustomMetric{{Name: "Bad-Name", Count: "tokens", Labels: map[string]string{"x": "identity.tenat", "b-d": "route"}, MaxSeries: -1}},
		HealthChecks:  []telemetry.HealthProbe{{Name: "", URL: "ftp://x"}},
		Push:          &telemetry.Push{URL: "nowhere"},
		Tracing:       &telemetry.Tracing{OTLP: "127.0.0.1:4318"},
	}
	got := fmt.Sprint(c.Validate())
	for _, want := range []string{
		`custom_metrics[0].name: want a name of a-z`, `custom_metrics[0].count: want requests`, `custom_metrics[0].max_series: want a number`,
		`custom_metrics[0].labels.x: want a source such as identity.tenant; got identity.tenat; did you mean "identity.tenant"?`, `custom_metrics[0].labels.b-d: want a label`,
		`health_checks[0].name: want a name`, `health_checks[0].url: want http://`, `push: want`, `tracing.otlp: want an http or https URL`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
