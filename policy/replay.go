package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sort"
	"strings"
	"time"

	"blaze/filters"
	"blaze/filters/scan/behavior"
	"blaze/telemetry"
)

// maxRecord bounds one line of an audit log.
const maxRecord = 256 << 20

// Difference is what a replay found.
type Difference struct {
	Lines    int `json:"lines"`     // of all logs
	Requests int `json:"requests"`  // that could be replayed
	HeadOnly int `json:"head_only"` // of them, without their bodies: only what the head decides was compared
	Changed  int `json:"changed"`
	// Rules lists the changes by what decided before and after, the most frequent first.
	Rules []RuleChange `json:"rules"`
}

// RuleChange counts the requests whose verdict went from Was to Now.
type RuleChange struct {
	Was      string   `json:"was"` // pass, or code filter/rule
	Now      string   `json:"now"`
	Count    int      `json:"count"`
	Examples []string `json:"examples"` // request ids
}

const maxExamples = 5

// record is one line of an audit log, as far as a replay reads it.
type record struct {
	Time    string `json:"time"`
	ID      string `json:"request_id"`
	Client  string `json:"client"`
	Subject string `json:"subject"`
	Tenant  string `json:"tenant"`
	Tier    string `json:"tier"`
	KeyID   string `json:"key_id"`
	Method  string `json:"method"`
	Status  int    `json:"status"`
	Filter  string `json:"filter"`
	Rule    string `json:"rule"`
	Code    string `json:"code"`
	Request *struct {
		Target  string `json:"target"`
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
		Roles     []string `json:"roles"`
		BodyBytes int      `json:"body_bytes"`
		Body      *string  `json:"body"`
	} `json:"request"`
}

// Replay judges the requests recorded in logs by the policy of o, in their order and by their own clock, and compares the
// verdicts with those recorded. Nothing is sent; limits take what they would have taken. What no log holds is taken as it
// was: credentials (the identity they proved counts, and a refused one stays refused), the bytes of a head that was refused as
// malformed, and the state of the model servers.
func Replay(o Options, logs ...io.Reader) (*Difference, error) {
	o.fill()
	clock := time.Unix(0, 0) // before every record
	o.Now = func() time.Time { return clock }
	f := newFiles()
	src, _, err := o.sources(f)
	if err != nil {
		return nil, missing(o.Path, err)
	}
	env := o.env(f)
	env.Offline = true
	snap, err := Compile(src, nil, env)
	if err != nil {
		return nil, err
	}
	p := &replayer{snap: snap, gate: o.Gate, found: map[[2]string]*RuleChange{}, set: func(t time.Time) { clock = t }}
	p.stages()
	for _, log := range logs {
		if err := p.read(log); err != nil {
			return nil, err
		}
	}
	return p.difference(), nil
}

// ReplayFiles replays the audit logs named, one after the other.
func ReplayFiles(o Options, names []string) (*Difference, error) {
	logs := make([]io.Reader, 0, len(names))
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return nil, plainError(name, err)
		}
		defer func() { _ = file.Close() }()
		logs = append(logs, file)
	}
	return Replay(o, logs...)
}

type replayer struct {
	snap  *Snapshot
	gate  Gate
	chain *filters.Chain
	set   func(time.Time)
	now   *record // the record being judged
	d     Difference
	found map[[2]string]*RuleChange
}

// stages puts the record's own answer in the place of what cannot be asked again.
func (p *replayer) stages() {
	var out []filters.Stage
	for _, st := range p.snap.Chain.Stages() {
		switch st.Name {
		case "circuit":
			continue // the model servers were then what they were
		case "auth":
			st.Filter = recordedAuth{traced{Filter: st.Filter}, p}
		}
		out = append(out, st)
	}
	p.chain = filters.NewChain(out, telemetry.NewMetrics(), telemetry.Logger{})
}

// recordedAuth is the auth filter for requests whose credentials are not in the log.
type recordedAuth struct {
	traced
	p *replayer
}

func (a recordedAuth) Request(x *filters.Exchange) filters.Verdict {
	r := a.p.now
	switch {
	case r.Filter == "auth":
		return filters.Deny(denialOf(r.Code), r.Rule)
	case r.KeyID == "" && r.Subject != "":
		x.Identity = &filters.Identity{Subject: r.Subject, Tenant: r.Tenant, Tier: r.Tier, Roles: r.Request.Roles, Method: "jwt"}
		return filters.Pass()
	}
	return a.Filter.Request(x)
}

// Body leaves it at what the head said.
func (recordedAuth) Body(*filters.Exchange) filters.Verdict { return filters.Pass() }

func denialOf(code string) *filters.Denial {
	for _, d := range filters.Catalogue() {
		if d.Code == code {
			return d
		}
	}
	return filters.InternalError
}

func (p *replayer) read(log io.Reader) error {
	in := bufio.NewScanner(log)
	in.Buffer(make([]byte, 0, 64<<10), maxRecord)
	for in.Scan() {
		p.d.Lines++
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("line %d is not a line of an audit log: %w", p.d.Lines, err)
		}
		if r.Request == nil || r.Rule == behavior.Rule {
			continue // an event, an exchange whose request was not kept, or somebody who was banned, whatever they asked for
		}
		if err := p.request(&r); err != nil {
			return fmt.Errorf("line %d: %w", p.d.Lines, err)
		}
	}
	return in.Err()
}

