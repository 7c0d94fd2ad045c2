package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"blaze/filters"
)

// TestRun measures a corpus of our own, of cases that nobody could mistake.
func TestRun(t *testing.T) {
	misses := filepath.Join(t.TempDir(), "misses.jsonl")
	var out bytes.Buffer
	if err := run("testdata", options{misses: misses, machine: true, cost: true}, &out); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, r := range got.Rows {
		want := counts{Passed: r.total()}
		if r.Attack {
			want = counts{Stopped: r.total()}
		}
		if r.counts != want {
			t.Errorf("%s, %s in %s: got %+v, want %+v", r.Group, r.Class, r.Place, r.counts, want)
		}
	}
	f := func(group string, want int) {
		t.Helper()
		if n := got.sum(func(r *row) bool { return r.Group == group }).total(); n != want {
			t.Errorf("%s: %d requests, want %d", group, n, want)
		}
	}
	f(attacks, 2*12)
	f(decoyed, 2*2)
	f(quoted, 2)
	f(urls, 1)
	f(uploads, 1)
	f(whole, 6)
	f(harmless, 4+2+1+1+1)
	f(prompts, 2)
	f(transports, 3)
	f(injections, 2)
	if got.Cost == nil || got.Cost.Requests < 40 || got.Cost.Worst == 0 || got.Cost.WorstID == "" {
		t.Errorf("cost %+v", got.Cost)
	}
	if left, err := os.ReadFile(misses); err != nil || len(left) > 0 {
		t.Errorf("misses: %s %v", left, err)
	}
}

func TestDear(t *testing.T) {
	if err := (&cost{Requests: 9, Worst: bound}).err(); err != nil {
		t.Error(err)
	}
	if err := (&cost{Requests: 9, Over: 1, Worst: 2 * bound, WorstID: "x"}).err(); err == nil || !strings.Contains(err.Error(), "1 of 9") {
		t.Errorf("got %v", err)
	}
}

func TestRunWithoutCorpus(t *testing.T) {
	if err := run(t.TempDir(), options{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "prompts-injection.jsonl") {
		t.Errorf("got %v, want an error that names every missing file", err)
	}
}

func TestOutcome(t *testing.T) {
	f := func(status int, code string, seen bool, want string) {
		t.Helper()
		if got := outcome(answer{status, code}, seen); got != want {
			t.Errorf("%d %s, seen %v: got %s, want %s", status, code, seen, got, want)
		}
	}
	f(200, "", true, passed)
	f(200, "", false, other) // an answer from nowhere
	f(403, filters.ThreatDetected.Code, false, stopped)
	f(403, filters.ThreatDetected.Code, true, late)
	f(403, filters.AddressDenied.Code, false, other) // a ban says nothing about the request
	f(400, filters.InvalidJSON.Code, false, stopped)
	f(415, filters.UnsupportedMediaType.Code, false, stopped)
	f(404, filters.UnknownRoute.Code, false, other)
	f(429, filters.RateLimitExceeded.Code, false, other)
	f(500, filters.InternalError.Code, false, other)
	f(0, "", false, other)
}

func TestPrint(t *testing.T) {
	e := entry{Class: "sqli"}
	var out strings.Builder
	err := tally([]*probe{
		{entry: &e, group: attacks, place: "query", attack: true, outcome: stopped},
		{entry: &e, group: attacks, place: "query", attack: true, outcome: passed},
		{entry: &e, group: attacks, place: "path", attack: true, outcome: stopped},
		{entry: &e, group: whole, place: "gotestwaf", attack: true, outcome: late, answer: answer{status: 403}},
	}).print(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"50.00| 100.00|", "mean over places, sqli: 75.00", "4 requests; late: 1;", "GoTestWAF: attacks stopped 0.00 %, harmless refused - %"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
