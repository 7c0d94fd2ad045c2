package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"blaze/filters"
	"blaze/telemetry"
)

// Trace is how a request would be decided, stage by stage. Nothing was sent and nothing was taken.
type Trace struct {
	Verdict    string `json:"verdict"` // pass, or deny
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	By         string `json:"by,omitempty"` // the filter that refused; proxy before and between them
	Rule       string `json:"rule,omitempty"`
	Field      string `json:"field,omitempty"`
	Excerpt    string `json:"excerpt,omitempty"` // masked
	RetryAfter string `json:"retry_after,omitempty"`

	Client   string   `json:"client"`
	Identity *Caller  `json:"identity,omitempty"`
	Route    string   `json:"route,omitempty"`
	Upstream string   `json:"upstream,omitempty"`
	Engine   string   `json:"engine,omitempty"`
	Endpoint string   `json:"endpoint,omitempty"`
	Class    string   `json:"class,omitempty"`
	Model    string   `json:"model,omitempty"`
	Stages   []Step   `json:"stages"`
	Shadow   []Hit    `json:"shadow,omitempty"`
	Excepted []Except `json:"excepted,omitempty"` // found, and let pass by an exception of the policy
	Limits   []Limits `json:"limits,omitempty"`

	Edits     int    `json:"edits,omitempty"` // places of the body that would be changed
	Degraded  string `json:"degraded,omitempty"`
	Sanitized string `json:"sanitized,omitempty"`
}

// Caller is who auth found to be calling.
type Caller struct {
	Subject string   `json:"subject"`
	Roles   []string `json:"roles,omitempty"`
	Tier    string   `json:"tier,omitempty"`
	Tenant  string   `json:"tenant,omitempty"`
	Key     string   `json:"key,omitempty"`
	Issuer  string   `json:"issuer,omitempty"`
	Method  string   `json:"method,omitempty"`
}

// Step is one stage's answer to the head or to the body.
type Step struct {
	Stage      string  `json:"stage"`
	Phase      string  `json:"phase"`   // head, identity, body
	Verdict    string  `json:"verdict"` // pass, deny, error, shadow (would have refused), not_asked
	Code       string  `json:"code,omitempty"`
	Rule       string  `json:"rule,omitempty"`
	Field      string  `json:"field,omitempty"`
	Excerpt    string  `json:"excerpt,omitempty"`
	RetryAfter string  `json:"retry_after,omitempty"`
	Error      string  `json:"error,omitempty"`
	Shadow     []Hit   `json:"shadow,omitempty"` // the stage's rules that would have refused
	Micros     float64 `json:"cost_us"`
}

// Hit is a refusal that is not enforced.
type Hit struct {
	Filter string `json:"filter,omitempty"`
	Rule   string `json:"rule"`
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	// Excerpt is what was seen there, masked, or the score and what it is made of.
	Excerpt string `json:"excerpt,omitempty"`
}

// Except is a hit that an exception of the policy covers.
type Except struct {
	Filter string `json:"filter"`
	Rule   string `json:"rule"`
	Field  string `json:"field"`
}

// Limits is what the limit headers would say, of one axis.
type Limits struct {
	Axis      string `json:"axis"` // requests, tokens
	Name      string `json:"name"`
	Limit     int64  `json:"limit"`
	Remaining int64  `json:"remaining"`
	Reset     string `json:"reset"`
}

// Explain judges a call the way a request is judged and tells every step.
func (s *Snapshot) Explain(c Call, gate Gate) (*Trace, error) {
	rec := &recorder{}
	stages := make([]filters.Stage, 0, len(s.Chain.Stages()))
	for _, st := range s.Chain.Stages() {
		st.Filter = traced{st.Filter, st.Name, rec}
		stages = append(stages, st)
	}
	chain := filters.NewChain(stages, telemetry.NewMetrics(), telemetry.Logger{})
	r, err := s.judge(c, chain, gate)
	if err != nil {
		return nil, err
	}
	t := &Trace{Verdict: "pass", Stages: rec.finish(s.Chain.Stages())}
	t.decision(r)
	t.request(r.x)
	return t, nil
}

