package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"blaze/filters"
	"blaze/policy/decode"
	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// tests checks the tests section itself; what the tests find out is runTests' business.
func (c *compiler) tests(tests []Test) {
	if !c.clean("tests") {
		return
	}
	for i := range tests {
		c.note(decode.At("tests", i), tests[i].validate())
	}
}

func (t *Test) validate() error {
	method, target, ok := strings.Cut(strings.TrimSpace(t.Request), " ")
	switch {
	case t.Name == "":
		return &setting.Problem{Path: "name", Want: "a name", Got: "nothing"}
	case !ok || method == "" || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n"):
		return setting.Wrong("request", "a method and a target such as POST /v1/chat/completions", t.Request)
	case t.Status == 0 && t.Verdict == "":
		return &setting.Problem{Path: "", Want: "status or verdict: what the request must get", Got: "neither"}
	case t.Status != 0 && (t.Status < 100 || t.Status > 599):
		return setting.Wrong("status", "an HTTP status", t.Status)
	case t.Verdict != "" && t.Verdict != "pass" && !slices.Contains(codes(), t.Verdict):
		return unknownName("verdict", "pass, or the code of a refusal", t.Verdict, append(codes(), "pass"))
	}
	for name, value := range t.Headers {
		if name == "" || strings.ContainsAny(name, " :\r\n\t") || strings.ContainsAny(value, "\r\n\x00") {
			return setting.Wrong("headers."+name, "a header field on one line", value)
		}
	}
	if _, err := netip.ParseAddr(t.Client); err != nil {
		return setting.Wrong("client", "an IP address", t.Client)
	}
	return nil
}

// codes lists the codes of all refusals.
func codes() []string {
	var out []string
	for _, d := range filters.Catalogue() {
		if !slices.Contains(out, d.Code) { // one may have two statuses
			out = append(out, d.Code)
		}
	}
	return out
}

// TestResult is how one of a policy's tests went; Problem is empty when it passed.
type TestResult struct {
	Name    string `json:"name"`
	Problem string `json:"problem,omitempty"`
}

// runTests runs a policy's tests on a compilation of their own, with fresh buckets and scores, so that they neither see
// nor touch what is serving. One that fails is a problem at its place.
func runTests(tests []Test, files []File, env Env, gate Gate) (results []TestResult, problems Problems) {
	if len(tests) == 0 {
		return nil, nil
	}
	doc := load(files, env) // for the places
	env.Offline = true
	env.Metrics, env.Log, env.Events = telemetry.NewMetrics(), telemetry.Logger{}, func(telemetry.Event) {}
	s, err := Compile(files, nil, env)
	if err != nil {
		return nil, ProblemsIn(err)
	}
	for i := range tests {
		t := &tests[i]
		r := TestResult{Name: t.Name}
		if problem := t.run(s, env, gate); problem != nil {
			r.Problem = "want " + problem.Want + "; got " + problem.Got
			problem.Path = decode.At("tests", i)
			problems = append(problems, decode.Locate(problem, doc.marks)...)
		}
		results = append(results, r)
	}
	return results, problems
}

// run judges one test's request; nil when it got what it must.
func (t *Test) run(s *Snapshot, env Env, gate Gate) *setting.Problem {
	call, err := t.call(env.Now())
	if err == nil {
		var r ruling
		if r, err = s.judge(call, s.Chain, gate); err == nil {
			return t.compare(r)
		}
	}
	return &setting.Problem{Want: fmt.Sprintf("test %q to run", t.Name), Got: err.Error()}
}

func (t *Test) compare(r ruling) *setting.Problem {
	got := "pass"
	if !r.verdict.Passed() {
		got = fmt.Sprintf("%d %s from %s", r.status(), r.code(), r.by)
		if r.verdict.Rule != "" {
			got += " (rule " + r.verdict.Rule + ")"
		}
	}
	p := &setting.Problem{Got: got}
	switch {
	case t.Verdict != "" && t.Verdict != r.code():
		p.Want = fmt.Sprintf("%q to get %s", t.Name, t.Verdict)
	case t.Status != 0 && t.Status != r.status():
		p.Want = fmt.Sprintf("%q to get status %d", t.Name, t.Status)
	default:
		return nil
	}
	return p
}
