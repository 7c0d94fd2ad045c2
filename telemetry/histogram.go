package telemetry

import (
	"bytes"
	"io"
	"math"
	"strconv"
	"sync/atomic"

	"blaze/telemetry/history"
)

// Histogram counts observations in fixed buckets. It is atomic throughout: one lock per observation would be a lock
// shared by all requests.
type Histogram struct {
	bounds  []float64       // upper bounds, ascending
	buckets []atomic.Uint64 // one per bound, and one for what is above the last
	sum     atomic.Uint64   // bits of a float64
}

func newHistogram(bounds []float64) *Histogram {
	return &Histogram{bounds: bounds, buckets: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts one observation, in the metric's unit. NaN and negative values are not counted. No allocation.
func (h *Histogram) Observe(v float64) {
	if !(v >= 0) || math.IsInf(v, 1) || h.buckets == nil {
		return
	}
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// state copies the counts, the last of them for values over the last bound.
func (h *Histogram) state() (counts []uint64, total uint64, sum float64) {
	counts = make([]uint64, len(h.buckets))
	for i := range h.buckets {
		counts[i] = h.buckets[i].Load()
		total += counts[i]
	}
	return counts, total, math.Float64frombits(h.sum.Load())
}

// Quantile estimates the value under which the share q of the counts lies; NaN when nothing was counted, the last
// bound when it lies above.
func Quantile(q float64, bounds []float64, counts []uint64) float64 {
	floats := make([]float64, len(counts))
	for i, c := range counts {
		floats[i] = float64(c)
	}
	return history.Quantile(q, bounds, floats)
}

// writer renders the histogram as Prometheus text.
func (h *Histogram) writer(name, labels string) func(io.Writer) {
	sep := labels
	if sep != "" {
		sep += ","
	}
	return func(w io.Writer) {
		var b bytes.Buffer
		counts, total, sum := h.state()
		cumulated := uint64(0)
		for i, bound := range h.bounds {
			cumulated += counts[i]
			writeSample(&b, name+`_bucket{`+sep+`le="`+formatFloat(bound)+`"}`, float64(cumulated))
		}
		writeSample(&b, name+`_bucket{`+sep+`le="+Inf"}`, float64(total))
		writeSample(&b, name+"_sum"+braced(labels), sum)
		writeSample(&b, name+"_count"+braced(labels), float64(total))
		_, _ = w.Write(b.Bytes())
	}
}

func writeSample(b *bytes.Buffer, series string, v float64) {
	b.WriteString(series)
	b.WriteByte(' ')
	b.WriteString(formatFloat(v))
	b.WriteByte('\n')
}

func formatFloat(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
