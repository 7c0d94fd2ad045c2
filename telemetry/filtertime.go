package telemetry

import (
	"net/http"
	"runtime"
	"strings"
)

// FilterCost is one filter in /debug/filters.
type FilterCost struct {
	Filter       string  `json:"filter"`
	Calls        uint64  `json:"calls"` // that were timed
	MeanSeconds  Number  `json:"mean_seconds"`
	P99Seconds   Number  `json:"p99_seconds"`
	AllocBytes   int64   `json:"alloc_bytes"` // since the start, as the memory profile's samples estimate
	AllocObjects int64   `json:"alloc_objects"`
	Verdicts     float64 `json:"verdicts"` // other than a pass
}

// debugFilters says what each filter costs: its time from the chain's own measurements, its allocations from the
// runtime's memory profile, by the package that allocated.
func (a *Admin) debugFilters(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"filters": a.t.filterCosts()})
}

func (t *Telemetry) filterCosts() []FilterCost {
	byName, order := map[string]*FilterCost{}, []string{}
	of := func(name string) *FilterCost {
		if byName[name] == nil {
			byName[name] = &FilterCost{Filter: name}
			order = append(order, name)
		}
		return byName[name]
	}
	for _, s := range t.Metrics.find("blaze_filter_verdicts_total").all() {
		of(s.values[0]).Verdicts += s.current()
	}
	times := t.Metrics.find("blaze_filter_seconds")
	sums := map[string][]uint64{}
	for _, s := range times.all() {
		c := of(s.values[0])
		counts, total, sum := s.histogram.state()
		c.Calls += total
		c.MeanSeconds += Number(sum)
		if sums[c.Filter] == nil {
			sums[c.Filter] = make([]uint64, len(counts))
		}
		for i, n := range counts {
			sums[c.Filter][i] += n
		}
	}
	bytes, objects := allocations()
	out := []FilterCost{}
	for _, name := range order {
		c := byName[name]
		c.MeanSeconds /= Number(max(c.Calls, 1))
		c.P99Seconds = Number(Quantile(.99, times.Buckets, sums[name]))
		c.AllocBytes, c.AllocObjects = bytes[name], objects[name]
		out = append(out, *c)
	}
	return out
}

// allocations adds the memory profile up by filter, under the innermost frame that is in a filter's package.
func allocations() (bytes, objects map[string]int64) {
	bytes, objects = map[string]int64{}, map[string]int64{}
	n, _ := runtime.MemProfile(nil, true)
	records := make([]runtime.MemProfileRecord, n+100)
	n, ok := runtime.MemProfile(records, true)
	if !ok {
		return bytes, objects
	}
	for _, r := range records[:n] {
		if name := filterOf(r.Stack()); name != "" {
			bytes[name] += r.AllocBytes
			objects[name] += r.AllocObjects
		}
	}
	return bytes, objects
}

func filterOf(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		if rest, ok := strings.CutPrefix(f.Function, "blaze/filters/"); ok {
			return rest[:strings.IndexAny(rest+".", "./")]
		}
		if !more {
			return ""
		}
	}
}
