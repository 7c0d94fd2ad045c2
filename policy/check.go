package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"blaze/telemetry"
)

// Report is everything that can be said about a policy without serving it.
type Report struct {
	Problems Problems
	Warnings Problems
	Tests    []TestResult
	Sources  []string
}

// Bad reports whether the policy would be refused.
func (r *Report) Bad() bool { return len(r.Problems) > 0 }

// Check reads the policy of o, compiles it and runs its tests, serving nothing and touching no network. It uses of o what
// a server would, but for Tel, which may be nil.
func Check(o Options) *Report {
	o.fill()
	f := newFiles()
	src, _, err := o.sources(f)
	if err != nil {
		return &Report{Problems: missing(o.Path, err)}
	}
	env := o.env(f)
	r := &Report{}
	for _, s := range src {
		r.Sources = append(r.Sources, s.Name)
	}
	snap, err := Compile(src, nil, env)
	if err != nil {
		r.Problems = ProblemsIn(err)
		return r
	}
	r.Warnings = snap.Warnings
	r.Tests, r.Problems = runTests(snap.tests, src, env, o.Gate)
	return r
}

// fill puts in what an option left out means.
func (o *Options) fill() {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll <= 0 {
		if o.Poll = time.Second; o.Eager {
			o.Poll = 100 * time.Millisecond
		}
	}
	if o.Tel == nil {
		o.Tel = telemetry.New(telemetry.Options{Output: io.Discard})
	}
}

// Write writes the report for people, or as json for editors and CI.
func (r *Report) Write(w io.Writer, format string) error {
	if format == "json" {
		return r.WriteJSON(w)
	}
	return r.WriteText(w)
}

// WriteText writes the report for people, one line for each problem and warning, and how the tests went.
func (r *Report) WriteText(w io.Writer) error {
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		errs = append(errs, err)
	}
	for _, p := range append(append(Problems(nil), r.Problems...), r.Warnings...) {
		line("%s", p.Error())
	}
	failed := 0
	for _, t := range r.Tests {
		if t.Problem != "" {
			failed++
		}
	}
	switch {
	case r.Bad():
		line("%s, %s; tests: %d passed, %d failed", count(len(r.Problems), "problem"), count(len(r.Warnings), "warning"), len(r.Tests)-failed, failed)
	default:
		line("ok: %s, %s; tests: %d passed", count(len(r.Sources), "file"), count(len(r.Warnings), "warning"), len(r.Tests))
	}
	return errors.Join(errs...)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// finding is a problem as editors and CI read it.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Severity string `json:"severity"` // error, warning
	Path     string `json:"path,omitempty"`
	Want     string `json:"want"`
	Got      string `json:"got"`
	Hint     string `json:"hint,omitempty"`
	Message  string `json:"message"` // the line that the text form prints
}

func findings(ps Problems) []finding {
	out := make([]finding, 0, len(ps))
	for _, p := range ps {
		f := finding{File: p.Pos.File, Line: p.Pos.Line, Column: p.Pos.Column, Severity: "error",
			Path: p.Path, Want: p.Want, Got: p.Got, Hint: p.Hint, Message: p.Error()}
		if p.Warning {
			f.Severity = "warning"
		}
		out = append(out, f)
	}
	return out
}

// WriteJSON writes the report as one JSON object: ok, findings, tests, files.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{
		"ok": !r.Bad(), "findings": findings(append(append(Problems(nil), r.Problems...), r.Warnings...)),
		"tests": notNil(r.Tests), "files": notNil(r.Sources),
	})
}

func notNil[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