func (t *Trace) decision(r ruling) {
	v := r.verdict
	if v.Passed() {
		return
	}
	t.Verdict, t.Status, t.Code, t.By = "deny", r.status(), r.code(), r.by
	t.Rule, t.Field, t.Excerpt, t.RetryAfter = v.Rule, v.Field, v.Excerpt, wait(v.Retry)
	if v.Denial != nil {
		t.Message = v.Denial.Message
	}
}

func (t *Trace) request(x *filters.Exchange) {
	t.Client, t.Route = x.Client.String(), x.Route
	if x.Upstream != nil {
		t.Upstream, t.Engine = x.Upstream.Name(), x.Upstream.Engine().Name
	}
	if x.Endpoint != nil {
		t.Endpoint, t.Class = x.Endpoint.Name, x.Endpoint.Class.String()
	}
	if x.HasDocument {
		t.Model = string(x.Document.Model)
	}
	if id := x.Identity; id != nil && id.Method != "" {
		t.Identity = &Caller{Subject: id.Subject, Roles: id.Roles, Tier: id.Tier, Tenant: id.Tenant, Key: id.KeyID, Issuer: id.Issuer, Method: id.Method}
	}
	for _, h := range x.Shadows {
		t.Shadow = append(t.Shadow, Hit(h))
	}
	for _, e := range x.Excepted {
		t.Excepted = append(t.Excepted, Except(e))
	}
	t.limit("requests", x.Limits.Requests)
	t.limit("tokens", x.Limits.Tokens)
	t.Edits, t.Degraded, t.Sanitized = len(x.Edits), x.Degraded, x.Sanitized
}

func (t *Trace) limit(axis string, l filters.LimitState) {
	if l.Limit > 0 {
		t.Limits = append(t.Limits, Limits{Axis: axis, Name: l.Name, Limit: l.Limit, Remaining: l.Remaining, Reset: wait(l.Reset)})
	}
}

func wait(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return d.Round(time.Millisecond).String()
}

// recorder writes down what the stages answer.
type recorder struct{ steps []Step }

// traced is a filter whose answers are written down. The chain around it is the one that serves.
type traced struct {
	filters.Filter
	name string
	rec  *recorder
}

func (t traced) Request(x *filters.Exchange) filters.Verdict {
	return t.rec.ask(x, t.name, "head", t.Filter.Request)
}

func (t traced) Body(x *filters.Exchange) filters.Verdict {
	b, ok := t.Filter.(filters.BodyFilter)
	if !ok {
		return filters.Pass()
	}
	return t.rec.ask(x, t.name, "body", b.Body)
}

func (t traced) Identified(x *filters.Exchange) filters.Verdict {
	f, ok := t.Filter.(filters.IdentityFilter)
	if !ok {
		return filters.Pass()
	}
	v := t.rec.ask(x, t.name, "identity", f.Identified)
	if last := len(t.rec.steps) - 1; v.Passed() && t.rec.steps[last].Shadow == nil {
		t.rec.steps = t.rec.steps[:last] // nothing to say
	}
	return v
}

func (t traced) Settle(x *filters.Exchange) {
	if s, ok := t.Filter.(filters.Settler); ok {
		s.Settle(x)
	}
}

func (r *recorder) ask(x *filters.Exchange, name, phase string, judge func(*filters.Exchange) filters.Verdict) filters.Verdict {
	shadows := len(x.Shadows)
	began := time.Now()
	v := judge(x)
	s := Step{Stage: name, Phase: phase, Verdict: "pass", Micros: float64(time.Since(began).Nanoseconds()) / 1e3}
	for _, h := range x.Shadows[shadows:] {
		s.Shadow = append(s.Shadow, Hit{Rule: h.Rule, Code: h.Code, Field: h.Field, Excerpt: h.Excerpt})
	}
	switch {
	case v.Denied():
		s.Verdict, s.Code = "deny", v.Denial.Code
		s.Rule, s.Field, s.Excerpt, s.RetryAfter = v.Rule, v.Field, v.Excerpt, wait(v.Retry)
	case v.Failed():
		s.Verdict, s.Error = "error", "no answer"
		if v.Err != nil {
			s.Error = v.Err.Error()
		}
	default: // some stages say what they saw and let pass
		s.Field, s.Excerpt = v.Field, v.Excerpt
	}
	if !v.Passed() && x.Shadowed {
		s.Verdict = "shadow"
	}
	r.steps = append(r.steps, s)
	return v
}

