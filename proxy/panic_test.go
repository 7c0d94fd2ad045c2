package proxy_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/proxy"
)

// brittle is a filter with a bug, which a request's field brings out.
type brittle struct{}

func (brittle) at(x *filters.Exchange, where string) filters.Verdict {
	if string(x.Request.Peek("X-Bug")) == where {
		panic("a bug in " + where)
	}
	return filters.Pass()
}

// Request judges the head.
func (b brittle) Request(x *filters.Exchange) filters.Verdict { return b.at(x, "head") }

// Body judges the body.
func (b brittle) Body(x *filters.Exchange) filters.Verdict { return b.at(x, "body") }

// Settle gives back what it took.
func (b brittle) Settle(x *filters.Exchange) { b.at(x, "settle") }

// TestPanic: a filter that panics costs its own request a 500 and no other anything; nothing of it reaches the model
// server, what the others took is given back, and it is counted, logged with its stack and alerted.
func TestPanic(t *testing.T) {
	var log written
	backend := newBackend(t)
	s := ready(t, guardedPolicy(""), backend.URL(), proxy.Options{}, &log)
	s.backend = backend
	now := s.store.Current()
	stages := append([]filters.Stage{}, now.Chain.Stages()...)
	last := len(stages) - 1 // what asks for a place at the model server comes last
	stages = append(stages[:last:last], filters.Stage{Name: "params", Filter: brittle{}}, stages[last])
	now.Chain = filters.NewChain(stages, s.tel.Metrics, s.tel.Log)
	t.Cleanup(s.run(t))

	f := func(where string, status int, code string) {
		t.Helper()
		begun := s.backend.Stats().Generations
		got := generate(t, s.url(), plain, "Authorization: Bearer "+guardKey)
		if got.status != http.StatusOK {
			t.Fatalf("before: %+v", got)
		}
		got = generate(t, s.url(), plain, "Authorization: Bearer "+guardKey, "X-Bug: "+where)
		if got != (told{status, code, true}) {
			t.Errorf("%s: the client was told %+v, want %d %s", where, got, status, code)
		}
		want := begun + 1
		if status == http.StatusOK {
			want++
		}
		if n := s.backend.Stats().Generations; n != want {
			t.Errorf("%s: %d generations, want %d", where, n-begun, want-begun)
		}
	}
	f("head", 500, "internal_error")
	f("body", 500, "internal_error")
	f("settle", 200, "") // it was answered already
	if got := generate(t, s.url(), plain, "Authorization: Bearer "+guardKey); got.status != http.StatusOK {
		t.Errorf("afterwards: %+v", got)
	}
	s.await(t, "blaze_panics_total", 3)
	s.await(t, `blaze_filter_verdicts_total{filter="params",verdict="panic"}`, 3)
	s.await(t, "blaze_open_exchanges", 0)
	waitFor(t, "an alert fires", func() bool { return series(t, s, "blaze_alerts_firing") != "0" })
	told := 0
	for line := range strings.Lines(log.String()) {
		var l struct{ Panic, Stack, Filter string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Panic != "" {
			if told++; l.Filter != "params" || !strings.Contains(l.Stack, "brittle") {
				t.Errorf("logged as %+v", l)
			}
		}
	}
	if told != 3 {
		t.Errorf("%d panics in the log", told)
	}
}
