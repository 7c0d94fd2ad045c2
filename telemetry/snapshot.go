package telemetry

import (
	"encoding/json"
	"math"
)

// quantiles of every histogram in the JSON form.
func quantiles() []quantile {
	return []quantile{{"p50", .5}, {"p90", .9}, {"p95", .95}, {"p99", .99}}
}

type quantile struct {
	name string
	q    float64
}

// MetricJSON is one metric in the JSON form of the catalogue.
type MetricJSON struct {
	Type   string       `json:"type"`
	Unit   string       `json:"unit"`
	Help   string       `json:"help"`
	Series []SeriesJSON `json:"series"`
}

// SeriesJSON is one series: a value, or what a histogram says.
type SeriesJSON struct {
	Labels    map[string]string `json:"labels"`
	Value     *Number           `json:"value,omitempty"`
	Count     *uint64           `json:"count,omitempty"`
	Sum       *Number           `json:"sum,omitempty"`
	Quantiles map[string]Number `json:"quantiles,omitempty"`
}

// Number is a float64 that is null in JSON where JSON has no word for it.
type Number float64

// MarshalJSON writes null for NaN and the infinities.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// Snapshot is every metric that has a series, by name.
func (m *Metrics) Snapshot() map[string]MetricJSON {
	out := map[string]MetricJSON{}
	for _, f := range m.all() {
		j := MetricJSON{Type: f.Kind.String(), Unit: f.Unit, Help: f.Why, Series: []SeriesJSON{}}
		for _, s := range f.all() {
			j.Series = append(j.Series, s.json(f))
		}
		if len(j.Series) > 0 {
			out[f.Name] = j
		}
	}
	return out
}

func (s *series) json(f *family) SeriesJSON {
	j := SeriesJSON{Labels: map[string]string{}}
	for i, name := range f.Labels {
		j.Labels[name] = s.values[i]
	}
	if s.histogram == nil {
		v := Number(s.current())
		j.Value = &v
		return j
	}
	counts, total, sum := s.histogram.state()
	number := Number(sum)
	j.Count, j.Sum, j.Quantiles = &total, &number, map[string]Number{}
	for _, q := range quantiles() {
		j.Quantiles[q.name] = Number(Quantile(q.q, f.Buckets, counts))
	}
	return j
}

// current is the value of a counter or gauge.
func (s *series) current() float64 {
	if s.counter != nil {
		return float64(s.counter.Value())
	}
	return (*s.value.Load())()
}