// finish adds the stages that were never asked, so that it shows that they exist.
func (r *recorder) finish(stages []filters.Stage) []Step {
	for _, st := range stages {
		asked := false
		for _, s := range r.steps {
			asked = asked || s.Stage == st.Name
		}
		if !asked {
			r.steps = append(r.steps, Step{Stage: st.Name, Phase: "head", Verdict: "not_asked"})
		}
	}
	return r.steps
}

// WriteJSON writes the trace for people to read.
func (t *Trace) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(t)
}

// ReadCall reads the request from the one file named, or from in when none is.
func ReadCall(in io.Reader, names []string, client netip.Addr, key string, now time.Time) (Call, error) {
	if len(names) > 0 {
		file, err := os.Open(names[0])
		if err != nil {
			return Call{}, plainError(names[0], err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxExplained+1))
	switch {
	case err != nil:
		return Call{}, err
	case len(text) > maxExplained:
		return Call{}, errLargeRequest
	}
	return ParseCall(text, client, key, now)
}

var errLargeRequest = errors.New("want a request of at most 32 MiB")

var errNoRequest = errors.New("want an HTTP request: a line such as POST /v1/chat/completions, header fields, an empty line, the body")

// ParseCall reads one HTTP request as text. Line ends may be LF throughout; a head with CR in it is taken byte for byte, so
// that a malformed one can be explained too. HTTP/1.1, Host and Content-Length are added where they are missing.
func ParseCall(text []byte, client netip.Addr, key string, now time.Time) (Call, error) {
	head, body, sep := text, []byte(nil), "\n"
	if i := bytes.Index(text, []byte("\r\n\r\n")); i >= 0 {
		head, body, sep = text[:i], text[i+4:], "\r\n"
	} else if i := bytes.Index(text, []byte("\n\n")); i >= 0 && !bytes.Contains(text[:i], []byte("\r")) {
		head, body = text[:i], text[i+2:]
	}
	lines := strings.Split(strings.TrimRight(string(head), "\r\n"), sep)
	if !strings.Contains(lines[0], " ") {
		return Call{}, errNoRequest
	}
	if !strings.Contains(lines[0], " HTTP/") {
		lines[0] += " HTTP/1.1"
	}
	have := func(name string) bool {
		for _, l := range lines[1:] {
			if n, _, _ := strings.Cut(l, ":"); strings.EqualFold(strings.TrimSpace(n), name) {
				return true
			}
		}
		return false
	}
	if !have("host") {
		lines = append(lines, "Host: blaze.test")
	}
	if len(body) > 0 && !have("content-length") && !have("transfer-encoding") {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	return Call{Head: []byte(strings.Join(lines, "\r\n") + "\r\n\r\n"), Body: body, Client: client, Key: key, ID: "explain", At: now}, nil
}

// Explain compiles the policy of o, without serving it, and judges the call by it.
func Explain(o Options, c Call) (*Trace, error) {
	o.fill()
	snap, err := o.offline()
	if err != nil {
		return nil, err
	}
	return snap.Explain(c, o.Gate)
}

// offline compiles the policy of o, once filled in, for judging alone: nothing is asked over the network.
func (o *Options) offline() (*Snapshot, error) {
	f := newFiles()
	src, _, err := o.sources(f)
	if err != nil {
		return nil, missing(o.Path, err)
	}
	env := o.env(f)
	env.Offline = true
	return Compile(src, nil, env)
}
