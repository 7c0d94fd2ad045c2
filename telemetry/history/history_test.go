package history_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"blaze/telemetry/history"
)

// noon is a whole hour, so that steps begin where the tests' periods do.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func counter(v float64, labels ...history.Label) history.Sample {
	return history.Sample{Name: "requests", Kind: history.Counter, Value: v, Labels: labels}
}

func ask(t testing.TB, s *history.Store, q history.Query) []history.Series {
	t.Helper()
	r, err := s.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	return r.Series
}

// points renders a line of a chart; - is no data.
func points(p history.Points) string {
	var b strings.Builder
	for _, v := range p {
		if math.IsNaN(v) {
			b.WriteString("- ")
			continue
		}
		fmt.Fprintf(&b, "%.4g ", v)
	}
	return strings.TrimSpace(b.String())
}

func TestCounterRatesAndRestarts(t *testing.T) {
	s := history.New(0)
	// Ten seconds apart; the process restarts before the fourth, one observation is missing.
	for i, v := range []float64{10, 20, 50, 5, math.NaN(), 15} {
		if !math.IsNaN(v) {
			s.Observe(noon.Add(time.Duration(i)*10*time.Second), []history.Sample{counter(v)})
		}
	}
	f := func(fn string, step time.Duration, want string) {
		t.Helper()
		got := ask(t, s, history.Query{Name: "requests", Func: fn, From: noon, To: noon.Add(59 * time.Second), Step: step})
		if len(got) != 1 || points(got[0].Points) != want {
			t.Errorf("%s by %v: got %q, want %q", fn, step, points(got[0].Points), want)
		}
	}
	f("increase", 10*time.Second, "10 10 30 5 - 10")
	f("rate", 10*time.Second, "1 1 3 0.5 - 1")
	f("", 20*time.Second, "1 1.75 0.5")
	f("increase", time.Minute, "65")
}

