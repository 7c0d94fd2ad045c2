package telemetry_test

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"blaze/telemetry"
)

// exposed is the exposition as Prometheus itself parses it.
func exposed(t *testing.T, tel *telemetry.Telemetry) map[string]*dto.MetricFamily {
	t.Helper()
	var b bytes.Buffer
	if err := tel.WritePrometheus(&b); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&b)
	if err != nil {
		t.Fatalf("Prometheus cannot read it: %v", err)
	}
	return families
}

// busy is a Telemetry with a series of every metric of the catalogue, and hostile label values in them.
func busy(t *testing.T) *telemetry.Telemetry {
	t.Helper()
	tel, _ := newTelemetry(t)
	tel.Configure(telemetry.Config{CustomMetrics: []telemetry.CustomMetric{{Name: "tokens_by_tenant", Count: "usage.total_tokens", Labels: map[string]string{"tenant": "identity.tenant"}}}})
	r := served()
	r.Tenant = "a\"b\\c\nd{}"
	tel.Exchange(r)
	for _, m := range telemetry.Catalogue() {
		values := make([]string, len(m.Labels))
		for i := range values {
			values[i] = "x\"\\\n{}" + m.Labels[i]
		}
		switch m.Kind {
		case telemetry.KindCounter:
			tel.Metrics.Counter(m.Name, values...).Inc()
		case telemetry.KindHistogram:
			tel.Metrics.Histogram(m.Name, values...).Observe(.01)
		case telemetry.KindGauge:
			tel.Metrics.Gauge(m.Name, func() float64 { return 1 }, values...)
		}
	}
	return tel
}

// TestPrometheusReadsEveryMetric: Prometheus' own parser reads every metric of the catalogue, of the kind and with the
// labels that the catalogue says, and the label values come back as they were.
func TestPrometheusReadsEveryMetric(t *testing.T) {
	families := exposed(t, busy(t))
	kinds := map[telemetry.Kind]dto.MetricType{telemetry.KindCounter: dto.MetricType_COUNTER, telemetry.KindGauge: dto.MetricType_GAUGE, telemetry.KindHistogram: dto.MetricType_HISTOGRAM}
	for _, m := range telemetry.Catalogue() {
		f := families[m.Name]
		if f == nil || f.GetType() != kinds[m.Kind] {
			t.Errorf("%s: got %v", m.Name, f.GetType())
			continue
		}
		found := false
		for _, series := range f.Metric {
			if len(series.Label) != len(m.Labels) {
				t.Errorf("%s: labels %v", m.Name, series.Label)
			}
			same := true
			for i, l := range series.Label {
				same = same && l.GetName() == m.Labels[i] && l.GetValue() == "x\"\\\n{}"+m.Labels[i]
			}
			found = found || same
		}
		if !found {
			t.Errorf("%s: no series has the label values that it was given", m.Name)
		}
	}
	if custom := families["blaze_custom_tokens_by_tenant_total"]; custom.GetType() != dto.MetricType_COUNTER || custom.Metric[0].Label[0].GetValue() == "" {
		t.Errorf("custom metric: %v", custom)
	}
}

// TestMetricsAreLinted holds the exposition to what promtool check metrics asks for (its linter is part of a server that is
// no dependency here): HELP and TYPE, base units, names that end as their kind does, reserved labels only where they belong.
func TestMetricsAreLinted(t *testing.T) {
	families := exposed(t, busy(t))
	units := regexp.MustCompile(`_(milliseconds|microseconds|nanoseconds|minutes|hours|days|kilobytes|megabytes|gigabytes|kib|mib|gib|bits|celsius|ms|us|ns|kb|mb|gb)(_|$)`)
	abbreviated := regexp.MustCompile(`_(s|sec|secs|b|byte|pct)(_total)?$`)
	camel := regexp.MustCompile(`[A-Z]`)
	ours := 0
	for name, f := range families {
		if !strings.HasPrefix(name, "blaze_") {
			continue // of the Go runtime and the process, as their library has them
		}
		ours++
		if f.GetHelp() == "" {
			t.Errorf("%s has no HELP", name)
		}
		counter := f.GetType() == dto.MetricType_COUNTER
		switch {
		case counter != strings.HasSuffix(name, "_total"):
			t.Errorf("%s: counters, and only they, end in _total", name)
		case units.MatchString(name) || abbreviated.MatchString(name):
			t.Errorf("%s: want a base unit, written out: seconds, bytes", name)
		case camel.MatchString(name):
			t.Errorf("%s: want snake_case", name)
		case strings.Contains(name, strings.ToLower(f.GetType().String())):
			t.Errorf("%s has its type in its name", name)
		}
		for _, suffix := range []string{"_count", "_sum", "_bucket"} {
			if strings.HasSuffix(name, suffix) {
				t.Errorf("%s ends as a histogram's series do", name)
			}
		}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "le" || l.GetName() == "quantile" || camel.MatchString(l.GetName()) {
					t.Errorf("%s has the label %s", name, l.GetName())
				}
			}
			if h := m.Histogram; h != nil {
				wellFormed(t, name, h)
			}
		}
	}
	if ours < 60 {
		t.Errorf("%d metrics", ours)
	}
}

// wellFormed: buckets grow, the last is +Inf and holds everything.
func wellFormed(t *testing.T, name string, h *dto.Histogram) {
	t.Helper()
	last, n := math.Inf(-1), uint64(0)
	for _, b := range h.Bucket {
		if b.GetUpperBound() <= last || b.GetCumulativeCount() < n {
			t.Errorf("%s: bucket %v", name, b)
		}
		last, n = b.GetUpperBound(), b.GetCumulativeCount()
	}
	if !math.IsInf(last, 1) || n != h.GetSampleCount() {
		t.Errorf("%s: the last bucket is %v with %d of %d", name, last, n, h.GetSampleCount())
	}
}