// request judges one record and notes what changed.
func (p *replayer) request(r *record) error {
	call, err := r.call()
	if err != nil {
		return err
	}
	p.now = r
	p.set(call.At)
	p.d.Requests++
	headOnly := r.Request.Body == nil && r.Request.BodyBytes > 0
	if headOnly {
		p.d.HeadOnly++
	}
	if r.malformed() {
		return nil // the log holds the head as it was read, not the bytes that were wrong with it
	}
	got, err := p.judge(call, headOnly)
	if err != nil {
		return err
	}
	was, now := r.verdict(), describe(got)
	if headOnly && now == "pass" {
		return nil // what the body decides cannot be told
	}
	if was != now {
		p.change(was, now, r.ID)
	}
	return nil
}

// judge takes the call through the chain and gives back what was taken, as after the answer that was recorded.
func (p *replayer) judge(c Call, headOnly bool) (ruling, error) {
	x, err := p.snap.exchange(c)
	if err != nil {
		return ruling{}, err
	}
	x.Dry, x.Replay = false, true
	gate := Gate{Head: func(x *filters.Exchange, s *Snapshot) filters.Verdict {
		v := p.gate.head(x, s)
		x.Client = c.Client
		return v
	}, Body: p.gate.body}
	r := ruling{x: x, by: "proxy"}
	if headOnly {
		r.verdict = p.head(x, gate)
	} else {
		r.verdict = p.snap.steps(x, c.Body, p.chain, gate)
	}
	if x.DeniedBy != "" {
		r.by = x.DeniedBy
	}
	x.Status = p.now.Status
	if r.verdict.Denied() {
		x.Status = r.verdict.Denial.Status
	}
	p.chain.Settle(x)
	return r, nil
}

func (p *replayer) head(x *filters.Exchange, gate Gate) filters.Verdict {
	if v := gate.head(x, p.snap); !v.Passed() {
		return v
	}
	return p.snap.Head(x, p.chain)
}

// call makes the call of a record.
func (r *record) call() (Call, error) {
	at, err := time.Parse(time.RFC3339Nano, r.Time)
	if err != nil {
		return Call{}, fmt.Errorf("not a time: %q", r.Time)
	}
	client, err := netip.ParseAddr(r.Client)
	if err != nil {
		return Call{}, fmt.Errorf("not an address: %q", r.Client)
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", r.Method, r.Request.Target)
	host := false
	for _, h := range r.Request.Headers {
		if strings.ContainsAny(h.Name+h.Value, "\r\n") {
			return Call{}, fmt.Errorf("a header field %q over more than one line", h.Name)
		}
		host = host || strings.EqualFold(h.Name, "host")
		fmt.Fprintf(&head, "%s: %s\r\n", h.Name, h.Value)
	}
	if !host {
		head.WriteString("Host: blaze.test\r\n")
	}
	head.WriteString("\r\n")
	c := Call{Head: head.Bytes(), Client: client, Key: r.KeyID, ID: r.ID, At: at}
	if r.Request.Body != nil {
		c.Body = []byte(*r.Request.Body)
	}
	return c, nil
}

// byPolicy reports whether an answer with this code was the policy's decision, and not that of a model server or a clock.
func (r *record) byPolicy() bool {
	switch r.Code {
	case "", "upstream_error", "upstream_unavailable", "upstream_timeout", "draining", "internal_error", "request_timeout":
		return false
	case "queue_full", "queue_timeout":
		return r.Filter == "ratelimit"
	}
	return true
}

// malformed reports whether the request was refused before any filter, for the bytes of its head.
func (r *record) malformed() bool {
	return r.Filter == "" && r.Code == "invalid_request" && r.Rule == "http"
}

// verdict is what was recorded: pass, or what refused.
func (r *record) verdict() string {
	if !r.byPolicy() {
		return "pass"
	}
	by := r.Filter
	if by == "" {
		by = "proxy"
	}
	return r.Code + " " + by + "/" + r.Rule
}

func describe(r ruling) string {
	if r.verdict.Passed() {
		return "pass"
	}
	return r.code() + " " + r.by + "/" + r.verdict.Rule
}

func (p *replayer) change(was, now, id string) {
	p.d.Changed++
	key := [2]string{was, now}
	c := p.found[key]
	if c == nil {
		c = &RuleChange{Was: was, Now: now}
		p.found[key] = c
	}
	c.Count++
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, id)
	}
}

func (p *replayer) difference() *Difference {
	p.d.Rules = []RuleChange{}
	for _, c := range p.found {
		p.d.Rules = append(p.d.Rules, *c)
	}
	sort.Slice(p.d.Rules, func(i, j int) bool {
		a, b := p.d.Rules[i], p.d.Rules[j]
		if a.Count != b.Count {
			return a.Count > b.Count
		}
		return a.Was+a.Now < b.Was+b.Now
	})
	return &p.d
}

// WriteText writes the difference for people.
func (d *Difference) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, r := range d.Rules {
		fmt.Fprintf(&b, "%6d  %s → %s  (%s)\n", r.Count, r.Was, r.Now, strings.Join(r.Examples, ", "))
	}
	fmt.Fprintf(&b, "%d of %d requests get another verdict", d.Changed, d.Requests)
	if d.HeadOnly > 0 {
		fmt.Fprintf(&b, "; %d were recorded without their bodies (telemetry.audit.bodies: full), so only their heads were judged", d.HeadOnly)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}
