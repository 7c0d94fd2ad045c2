package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"blaze/telemetry/history"
)

// saveEvery is how often a history that is kept on disk is written.
const saveEvery = 5 * time.Minute

// observe takes every metric's state into the history.
func (t *Telemetry) observe(now time.Time) { t.past.Observe(now, t.Metrics.samples()) }

// maxUpstreams bounds the upstreams whose histograms are told apart; the rest are one.
const maxUpstreams = 16

// samples is every metric's state. A histogram's series are summed by upstream, where it has one, and else all together:
// buckets are many, and quantiles are asked of the whole or of one upstream.
func (m *Metrics) samples() []history.Sample {
	var out []history.Sample
	for _, f := range m.all() {
		all := f.all()
		if f.Kind == KindHistogram {
			out = append(out, f.summed(all)...)
			continue
		}
		kind := history.Counter
		if f.Kind == KindGauge {
			kind = history.Gauge
		}
		for _, s := range all {
			out = append(out, history.Sample{Name: f.Name, Labels: f.pairs(s), Kind: kind, Value: s.current()})
		}
	}
	return out
}

func (f *family) summed(all []*series) []history.Sample {
	by := slices.Index(f.Labels, "upstream")
	var out []history.Sample
	of := func(s *series) *history.Sample {
		var labels []history.Label
		if by >= 0 {
			labels = []history.Label{{Name: "upstream", Value: s.values[by]}}
		}
		for i := range out {
			if slices.Equal(out[i].Labels, labels) {
				return &out[i]
			}
		}
		if len(out) > maxUpstreams {
			return &out[maxUpstreams]
		}
		if len(out) == maxUpstreams {
			labels[0].Value = other
		}
		out = append(out, history.Sample{Name: f.Name, Labels: labels, Kind: history.Histogram, Bounds: f.Buckets, Counts: make([]uint64, len(f.Buckets)+1)})
		return &out[len(out)-1]
	}
	for _, s := range all {
		sum := of(s)
		counts, _, total := s.histogram.state()
		for i, c := range counts {
			sum.Counts[i] += c
		}
		sum.Sum += total
	}
	return out
}

func (f *family) pairs(s *series) []history.Label {
	out := make([]history.Label, len(f.Labels))
	for i, n := range f.Labels {
		out[i] = history.Label{Name: n, Value: s.values[i]}
	}
	return out
}

// every calls f at each multiple of d until ctx ends.
func every(ctx context.Context, d time.Duration, f func(time.Time)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			f(now)
		case <-ctx.Done():
			return
		}
	}
}

// runHistory observes every ten seconds.
func (t *Telemetry) runHistory(ctx context.Context) {
	saved := time.Now()
	t.observe(saved)
	every(ctx, history.Step, func(now time.Time) {
		t.observe(now)
		t.evaluate(now)
		if now.Sub(saved) >= saveEvery {
			saved = now
			t.saveHistory()
		}
	})
	t.saveHistory()
}

func (t *Telemetry) saveHistory() {
	t.mu.Lock()
	path := t.pastPath
	t.mu.Unlock()
	if path == "" {
		return
	}
	if err := t.past.Save(path); err != nil {
		t.Log.Error().Err(err).Msg("history stays in memory")
	}
}

// configureHistory takes the section in; what was kept on disk is loaded once. Caller holds mu.
func (t *Telemetry) configureHistory(c History) {
	t.past.SetKeep(keepOr(c.Keep), t.now())
	if c.Path == "" || c.Path == t.pastPath {
		t.pastPath = c.Path
		return
	}
	t.pastPath = c.Path
	if err := t.past.Load(c.Path, t.now()); err != nil {
		t.Log.Warn().Err(err).Msg("history begins anew")
	}
}

func keepOr(d time.Duration) time.Duration {
	if d == 0 {
		return 24 * time.Hour
	}
	return d
}

// metricsHistory answers /metrics/history: without a name, the names; with one, its past. since and until are ages
// (1h) or times (RFC 3339); by is a list of labels, or none; label.NAME=VALUE chooses series; compare is an age.
func (a *Admin) metricsHistory(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	name := v.Get("name")
	if name == "" {
		s := a.t.past.Status()
		writeJSON(w, http.StatusOK, map[string]any{"names": a.t.past.Names(), "status": s, "keep_seconds": int64(s.Keep.Seconds())})
		return
	}
	q, err := historyQuery(v, a.t.now())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	result, err := a.t.past.Query(q)
	switch {
	case errors.Is(err, history.ErrUnknown) && a.t.Metrics.find(name) != nil: // nothing has happened yet
		writeJSON(w, http.StatusOK, history.Result{Name: name, From: q.From.Unix(), To: q.To.Unix(), StepSeconds: int64(history.Step.Seconds()), Series: []history.Series{}})
	case errors.Is(err, history.ErrUnknown):
		writeError(w, http.StatusNotFound, err.Error())
	case err != nil:
		writeError(w, http.StatusBadRequest, err.Error())
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

func historyQuery(v url.Values, now time.Time) (q history.Query, err error) {
	q = history.Query{Name: v.Get("name"), Func: v.Get("fn"), From: now.Add(-time.Hour), To: now, Match: map[string]string{}}
	var errs []error
	at := func(name string, to *time.Time) {
		if s := v.Get(name); s != "" {
			t, err := moment(s, now)
			errs = append(errs, wrong(name, err))
			*to = t
		}
	}
	length := func(name string, to *time.Duration) {
		if s := v.Get(name); s != "" {
			d, err := time.ParseDuration(s)
			if err == nil && d <= 0 {
				err = fmt.Errorf("want a duration such as 1h; got %q", s)
			}
			errs = append(errs, wrong(name, err))
			*to = d
		}
	}
	at("since", &q.From)
	at("until", &q.To)
	length("step", &q.Step)
	length("compare", &q.Shift)
	if by := v.Get("by"); by == "none" {
		q.Total = true
	} else if by != "" {
		q.By = strings.Split(by, ",")
	}
	for key, values := range v {
		if label, ok := strings.CutPrefix(key, "label."); ok {
			q.Match[label] = values[0]
		} else if !slices.Contains([]string{"name", "fn", "since", "until", "step", "compare", "by"}, key) {
			errs = append(errs, fmt.Errorf("%s is not a parameter of this endpoint", key))
		}
	}
	return q, errors.Join(errs...)
}

func wrong(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// moment reads an age (90m) or a time.
func moment(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return now, fmt.Errorf("want an age such as 1h, or a time such as 2026-11-24T12:00:00Z; got %q", s)
}
