package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"blaze/filters"
	"blaze/filters/scan/behavior"
	"blaze/telemetry"
)

// maxRecord bounds one line of an audit log.
const maxRecord = 256 << 20

// Replay judges the requests recorded in logs by the policy of o, in their order and by their own clock, and compares the
// verdicts with those recorded. Nothing is sent; limits take what they would have taken. What no log holds is taken as it
// was: credentials (the identity they proved counts, and a refused one stays refused), the bytes of a head that was refused as
// malformed, and the state of the model servers.
func Replay(o Options, logs ...io.Reader) (*Difference, error) {
	o.fill()
	clock := time.Unix(0, 0) // before every record
	o.Now = func() time.Time { return clock }
	snap, err := o.offline()
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
	var half error // of a line that is none, until the next one says that a crash has left it
	for in.Scan() {
		p.d.Lines++
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		var r record
		err := json.Unmarshal(line, &r)
		switch {
		case half != nil && (err != nil || r.Torn == nil):
			return half
		case err != nil:
			half = fmt.Errorf("line %d is not a line of an audit log: %w", p.d.Lines, err)
			continue
		}
		half = nil
		if r.Request == nil || r.Rule == behavior.Rule {
			continue // an event, an exchange whose request was not kept, or somebody who was banned, whatever they asked for
		}
		if err := p.request(&r); err != nil {
			return fmt.Errorf("line %d: %w", p.d.Lines, err)
		}
	}
	return errors.Join(half, in.Err())
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

func describe(r ruling) string {
	if r.verdict.Passed() {
		return "pass"
	}
	return r.code() + " " + r.by + "/" + r.verdict.Rule
}
