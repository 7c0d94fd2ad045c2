package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPoints bounds an answer.
const maxPoints = 3000

// Query asks for one metric over one period.
type Query struct {
	Name  string
	Match map[string]string // labels that the series must have
	By    []string          // labels that are told apart; the rest is summed. nil tells all apart
	Total bool              // tell nothing apart
	// Func is what is asked of each step: rate (per second) or increase of a counter; value of a gauge; rate, increase,
	// avg or a quantile such as p99 of a histogram. Empty is rate, value or p95.
	Func     string
	From, To time.Time
	Step     time.Duration // 0 is about 240 steps
	// Shift asks for an earlier period beside it, this much before; 0 asks for none.
	Shift time.Duration
}

// Result is a metric's past.
type Result struct {
	Name        string   `json:"name"`
	Func        string   `json:"func"`
	From        int64    `json:"from"` // seconds since 1970
	To          int64    `json:"to"`
	StepSeconds int64    `json:"step_seconds"`
	Series      []Series `json:"series"`
}

// Series is one line of a chart; a point without data is null.
type Series struct {
	Labels   map[string]string `json:"labels"`
	Points   Points            `json:"points"`
	Previous Points            `json:"previous,omitempty"`
}

// Points are values at the starts of consecutive steps.
type Points []float64

// MarshalJSON writes null where there is no data.
func (p Points) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 8*len(p)+2)
	out = append(out, '[')
	for i, v := range p {
		if i > 0 {
			out = append(out, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out = append(out, "null"...)
			continue
		}
		out = strconv.AppendFloat(out, v, 'g', 7, 64)
	}
	return append(out, ']'), nil
}

// What a query can be wrong about.
var (
	ErrUnknown = errors.New("no such metric in the history")
	ErrQuery   = errors.New("cannot answer")
)

// Query answers q. The errors are ErrUnknown and ErrQuery, wrapped.
func (s *Store) Query(q Query) (Result, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	groups, sample, err := s.groupsLocked(q)
	if err != nil {
		return Result{}, err
	}
	f, err := reducer(&q, sample)
	if err != nil {
		return Result{}, err
	}
	fine := fits(q, sample)
	if err := steps(&q, fine); err != nil {
		return Result{}, err
	}
	r := Result{Name: q.Name, Func: q.Func, From: q.From.Unix(), To: q.To.Unix(), StepSeconds: int64(q.Step / time.Second), Series: []Series{}}
	for _, g := range groups {
		one := Series{Labels: g.labels, Points: g.points(q.From, q, fine, f)}
		if q.Shift > 0 {
			one.Previous = g.points(q.From.Add(-q.Shift), q, fine, f)
		}
		r.Series = append(r.Series, one)
	}
	return r, nil
}

// group is the series that are summed into one line.
type group struct {
	labels map[string]string
	series []*series
}

func (s *Store) groupsLocked(q Query) (groups []*group, sample *series, err error) {
	byKey := map[string]*group{}
	for _, one := range s.series {
		if one.name != q.Name || !one.matches(q.Match) {
			continue
		}
		labels, k := one.kept(q)
		g := byKey[k]
		if g == nil {
			g = &group{labels: labels}
			byKey[k] = g
			groups = append(groups, g)
		}
		g.series = append(g.series, one)
		sample = one
	}
	if sample == nil {
		return nil, nil, fmt.Errorf("%w: %q", ErrUnknown, q.Name)
	}
	slices.SortFunc(groups, func(a, b *group) int { return strings.Compare(fmt.Sprint(a.labels), fmt.Sprint(b.labels)) })
	return groups, sample, nil
}

func (s *series) matches(want map[string]string) bool {
	n := 0
	for _, l := range s.labels {
		if v, asked := want[l.Name]; asked && v == l.Value {
			n++
		}
	}
	return n == len(want)
}

// kept are the labels that q tells apart.
func (s *series) kept(q Query) (labels map[string]string, k string) {
	labels = map[string]string{}
	for _, l := range s.labels {
		if !q.Total && (q.By == nil || slices.Contains(q.By, l.Name)) {
			labels[l.Name] = l.Value
			k += l.Name + "\x00" + l.Value + "\x01"
		}
	}
	return labels, k
}

// fits reports whether the fine ring covers the whole question.
func fits(q Query, s *series) bool {
	if q.Step >= coarseStep && q.Step%coarseStep == 0 && q.To.Sub(q.From) > 30*time.Minute {
		return false
	}
	oldest := time.Unix((s.fine.newest-s.fine.steps()+1)*s.fine.step, 0)
	return !q.From.Add(-q.Shift).Before(oldest)
}

// steps makes the period and its steps whole multiples of the resolution.
func steps(q *Query, fine bool) error {
	unit := coarseStep
	if fine {
		unit = fineStep
	}
	if !q.To.After(q.From) {
		return fmt.Errorf("%w: the period ends before it begins", ErrQuery)
	}
	if q.Step <= 0 {
		q.Step = q.To.Sub(q.From) / 240
	}
	q.Step = max((q.Step+unit-1)/unit, 1) * unit
	q.From, q.To = q.From.Truncate(q.Step), q.To.Truncate(q.Step).Add(q.Step)
	q.Shift = q.Shift.Truncate(unit)
	if n := q.To.Sub(q.From) / q.Step; n > maxPoints {
		return fmt.Errorf("%w: %d points, of which at most %d are answered; ask for a longer step", ErrQuery, n, maxPoints)
	}
	return nil
}

