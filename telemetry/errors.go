package telemetry

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of the summary: kinds of errors, and examples of each.
const (
	errorClasses  = 256
	errorExamples = 5
	errorMinutes  = 120
)

// errorSummary counts what went wrong by class, route and upstream, with the last examples of each.
type errorSummary struct {
	classes cache[errorKey, *errorCount]
	rest    errorCount // what is past the bound
}

type errorKey struct{ class, kind, route, upstream string }

// errorCount is one kind of error; only exchanges that failed that way meet at its lock.
type errorCount struct {
	mu       sync.Mutex
	total    int64
	minutes  [errorMinutes]uint32 // by minute of the clock modulo their number
	newest   int64                // the last minute counted in, since 1970
	examples [errorExamples]errorExample
	next     int
}

type errorExample struct {
	at     time.Time
	status int
	total  time.Duration
	id     [64]byte
	idLen  int
}

// errorClass says how an exchange went wrong: the code the client was told, the way it ended early, or the status that
// the model server gave. kind is refused, failed or aborted; class is empty when it went well.
func errorClass(r *Record) (class, kind string) {
	switch {
	case r.Filter != "":
		return r.Code, "refused"
	case r.Code != "":
		return r.Code, "failed"
	case r.Abort != "":
		return r.Abort, "aborted"
	case r.Status >= 500:
		return "upstream_5xx", "failed"
	case r.Status >= 400:
		return "upstream_4xx", "failed"
	}
	return "", ""
}

func (s *errorSummary) add(now time.Time, r *Record, class, kind string) {
	c := s.of(errorKey{class, kind, r.Route, r.Upstream})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.advance(now)
	c.minutes[c.newest%errorMinutes]++
	e := &c.examples[c.next]
	c.next = (c.next + 1) % errorExamples
	e.at, e.status, e.total = now, r.Status, r.Total
	e.idLen = copy(e.id[:], r.RequestID)
}

func (s *errorSummary) of(k errorKey) *errorCount {
	if c, ok := s.classes.get(k); ok {
		return c
	}
	if s.classes.full() {
		return &s.rest
	}
	return s.classes.ensure(errorKey{strings.Clone(k.class), k.kind, strings.Clone(k.route), strings.Clone(k.upstream)}, func() *errorCount { return new(errorCount) })
}

// advance moves the ring to now's minute, clearing the minutes between.
func (c *errorCount) advance(now time.Time) {
	minute := now.Unix() / 60
	for m := max(c.newest+1, minute-errorMinutes+1); m <= minute; m++ {
		c.minutes[m%errorMinutes] = 0
	}
	c.newest = max(c.newest, minute)
}

// ErrorJSON is one kind of error in /errors/summary.
type ErrorJSON struct {
	Class      string             `json:"class"`
	Kind       string             `json:"kind"` // refused, failed or aborted
	Route      string             `json:"route"`
	Upstream   string             `json:"upstream"`
	Total      int64              `json:"total"`
	LastHour   uint32             `json:"last_hour"`
	HourBefore uint32             `json:"hour_before"`
	Trend      string             `json:"trend"` // rising, steady or falling: the last hour against the one before
	PerMinute  []uint32           `json:"per_minute"`
	Examples   []ErrorExampleJSON `json:"examples"`
}

// ErrorExampleJSON is one exchange that failed; its line is found under the request id.
type ErrorExampleJSON struct {
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id"`
	Status    int       `json:"status"`
	TotalMS   float64   `json:"total_ms"`
}

// summary lists the kinds of errors, those of the last hour first.
func (s *errorSummary) summary(now time.Time) []ErrorJSON {
	out := []ErrorJSON{}
	s.classes.each(func(k errorKey, c *errorCount) { out = append(out, c.json(k, now)) })
	if rest := s.rest.json(errorKey{other, other, other, other}, now); rest.Total > 0 {
		out = append(out, rest)
	}
	slices.SortFunc(out, func(a, b ErrorJSON) int {
		return cmp.Or(cmp.Compare(b.LastHour, a.LastHour), cmp.Compare(b.Total, a.Total), strings.Compare(a.Class, b.Class), strings.Compare(a.Route, b.Route))
	})
	return out
}

func (c *errorCount) json(k errorKey, now time.Time) ErrorJSON {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(now)
	j := ErrorJSON{Class: k.class, Kind: k.kind, Route: k.route, Upstream: k.upstream, Total: c.total, PerMinute: []uint32{}, Examples: []ErrorExampleJSON{}}
	for m := c.newest - errorMinutes + 1; m <= c.newest; m++ {
		n := c.minutes[((m%errorMinutes)+errorMinutes)%errorMinutes]
		if m > c.newest-errorMinutes/2 {
			j.LastHour += n
			j.PerMinute = append(j.PerMinute, n)
		} else {
			j.HourBefore += n
		}
	}
	j.Trend = trend(j.HourBefore, j.LastHour)
	for i := 1; i <= errorExamples; i++ {
		e := &c.examples[(c.next-i+errorExamples)%errorExamples]
		if !e.at.IsZero() {
			j.Examples = append(j.Examples, ErrorExampleJSON{e.at.UTC(), string(e.id[:e.idLen]), e.status, float64(e.total.Microseconds()) / 1000})
		}
	}
	return j
}

// trend compares two hours; a few more or less are chance.
func trend(before, last uint32) string {
	slack := before/5 + 3
	switch {
	case last > before+slack:
		return "rising"
	case last+slack < before:
		return "falling"
	}
	return "steady"
}