func TestLabelsAreToldApartAndSummed(t *testing.T) {
	s := history.New(0)
	l := func(code, route string) []history.Label { return []history.Label{{"code", code}, {"route", route}} }
	s.Observe(noon, []history.Sample{counter(1, l("2xx", "a")...), counter(2, l("2xx", "b")...), counter(4, l("5xx", "a")...)})
	f := func(q history.Query, want string) {
		t.Helper()
		q.Name, q.Func, q.From, q.To, q.Step = "requests", "increase", noon, noon.Add(5*time.Second), 10*time.Second
		got := ""
		for _, one := range ask(t, s, q) {
			labels, _ := json.Marshal(one.Labels)
			got += fmt.Sprintf("%s %s\n", labels, points(one.Points))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	f(history.Query{}, `{"code":"2xx","route":"a"} 1`+"\n"+`{"code":"2xx","route":"b"} 2`+"\n"+`{"code":"5xx","route":"a"} 4`+"\n")
	f(history.Query{By: []string{"code"}}, `{"code":"2xx"} 3`+"\n"+`{"code":"5xx"} 4`+"\n")
	f(history.Query{Total: true}, "{} 7\n")
	f(history.Query{Match: map[string]string{"route": "a"}, Total: true}, "{} 5\n")
}

func TestGaugeIsAveragedOverTimeAndSummedOverSeries(t *testing.T) {
	s := history.New(0)
	for i := range 12 {
		s.Observe(noon.Add(time.Duration(i)*5*time.Second), []history.Sample{
			{Name: "inflight", Kind: history.Gauge, Value: float64(i % 2 * 10), Labels: []history.Label{{"target", "a"}}},
			{Name: "inflight", Kind: history.Gauge, Value: 1, Labels: []history.Label{{"target", "b"}}},
		})
	}
	got := ask(t, s, history.Query{Name: "inflight", Total: true, From: noon, To: noon.Add(59 * time.Second), Step: 30 * time.Second})
	if points(got[0].Points) != "6 6" {
		t.Errorf("got %q", points(got[0].Points))
	}
	// The same from the minutes, once the ten seconds are gone.
	got = ask(t, s, history.Query{Name: "inflight", Total: true, From: noon, To: noon.Add(time.Hour), Step: time.Hour})
	if points(got[0].Points)[:1] != "6" {
		t.Errorf("got %q", points(got[0].Points))
	}
}

func TestHistogramQuantiles(t *testing.T) {
	s := history.New(0)
	bounds := []float64{1, 2, 4}
	at := func(i int, sum float64, counts ...uint64) {
		s.Observe(noon.Add(time.Duration(i)*10*time.Second), []history.Sample{{Name: "ttft", Kind: history.Histogram, Bounds: bounds, Counts: counts, Sum: sum}})
	}
	at(0, 5, 10, 0, 0, 0)
	at(1, 35, 10, 0, 10, 0)
	at(2, 35, 10, 0, 10, 0)
	f := func(fn, want string) {
		t.Helper()
		got := ask(t, s, history.Query{Name: "ttft", Func: fn, From: noon, To: noon.Add(29 * time.Second), Step: 10 * time.Second})
		if points(got[0].Points) != want {
			t.Errorf("%s: got %q, want %q", fn, points(got[0].Points), want)
		}
	}
	f("p50", "0.5 3 -")
	f("p99.9", "0.999 3.998 -")
	f("avg", "0.5 3 -")
	f("increase", "10 10 0")
}

func TestComparisonWithThePeriodBefore(t *testing.T) {
	s := history.New(0)
	total := 0.0
	for i := range 48 * 60 { // two days of minutes; the second is twice as busy
		total += float64(1 + i/(24*60))
		s.Observe(noon.Add(time.Duration(i)*time.Minute), []history.Sample{counter(total)})
	}
	end := noon.Add(48*time.Hour - time.Minute)
	got := ask(t, s, history.Query{Name: "requests", Func: "increase", From: end.Add(-2 * time.Hour), To: end, Step: time.Hour, Shift: 20 * time.Hour})
	if points(got[0].Points) != "120 120 120" || points(got[0].Previous) != "120 120 120" {
		t.Errorf("got %q, before %q", points(got[0].Points), points(got[0].Previous))
	}
	// The day before yesterday is forgotten.
	got = ask(t, s, history.Query{Name: "requests", From: end.Add(-2 * time.Hour), To: end, Step: time.Hour, Shift: 40 * time.Hour})
	if points(got[0].Previous) != "- - -" {
		t.Errorf("got %q", points(got[0].Previous))
	}
}

func TestWrongQueries(t *testing.T) {
	s := history.New(0)
	s.Observe(noon, []history.Sample{counter(1), {Name: "g", Kind: history.Gauge, Value: 1}})
	f := func(q history.Query, want error) {
		t.Helper()
		if q.To.IsZero() {
			q.From, q.To = noon, noon.Add(time.Minute)
		}
		if _, err := s.Query(q); !errors.Is(err, want) {
			t.Errorf("%+v: got %v, want %v", q, err, want)
		}
	}
	f(history.Query{Name: "nonesuch"}, history.ErrUnknown)
	f(history.Query{Name: "requests", Match: map[string]string{"a": "b"}}, history.ErrUnknown)
	f(history.Query{Name: "requests", Func: "p99"}, history.ErrQuery)
	f(history.Query{Name: "g", Func: "rate"}, history.ErrQuery)
	f(history.Query{Name: "g", Func: "p200"}, history.ErrQuery)
	f(history.Query{Name: "g", From: noon, To: noon}, history.ErrQuery)
	f(history.Query{Name: "g", From: noon.Add(-1000 * time.Hour), To: noon, Step: time.Second}, history.ErrQuery)
}

// What the steps say adds up to what the counter says.
func TestIncreasesAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := history.New(0)
		now, v := noon, 0.0
		for range rapid.IntRange(1, 60).Draw(rt, "observations") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "seconds")) * time.Second)
			v += float64(rapid.IntRange(0, 1000).Draw(rt, "more"))
			s.Observe(now, []history.Sample{counter(v)})
		}
		step := time.Duration(rapid.IntRange(1, 30).Draw(rt, "step")) * 10 * time.Second
		sum := 0.0
		r, err := s.Query(history.Query{Name: "requests", Func: "increase", From: noon, To: now.Add(time.Second), Step: step})
		if err != nil {
			rt.Fatal(err)
		}
		for _, p := range r.Series[0].Points {
			if !math.IsNaN(p) {
				sum += p
			}
		}
		if math.Abs(sum-v) > 1e-3*v {
			rt.Errorf("steps of %v add up to %v, the counter says %v", step, sum, v)
		}
	})
}

