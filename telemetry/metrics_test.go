package telemetry_test

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"blaze/telemetry"
)

// text is the whole exposition; parsed checks it line by line and returns the samples by series.
func text(t testing.TB, tel *telemetry.Telemetry) map[string]float64 {
	t.Helper()
	var b bytes.Buffer
	if err := tel.WritePrometheus(&b); err != nil {
		t.Fatal(err)
	}
	return parsed(t, b.String())
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:, ?|\}))*)? (\S+)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$`)
	helpLine   = regexp.MustCompile(`^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) \S.*$`)
)

// parsed reads the text format 0.0.4 strictly: every sample belongs to the TYPE before it, no series comes twice, a
// histogram's buckets grow and end in its count.
func parsed(t testing.TB, body string) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	families := map[string]bool{}
	family, kind := "", ""
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if m := typeLine.FindStringSubmatch(line); m != nil {
			family, kind = m[1], m[2]
			if families[family] {
				t.Errorf("family %s comes twice", family)
			}
			families[family] = true
			continue
		}
		if helpLine.MatchString(line) {
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("not a line of the text format: %q", line)
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		series := m[1] + m[2]
		if _, twice := got[series]; twice {
			t.Errorf("series %s comes twice", series)
		}
		got[series] = v
		base := m[1]
		if kind == "histogram" || kind == "summary" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, suffix)
			}
		}
		if base != family {
			t.Errorf("%s stands under TYPE %s", series, family)
		}
		if kind == "counter" && !strings.HasSuffix(base, "_total") {
			t.Errorf("counter %s does not end in _total", base)
		}
	}
	return got
}

func TestExchangeIsCounted(t *testing.T) {
	tel, _ := newTelemetry(t)
	tel.Exchange(served())
	r := served()
	r.Status, r.Filter, r.Rule, r.Code, r.Abort, r.Retries = 429, "ratelimit", "per-user", "rate_limit_exceeded", "client_gone", 2
	r.Shadow = []telemetry.ShadowHit{{Filter: "scan", Rule: "sqli"}}
	tel.Exchange(r)
	got := text(t, tel)
	f := func(series string, want float64) {
		t.Helper()
		if v, ok := got[series]; !ok || v != want {
			t.Errorf("%s: got %v (there: %v), want %v", series, v, ok, want)
		}
	}
	f(`blaze_requests_total{endpoint="chat.completions",route="chat",upstream="model",status_class="2xx"}`, 1)
	f(`blaze_requests_total{endpoint="chat.completions",route="chat",upstream="model",status_class="4xx"}`, 1)
	f(`blaze_request_duration_seconds_count{endpoint="chat.completions",upstream="model"}`, 2)
	f(`blaze_request_duration_seconds_bucket{endpoint="chat.completions",upstream="model",le="0.1"}`, 0)
	f(`blaze_request_duration_seconds_bucket{endpoint="chat.completions",upstream="model",le="0.25"}`, 2)
	f(`blaze_overhead_seconds_bucket{endpoint="chat.completions",le="0.0001"}`, 0)
	f(`blaze_overhead_seconds_bucket{endpoint="chat.completions",le="0.0002"}`, 2)
	f(`blaze_time_to_first_token_seconds_sum{endpoint="chat.completions",upstream="model"}`, 0.04)
	f(`blaze_inter_token_seconds_sum{endpoint="chat.completions",upstream="model"}`, 0.01)
	f(`blaze_tokens_total{direction="in",upstream="model",model="llama-3"}`, 20)
	f(`blaze_tokens_total{direction="out",upstream="model",model="llama-3"}`, 40)
	f(`blaze_model_requests_total{model="llama-3",status_class="2xx"}`, 1)
	f(`blaze_body_bytes_total{direction="in"}`, 200)
	f(`blaze_retries_total{upstream="model"}`, 2)
	f(`blaze_aborts_total{reason="client_gone"}`, 1)
	f(`blaze_denials_total{filter="ratelimit",rule="per-user",code="rate_limit_exceeded"}`, 1)
	f(`blaze_shadow_decisions_total{filter="scan",rule="sqli"}`, 1)
}

// A model's name becomes a label only as the policy's own word for it.
func TestModelLabelsAreThePolicysWords(t *testing.T) {
	tel, _ := newTelemetry(t)
	for i := range 5000 {
		r := served()
		r.Model = fmt.Sprintf("made-up-%d", i)
		tel.Exchange(r)
	}
	r := served()
	r.Model = "bge-m3"
	tel.Exchange(r)
	n := 0
	got := text(t, tel)
	for s := range got {
		if strings.HasPrefix(s, "blaze_model_requests_total") {
			n++
		}
	}
	if n != 2 || got[`blaze_model_requests_total{model="other",status_class="2xx"}`] != 5000 || got[`blaze_model_requests_total{model="bge-*",status_class="2xx"}`] != 1 {
		t.Errorf("got %d series", n)
	}
}

func TestSeriesAreBounded(t *testing.T) {
	tel, _ := newTelemetry(t)
	const sent = 3000
	for i := range sent {
		r := served()
		r.Status, r.Filter, r.Rule, r.Route = 403, "scan", fmt.Sprintf("rule-%d", i), fmt.Sprintf("route-%d", i)
		tel.Exchange(r)
	}
	n, sum := map[string]int{}, map[string]float64{}
	for s, v := range text(t, tel) {
		name, _, _ := strings.Cut(s, "{")
		n[name]++
		sum[name] += v
	}
	for _, name := range []string{"blaze_denials_total", "blaze_requests_total"} {
		if n[name] > 1001 || sum[name] != sent {
			t.Errorf("%s: %d series, sum %v; want at most 1001 and every exchange counted once", name, n[name], sum[name])
		}
	}
}

// Whatever the label values are, the exposition stays readable and nothing panics.
func TestHostileLabelsStayReadable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tel := telemetry.New(telemetry.Options{})
		for range 5 {
			v := string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value"))
			w := rapid.String().Draw(t, "text")
			tel.Metrics.Counter("blaze_shadow_decisions_total", v, w).Inc()
			tel.Metrics.Gauge("blaze_upstream_inflight", func() float64 { return 1 }, v, w)
			tel.Metrics.Histogram("blaze_time_to_first_token_seconds", w, v).Observe(1)
		}
		var b bytes.Buffer
		if err := tel.WritePrometheus(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, "# ") && !sampleLine.MatchString(line) {
				t.Fatalf("not a line of the text format: %q", line)
			}
		}
	})
}

func TestWrongUseOfTheCatalogueIsABug(t *testing.T) {
	f := func(use func(m *telemetry.Metrics)) {
		t.Helper()
		defer func() {
			if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "BUG: metric ") {
				t.Errorf("got %s", p)
			}
		}()
		use(telemetry.NewMetrics())
	}
	f(func(m *telemetry.Metrics) { m.Counter("blaze_nonesuch_total") })
	f(func(m *telemetry.Metrics) { m.Counter("blaze_aborts_total") })
	f(func(m *telemetry.Metrics) { m.Histogram("blaze_aborts_total", "x") })
	f(func(m *telemetry.Metrics) { m.Gauge("blaze_aborts_total", func() float64 { return 0 }, "x") })
}

func TestGaugeIsReplacedAndTakenOut(t *testing.T) {
	tel, _ := newTelemetry(t)
	const series = `blaze_breaker_state{upstream="model",target="a"}`
	gauge := func(f func() float64) { tel.Metrics.Gauge("blaze_breaker_state", f, "model", "a") }
	gauge(func() float64 { return 1 })
	gauge(func() float64 { return 2 })
	if got := text(t, tel)[series]; got != 2 {
		t.Errorf("got %v, want the second function's 2", got)
	}
	gauge(nil)
	if _, there := text(t, tel)[series]; there {
		t.Error("still there after it was taken out")
	}
}

func TestQuantile(t *testing.T) {
	bounds := []float64{1, 2, 4}
	f := func(q float64, counts []uint64, want float64) {
		t.Helper()
		got := telemetry.Quantile(q, bounds, counts)
		if math.Abs(got-want) > 1e-9 && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("q=%v of %v: got %v, want %v", q, counts, got, want)
		}
	}
	f(.5, []uint64{0, 0, 0, 0}, math.NaN())
	f(.5, []uint64{10, 0, 0, 0}, .5)
	f(.5, []uint64{10, 10, 0, 0}, 1)
	f(.75, []uint64{10, 10, 0, 0}, 1.5)
	f(.5, []uint64{0, 0, 10, 0}, 3)
	f(.99, []uint64{0, 0, 0, 10}, 4)
	f(1, []uint64{1, 0, 1, 0}, 4)
	f(.5, []uint64{1}, math.NaN())
}

func TestCatalogueIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range telemetry.Catalogue() {
		switch {
		case seen[m.Name]:
			t.Errorf("%s is there twice", m.Name)
		case !strings.HasPrefix(m.Name, "blaze_") || m.Unit == "" || !strings.HasSuffix(m.Why, "."):
			t.Errorf("%s: want the prefix blaze_, a unit and a sentence; got %q %q", m.Name, m.Unit, m.Why)
		case (m.Kind == telemetry.KindCounter) != strings.HasSuffix(m.Name, "_total"):
			t.Errorf("%s: counters, and only they, end in _total", m.Name)
		case (m.Kind == telemetry.KindHistogram) != (len(m.Buckets) > 0):
			t.Errorf("%s: histograms, and only they, have buckets", m.Name)
		}
		seen[m.Name] = true
	}
	if len(seen) < 25 {
		t.Errorf("only %d metrics", len(seen))
	}
}

// The limit is generous: a scrape of 5,000 series takes a few milliseconds; it guards against something quadratic.
func BenchmarkScrape5000(b *testing.B) {
	tel := telemetry.New(telemetry.Options{})
	for i := range 1000 {
		tel.Metrics.Counter("blaze_denials_total", "f", strconv.Itoa(i), "c").Inc()
		tel.Metrics.Counter("blaze_shadow_decisions_total", "f", strconv.Itoa(i)).Inc()
		tel.Metrics.Counter("blaze_requests_total", "e", strconv.Itoa(i), "u", "2xx").Inc()
		tel.Metrics.Counter("blaze_tokens_total", "in", "u", strconv.Itoa(i)).Inc()
		tel.Metrics.Counter("blaze_upstream_requests_total", "u", strconv.Itoa(i)).Inc()
	}
	var buf bytes.Buffer
	began := time.Now()
	n := 0
	for b.Loop() {
		buf.Reset()
		_ = tel.WritePrometheus(&buf)
		n++
	}
	b.ReportMetric(float64(time.Since(began).Milliseconds())/float64(n), "ms/scrape")
}
