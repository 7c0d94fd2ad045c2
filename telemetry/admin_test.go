package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"blaze/telemetry"
)

// admin serves the admin port of tel on a free loopback port until the test ends.
func admin(t testing.TB, tel *telemetry.Telemetry, o telemetry.AdminOptions) string {
	t.Helper()
	o.Addr = "127.0.0.1:0"
	a, err := tel.NewAdmin(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return a.URL()
}

// ask sends a request; headers come as name, value.
func ask(t testing.TB, method, url string, headers ...string) (status int, body string, h http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestAdminOpenEndpoints(t *testing.T) {
	tel, _ := newTelemetry(t)
	tel.Exchange(served())
	var notReady error
	url := admin(t, tel, telemetry.AdminOptions{Token: "s3cret", Ready: func() error { return notReady }})
	f := func(path string, wantStatus int, wantBody string) {
		t.Helper()
		status, body, h := ask(t, "GET", url+path)
		if status != wantStatus || !strings.Contains(body, wantBody) {
			t.Errorf("%s: got %d %.200s; want %d with %q", path, status, body, wantStatus, wantBody)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	f("/health", 200, `{"status":"ok"}`)
	f("/live", 200, `{"status":"ok"}`)
	f("/ready", 200, `{"status":"ok"}`)
	f("/metrics/prometheus", 200, `blaze_requests_total{endpoint="chat.completions",route="chat",upstream="model",status_class="2xx"} 1`)
	f("/metrics", 200, `"blaze_overhead_seconds":{"type":"histogram","unit":"seconds"`)
	f("/nonesuch", 404, `"code":"unknown_endpoint"`)
	notReady = errors.New("draining at 10.1.2.3")
	f("/health", 503, `{"status":"down"}`)
	f("/live", 200, `{"status":"ok"}`)
	f("/ready", 503, `{"status":"not_ready"}`)
	if _, body, _ := ask(t, "GET", url+"/ready"); strings.Contains(body, "10.1.2.3") {
		t.Error("the reason is for those who may see the details")
	}
}

func TestAdminMetricsJSONHasQuantiles(t *testing.T) {
	tel, _ := newTelemetry(t)
	tel.Exchange(served())
	_, body, _ := ask(t, "GET", admin(t, tel, telemetry.AdminOptions{})+"/metrics")
	var got struct {
		Metrics map[string]telemetry.MetricJSON
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	s := got.Metrics["blaze_time_to_first_token_seconds"].Series
	if len(s) != 1 || *s[0].Count != 1 || s[0].Labels["upstream"] != "model" || s[0].Quantiles["p50"] <= .025 || s[0].Quantiles["p99"] > .05 {
		t.Errorf("got %+v", s)
	}
	if v := got.Metrics["blaze_requests_total"].Series[0].Value; v == nil || *v != 1 {
		t.Errorf("got %v, want 1", v)
	}
}

func TestAdminMethods(t *testing.T) {
	tel, _ := newTelemetry(t)
	url := admin(t, tel, telemetry.AdminOptions{})
	for _, method := range []string{"POST", "PUT", "DELETE", "TRACE"} {
		status, body, h := ask(t, method, url+"/metrics")
		if status != 405 || h.Get("Allow") != "GET, HEAD" || !strings.Contains(body, `"code":"method_not_allowed"`) {
			t.Errorf("%s: got %d, Allow %q, %s", method, status, h.Get("Allow"), body)
		}
	}
	if status, body, _ := ask(t, "HEAD", url+"/health"); status != 200 || body != "" {
		t.Errorf("HEAD: got %d %q", status, body)
	}
}

func guardedPaths() []string {
	return []string{"/health/detailed", "/debug/pprof/", "/debug/pprof/goroutine", "/policy"}
}

func extra() map[string]http.Handler {
	return map[string]http.Handler{"GET /policy": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") })}
}

func TestGuardWithToken(t *testing.T) {
	tel, _ := newTelemetry(t)
	url := admin(t, tel, telemetry.AdminOptions{Token: "s3cret", Handlers: extra()})
	f := func(header string, want int) {
		t.Helper()
		for _, path := range guardedPaths() {
			status, body, h := ask(t, "GET", url+path, "Authorization", header)
			if status != want || (want == 401) != strings.HasPrefix(h.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %q: got %d %.100s, want %d", path, header, status, body, want)
			}
		}
	}
	f("Bearer s3cret", 200)
	f("bearer s3cret", 200)
	f("", 401)
	f("Bearer", 401)
	f("Bearer ", 401)
	f("Bearer s3cre", 401)
	f("Bearer s3crett", 401)
	f("Basic s3cret", 401)
	f("s3cret", 401)
}

func TestGuardWithoutToken(t *testing.T) {
	tel, _ := newTelemetry(t)
	url := admin(t, tel, telemetry.AdminOptions{Handlers: extra()})
	host := strings.TrimPrefix(url, "http://")
	f := func(want int, headers ...string) {
		t.Helper()
		for _, path := range guardedPaths() {
			if status, body, _ := ask(t, "GET", url+path, headers...); status != want {
				t.Errorf("%s with %q: got %d %.100s, want %d", path, headers, status, body, want)
			}
		}
	}
	f(200)
	f(200, "Host", "localhost:9000")
	f(200, "Host", "127.0.0.1")
	f(200, "Host", "[::1]:9000")
	f(200, "Sec-Fetch-Site", "same-origin", "Origin", "http://"+host)
	f(200, "Sec-Fetch-Site", "none")
	f(403, "Host", "evil.example")
	f(403, "Host", "localhost.evil.example:9000")
	f(403, "Host", "127.0.0.1.evil.example")
	f(403, "Host", "10.0.0.1:9000")
	f(403, "Sec-Fetch-Site", "cross-site")
	f(403, "Sec-Fetch-Site", "same-site")
	f(403, "Origin", "https://evil.example")
	f(403, "Origin", "null")
	f(403, "Origin", "http://localhost:1")
	f(403, "X-Forwarded-For", "203.0.113.9")
	f(403, "Forwarded", "for=203.0.113.9")
}

// A caller from elsewhere is refused without a token, whatever it says of itself.
func TestGuardRefusesOtherMachines(t *testing.T) {
	tel, _ := newTelemetry(t)
	h := tel.AdminHandler(telemetry.AdminOptions{Handlers: extra()})
	f := func(peer string, want int) {
		t.Helper()
		for _, path := range guardedPaths() {
			r := httptest.NewRequest("GET", path, nil)
			r.RemoteAddr, r.Host = peer, "localhost:9000"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s from %s: got %d, want %d", path, peer, w.Code, want)
			}
		}
	}
	f("127.0.0.1:5000", 200)
	f("[::1]:5000", 200)
	f("[::ffff:127.0.0.1]:5000", 200)
	f("10.0.0.2:5000", 403)
	f("[fd00::1]:5000", 403)
	f("", 403)
	f("@", 403)
}

func TestHealthDetailed(t *testing.T) {
	tel, _ := newTelemetry(t)
	parts := []telemetry.Check{{Name: "redis", Status: "ok"}, {Name: "policy", Status: "ok", Detail: map[string]string{"hash": "abc"}}}
	url := admin(t, tel, telemetry.AdminOptions{Checks: func() []telemetry.Check { return parts }})
	get := func() (h telemetry.Health) {
		t.Helper()
		_, body, _ := ask(t, "GET", url+"/health/detailed")
		if err := json.Unmarshal([]byte(body), &h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := get()
	if h.Status != "ok" || h.Version != "test" || h.Checks["redis"].Status != "ok" || h.Checks["policy"].Detail.(map[string]any)["hash"] != "abc" || h.Checks["log"].Status != "ok" {
		t.Errorf("got %+v", h)
	}
	parts = append(parts, telemetry.Check{Name: "redis", Status: "down"})
	if h = get(); h.Status != "degraded" || h.Checks["redis#2"].Status != "down" {
		t.Errorf("got %+v", h)
	}
}

func TestAdminPortThatIsTaken(t *testing.T) {
	tel, _ := newTelemetry(t)
	url := admin(t, tel, telemetry.AdminOptions{})
	_, err := tel.NewAdmin(telemetry.AdminOptions{Addr: strings.TrimPrefix(url, "http://")})
	if err == nil || !strings.HasPrefix(err.Error(), "cannot open the admin port: ") {
		t.Errorf("got %v", err)
	}
}

func TestAdminStopsWithinItsContext(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	tel, _ := newTelemetry(t)
	a, err := tel.NewAdmin(telemetry.AdminOptions{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
}
