// Package history keeps the recent past of metrics in a fixed amount of memory: every ten seconds for an hour, every
// minute for a day, or as long as the policy says. It keeps what happened in each step (a counter's increase, a gauge's
// mean, a histogram's counts by bucket), so that rates and quantiles can be asked over any period. What a number means
// is its asker's matter.
package history

import (
	"math"
	"sync"
	"time"
)

// Kind is how a metric's values add up over time.
type Kind uint8

// The kinds.
const (
	Counter Kind = iota
	Gauge
	Histogram
)

// Sample is one series' state at one moment.
type Sample struct {
	Name   string
	Labels []Label
	Kind   Kind
	Value  float64 // of a counter or gauge
	// A histogram's upper bounds, its counts (one more than bounds), and the sum of its observations.
	Bounds []float64
	Counts []uint64
	Sum    float64
}

// Label is one label of a series.
type Label struct{ Name, Value string }

// The resolutions, finest first, and the memory all series may take together.
const (
	fineStep   = 10 * time.Second
	fineKeep   = time.Hour
	coarseStep = time.Minute
	MinKeep    = time.Hour
	MaxKeep    = 30 * 24 * time.Hour
	budget     = 30 << 20
)

// Step is how often Observe is to be called.
const Step = fineStep

// Store is the past. Safe for concurrent use.
type Store struct {
	mu      sync.RWMutex
	keep    time.Duration      // guarded by mu
	series  map[string]*series // guarded by mu; by name and labels
	bytes   int                // guarded by mu; of all rings
	refused int64              // guarded by mu; samples of series for which there was no room
}

// series is one metric with one set of labels.
type series struct {
	name   string
	labels []Label
	kind   Kind
	bounds []float64
	last   []float64 // a counter's or histogram's last state; nil before the first
	fine   ring
	coarse ring
}

// New keeps minutes for keep (24 hours when 0).
func New(keep time.Duration) *Store {
	if keep == 0 {
		keep = 24 * time.Hour
	}
	return &Store{keep: min(max(keep, MinKeep), MaxKeep), series: map[string]*series{}}
}

// Observe takes the state of all series at now.
func (s *Store) Observe(now time.Time, samples []Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range samples {
		v := &samples[i]
		one := s.series[key(v.Name, v.Labels)]
		if one == nil || one.kind != v.Kind || len(one.bounds) != len(v.Bounds) {
			if one = s.addLocked(v); one == nil {
				s.refused++
				continue
			}
		}
		one.observe(now, v)
	}
}

// addLocked makes room for a series, or returns nil when there is none.
func (s *Store) addLocked(v *Sample) *series {
	width := 1
	if v.Kind == Histogram {
		width = len(v.Bounds) + 2
	}
	fine, coarse := int(fineKeep/fineStep), int(s.keep/coarseStep)
	size := 4*width*(fine+coarse) + 256
	k := key(v.Name, v.Labels)
	old := s.series[k]
	if old != nil {
		size -= old.bytes()
	}
	if s.bytes+size > budget {
		return nil
	}
	one := &series{
		name: v.Name, labels: append([]Label(nil), v.Labels...), kind: v.Kind, bounds: v.Bounds,
		fine: newRing(fineStep, fine, width), coarse: newRing(coarseStep, coarse, width),
	}
	s.series[k] = one
	s.bytes += size
	return one
}

func (s *series) bytes() int { return 4*(len(s.fine.data)+len(s.coarse.data)) + 256 }

// observe adds what happened since the last observation. A counter that is seen for the first time began at zero: it
// was made since; one that fell was restarted.
func (s *series) observe(now time.Time, v *Sample) {
	if s.kind == Gauge {
		s.fine.mean(now, float32(v.Value))
		s.coarse.mean(now, float32(v.Value))
		return
	}
	state := make([]float64, s.fine.width)
	if s.kind == Counter {
		state[0] = v.Value
	} else {
		for i, c := range v.Counts {
			state[i] = float64(c)
		}
		state[len(state)-1] = v.Sum
	}
	delta := make([]float32, len(state))
	for i := range state {
		before := 0.0
		if s.last != nil {
			before = s.last[i]
		}
		if state[i] < before {
			before = 0
		}
		delta[i] = float32(state[i] - before)
	}
	s.last = state
	s.fine.add(now, delta)
	s.coarse.add(now, delta)
}

// Status is how much of the past there is.
type Status struct {
	Series  int           `json:"series"`
	Bytes   int           `json:"bytes"`
	Refused int64         `json:"refused"` // samples for which there was no room
	Keep    time.Duration `json:"-"`
}

// Status describes the store.
func (s *Store) Status() Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Status{len(s.series), s.bytes, s.refused, s.keep}
}

func key(name string, labels []Label) string {
	for _, l := range labels {
		name += "\x00" + l.Name + "\x01" + l.Value
	}
	return name
}

var missing = float32(math.NaN())