// Any number of series stays within the memory that 24 hours may take.
func TestMemoryIsBounded(t *testing.T) {
	s := history.New(24 * time.Hour)
	samples := []history.Sample{}
	for i := range 20000 {
		samples = append(samples, counter(1, history.Label{"n", fmt.Sprint(i)}))
	}
	for i := range 20 {
		samples = append(samples, history.Sample{Name: fmt.Sprint("h", i), Kind: history.Histogram, Bounds: make([]float64, 20), Counts: make([]uint64, 21)})
	}
	s.Observe(noon, samples)
	st := s.Status()
	if st.Bytes > 32<<20 || st.Series < 3000 || st.Refused == 0 {
		t.Errorf("got %+v", st)
	}
}

func TestPastSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	s := history.New(0)
	for i := range 30 {
		s.Observe(noon.Add(time.Duration(i)*time.Minute), []history.Sample{counter(float64(i)), {Name: "g", Kind: history.Gauge, Value: 3}})
	}
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	now := noon.Add(40 * time.Minute)
	next := history.New(48 * time.Hour) // another length is no obstacle
	if err := next.Load(path, now); err != nil {
		t.Fatal(err)
	}
	next.Observe(now, []history.Sample{counter(7)}) // a new process counts from zero
	q := history.Query{Name: "requests", Func: "increase", From: noon, To: now.Add(time.Minute), Step: 10 * time.Minute}
	if got := points(ask(t, next, q)[0].Points); got != "9 10 10 - 7" {
		t.Errorf("got %q", got)
	}
}

func TestLoadOfWhatIsNoHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	s := history.New(0)
	if err := s.Load(path, noon); err != nil {
		t.Errorf("no file: %v", err)
	}
	for _, junk := range []string{"", "junk", strings.Repeat("\x7f", 1000)} {
		if err := os.WriteFile(path, []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Load(path, noon); err == nil {
			t.Errorf("%.10q: want an error", junk)
		}
	}
	if err := s.Save(filepath.Join(t.TempDir(), "no", "folder")); err == nil {
		t.Error("want an error")
	}
}

func TestSetKeepKeepsWhatIsWithin(t *testing.T) {
	s := history.New(24 * time.Hour)
	for i := range 180 {
		s.Observe(noon.Add(time.Duration(i)*time.Minute), []history.Sample{counter(float64(i))})
	}
	now := noon.Add(179 * time.Minute)
	s.SetKeep(time.Hour, now)
	s.Observe(now, []history.Sample{counter(189)}) // the counter goes on from where it was
	got := points(ask(t, s, history.Query{Name: "requests", Func: "increase", From: now.Add(-119 * time.Minute), To: now, Step: time.Hour})[0].Points)
	if got != "- 70" {
		t.Errorf("got %q", got)
	}
}

func FuzzLoad(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	s := history.New(0)
	s.Observe(noon, []history.Sample{counter(1)})
	if err := s.Save(path); err != nil {
		f.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	f.Add(b[:min(len(b), 2000)])
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "h")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := history.New(0)
		_ = s.Load(path, noon)
		s.Observe(noon, []history.Sample{counter(1)})
		if _, err := s.Query(history.Query{Name: "requests", From: noon, To: noon.Add(time.Minute)}); err != nil {
			t.Error(err)
		}
	})
}