// points reduces each step of the period that begins at from.
func (g *group) points(from time.Time, q Query, fine bool, f reduce) Points {
	n := int(q.To.Sub(q.From) / q.Step)
	out := make(Points, n)
	for i := range out {
		begin := from.Add(time.Duration(i) * q.Step)
		out[i] = f(g.sum(begin, q.Step, fine), q.Step)
	}
	return out
}

// sum adds the group's series over one step; nil when nothing was observed. Gauges are averaged over time and summed
// over series.
func (g *group) sum(begin time.Time, step time.Duration, fine bool) []float64 {
	var total []float64
	for _, s := range g.series {
		r := &s.coarse
		if fine {
			r = &s.fine
		}
		one, seen := make([]float64, r.width), 0
		for n := begin.Unix() / r.step; n < begin.Add(step).Unix()/r.step; n++ {
			if !r.has(n) || r.at(n)[0] != r.at(n)[0] {
				continue
			}
			seen++
			for i, v := range r.at(n) {
				one[i] += float64(v)
			}
		}
		if seen == 0 {
			continue
		}
		if total == nil {
			total = make([]float64, r.width)
		}
		for i, v := range one {
			if s.kind == Gauge {
				v /= float64(seen)
			}
			total[i] += v
		}
	}
	return total
}

// reduce makes a step's numbers one.
type reduce func(v []float64, step time.Duration) float64

func reducer(q *Query, s *series) (reduce, error) {
	if q.Func == "" {
		q.Func = [...]string{"rate", "value", "p95"}[s.kind]
	}
	var f func(v []float64, step time.Duration) float64
	quantile, isQuantile := ParseQuantile(q.Func)
	switch {
	case s.kind == Gauge && q.Func == "value":
		f = func(v []float64, _ time.Duration) float64 { return v[0] }
	case s.kind != Gauge && q.Func == "increase":
		f = func(v []float64, _ time.Duration) float64 { return count(v, s.kind) }
	case s.kind != Gauge && q.Func == "rate":
		f = func(v []float64, step time.Duration) float64 { return count(v, s.kind) / step.Seconds() }
	case s.kind == Histogram && q.Func == "avg":
		f = func(v []float64, _ time.Duration) float64 { return v[len(v)-1] / count(v, s.kind) }
	case s.kind == Histogram && isQuantile:
		f = func(v []float64, _ time.Duration) float64 { return Quantile(quantile, s.bounds, v[:len(v)-1]) }
	default:
		return nil, fmt.Errorf("%w: %q is not a function of a %s", ErrQuery, q.Func, [...]string{"counter", "gauge", "histogram"}[s.kind])
	}
	return func(v []float64, step time.Duration) float64 {
		if v == nil {
			return math.NaN()
		}
		return f(v, step)
	}, nil
}

func count(v []float64, k Kind) float64 {
	if k != Histogram {
		return v[0]
	}
	sum := 0.0
	for _, c := range v[:len(v)-1] {
		sum += c
	}
	return sum
}

// ParseQuantile reads p50, p99, p99.9.
func ParseQuantile(s string) (float64, bool) {
	digits, ok := strings.CutPrefix(s, "p")
	q, err := strconv.ParseFloat(digits, 64)
	return q / 100, ok && err == nil && q > 0 && q < 100
}

// Quantile estimates the value under which the share q of counts lies, by linear interpolation inside its bucket as
// Prometheus does; NaN when nothing was counted, the last bound when it lies above.
func Quantile(q float64, bounds, counts []float64) float64 {
	total := 0.0
	for _, c := range counts {
		total += c
	}
	if total == 0 || len(counts) != len(bounds)+1 || len(bounds) == 0 {
		return math.NaN()
	}
	rank, below := q*total, 0.0
	for i, c := range counts {
		if below+c < rank || c == 0 {
			below += c
			continue
		}
		if i == len(bounds) {
			break
		}
		low := 0.0
		if i > 0 {
			low = bounds[i-1]
		}
		return low + (bounds[i]-low)*(rank-below)/c
	}
	return bounds[len(bounds)-1]
}

// Names lists what there is a past of.
func (s *Store) Names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	seen := map[string]bool{}
	names := []string{}
	for _, one := range s.series {
		if !seen[one.name] {
			seen[one.name] = true
			names = append(names, one.name)
		}
	}
	slices.Sort(names)
	return names
}

// Over is q's function over the last window up to now, all series as one; NaN when there is nothing.
func (s *Store) Over(q Query, now time.Time, window time.Duration) float64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q.Total = true
	groups, sample, err := s.groupsLocked(q)
	if err != nil {
		return math.NaN()
	}
	f, err := reducer(&q, sample)
	if err != nil {
		return math.NaN()
	}
	fine, unit := window <= fineKeep, fineStep
	if !fine {
		unit = coarseStep
	}
	window = max(window.Truncate(unit), unit)
	begin := now.Truncate(unit).Add(unit - window)
	return f(groups[0].sum(begin, window, fine), window)
}
