package telemetry

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// defaultMaxSeries bounds the label sets of one metric.
const defaultMaxSeries = 1000

// other stands for every label value past the bound.
const other = "other"

// Metrics holds the live series of the catalogue. Each has its own sets: two servers in one process share nothing.
type Metrics struct {
	mu       sync.RWMutex
	families map[string]*family // guarded by mu
	order    []*family          // guarded by mu; by name
}

// NewMetrics makes the catalogue's registry.
func NewMetrics() *Metrics {
	m := &Metrics{families: map[string]*family{}}
	for _, d := range Catalogue() {
		m.define(d)
	}
	return m
}

// define adds a metric that is not in the catalogue yet (a custom one); a known name keeps its series.
func (m *Metrics) define(d Metric) *family {
	if d.MaxSeries <= 0 {
		d.MaxSeries = defaultMaxSeries
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.families[d.Name]; f != nil && sameShape(f.Metric, d) {
		return f
	}
	f := &family{Metric: d, set: metrics.NewSet(), series: map[string]*series{}}
	m.families[d.Name] = f
	m.sortLocked()
	return f
}

// undefine takes a custom metric out with all its series.
func (m *Metrics) undefine(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.families, name)
	m.sortLocked()
}

func (m *Metrics) sortLocked() {
	order := make([]*family, 0, len(m.families))
	for _, f := range m.families {
		order = append(order, f)
	}
	sort.Slice(order, func(i, j int) bool { return order[i].Name < order[j].Name })
	m.order = order
}

func sameShape(a, b Metric) bool {
	return a.Kind == b.Kind && a.MaxSeries == b.MaxSeries && strings.Join(a.Labels, ",") == strings.Join(b.Labels, ",")
}

func (m *Metrics) all() []*family {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.order
}

func (m *Metrics) find(name string) *family {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.families[name]
}

func (m *Metrics) family(name string, kind Kind, labels []string) *family {
	f := m.find(name)
	switch {
	case f == nil:
		panic("BUG: metric " + name + " is not in telemetry.Catalogue")
	case f.Kind != kind:
		panic("BUG: metric " + name + " is a " + f.Kind.String() + ", not a " + kind.String())
	case len(f.Labels) != len(labels):
		panic(fmt.Sprintf("BUG: metric %s has the labels %v; got the values %q", name, f.Labels, labels))
	}
	return f
}

// Counter returns the catalogue's counter name with these label values, in the catalogue's order of labels, making it
// at first use. A name that is not in the catalogue, or a wrong number of labels, is a bug and panics. The series of one
// metric are bounded: past the bound, every new set of values counts as "other". Keep what it returns; do not call it
// per request with values that a client chose.
func (m *Metrics) Counter(name string, labels ...string) *Counter {
	return m.family(name, KindCounter, labels).get(labels).counter
}

// Histogram is like Counter.
func (m *Metrics) Histogram(name string, labels ...string) *Histogram {
	return m.family(name, KindHistogram, labels).get(labels).histogram
}

// Gauge registers f as the catalogue's gauge name; registering the same series again replaces f (a reload does). A nil
// f takes the series out: a target that is gone is not shown.
func (m *Metrics) Gauge(name string, f func() float64, labels ...string) {
	m.family(name, KindGauge, labels).read(f, labels)
}

// counterFunc registers a counter whose value is kept elsewhere.
func (m *Metrics) counterFunc(name string, f func() float64, labels ...string) {
	m.family(name, KindCounter, labels).read(f, labels)
}

// family is one metric with its series.
type family struct {
	Metric
	set *metrics.Set

	mu     sync.Mutex
	series map[string]*series // guarded by mu; by rendered labels
}

// series is one metric with one set of label values; exactly one of the last three is set.
type series struct {
	values    []string
	counter   *Counter
	histogram *Histogram
	value     *atomic.Pointer[func() float64]
}

// get finds or makes the series.
func (f *family) get(values []string) *series {
	f.mu.Lock()
	defer f.mu.Unlock()
	values, key := f.boundLocked(values)
	if s := f.series[key]; s != nil {
		return s
	}
	s := &series{values: values}
	if f.Kind == KindHistogram {
		s.histogram = newHistogram(f.Buckets)
		f.set.RegisterMetricsWriter(s.histogram.writer(f.Name, key))
	} else {
		s.counter = &Counter{n: f.set.NewCounter(f.Name + braced(key))}
	}
	f.series[key] = s
	return s
}

// read makes the series' value come from fn.
func (f *family) read(fn func() float64, values []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fn == nil {
		key := renderLabels(f.Labels, values)
		delete(f.series, key)
		f.set.UnregisterMetric(f.Name + braced(key))
		return
	}
	values, key := f.boundLocked(values)
	s := f.series[key]
	if s == nil {
		s = &series{values: values, value: new(atomic.Pointer[func() float64])}
		s.value.Store(&fn)
		f.series[key] = s
		f.set.NewGauge(f.Name+braced(key), func() float64 { return (*s.value.Load())() })
		return
	}
	s.value.Store(&fn)
}

// boundLocked gives the values and their rendering, or those of "other" when the metric has as many series as it may.
// The values are copied: they may point into pooled memory.
func (f *family) boundLocked(values []string) ([]string, string) {
	key := renderLabels(f.Labels, values)
	if f.series[key] != nil || len(f.series) < f.MaxSeries || len(values) == 0 {
		own := make([]string, len(values))
		for i, v := range values {
			own[i] = strings.Clone(v)
		}
		return own, key
	}
	others := make([]string, len(values))
	for i := range others {
		others[i] = other
	}
	return others, renderLabels(f.Labels, others)
}

// matches reports whether a series has the labels that are wanted.
func (f *family) matches(s *series, want map[string]string) bool {
	for name, v := range want {
		if i := slices.Index(f.Labels, name); i < 0 || s.values[i] != v {
			return false
		}
	}
	return true
}

func (f *family) all() []*series {
	f.mu.Lock()
	keys := make([]string, 0, len(f.series))
	for k := range f.series {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := make([]*series, len(keys))
	for i, k := range keys {
		out[i] = f.series[k]
	}
	f.mu.Unlock()
	return out
}

// Counter is a value that only grows. The zero Counter counts nothing.
type Counter struct{ n *metrics.Counter }

// Inc counts one; safe for concurrent use, no allocation.
func (c *Counter) Inc() { c.Add(1) }

// Add counts n, which is not negative; less counts nothing.
func (c *Counter) Add(n int64) {
	if c.n != nil && n > 0 {
		c.n.AddInt64(n)
	}
}

// Value is the count.
func (c *Counter) Value() int64 {
	if c.n == nil {
		return 0
	}
	return int64(c.n.Get())
}
