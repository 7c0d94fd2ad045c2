package upstream

import (
	"errors"
	"fmt"
	"time"

	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Pool is one named upstream. Immutable; what changes lives in its targets.
type Pool struct {
	name    string
	engine  *engine.Engine
	timeout Timeout
	retry   *Retry  // nil: none but to another target when nothing was sent
	budget  *budget // nil without retry
	targets []*target
	picker  picker
}

// Name is the policy's name for the pool; Engine is what it speaks.
func (p *Pool) Name() string           { return p.name }
func (p *Pool) Engine() *engine.Engine { return p.engine }

// newPool compiles one entry of the section; prev is the pool of that name that serves now, or nil.
func newPool(name string, cfg Config, prev *Pool, env Env) (*Pool, error) {
	p := &Pool{name: name, timeout: cfg.Timeout}
	if cfg.Engine == "" {
		cfg.Engine = "openai"
	}
	var problems []error
	wrong := func(path, want string, got any) { problems = append(problems, setting.Wrong(path, want, got)) }
	e, ok := engine.Lookup(cfg.Engine)
	if !ok {
		problems = append(problems, &setting.Problem{
			Path: "engine", Want: fmt.Sprintf("one of %q", engine.Names()), Got: fmt.Sprintf("%q", cfg.Engine),
			Hint: didYouMean(cfg.Engine, engine.Names()),
		})
	}
	p.engine = e
	problems = append(problems, checkTimeout(cfg.Timeout), checkRetry(cfg.Retry), checkBreaker(cfg.Breaker))
	if p.retry = cfg.Retry; p.retry != nil {
		p.budget = newBudget(cfg.Retry.Budget)
	}
	secure, err := newTLS(cfg.TLS, env.ReadFile)
	problems = append(problems, setting.Under("tls", err))
	if len(cfg.Targets) == 0 {
		wrong("targets", "at least one target", "none")
	}
	seen := map[string]bool{}
	for i, t := range cfg.Targets {
		path := fmt.Sprintf("targets[%d]", i)
		a, want := parseAddress(t.URL)
		switch {
		case want != "":
			wrong(path+".url", want, redact(t.URL))
			continue
		case seen[a.url]:
			wrong(path+".url", "each target once (weight says how much it gets)", a.url)
			continue
		case t.Weight < 0 || t.Weight > 1000:
			wrong(path+".weight", "a weight from 1 to 1000", t.Weight)
			continue
		}
		seen[a.url] = true
		p.targets = append(p.targets, newTarget(p, a, max(t.Weight, 1), secure, cfg.Breaker, prev, env))
	}
	p.picker = newPicker(cfg.Balance, p.targets)
	return p, errors.Join(problems...)
}

func didYouMean(got string, names []string) string {
	if n := setting.Nearest(got, names); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return ""
}

func checkTimeout(t Timeout) error {
	var problems []error
	for path, d := range map[string]time.Duration{"timeout.connect": t.Connect, "timeout.first_byte": t.FirstByte, "timeout.stall": t.Stall} {
		if d < 0 {
			problems = append(problems, setting.Wrong(path, "a duration over 0s", d))
		}
	}
	return errors.Join(problems...)
}

func checkBreaker(b Breaker) error {
	var problems []error
	wrong := func(path, want string, got any) {
		problems = append(problems, setting.Wrong("breaker."+path, want, got))
	}
	if b.FailureRate == 0 {
		return nil
	}
	if b.Over < time.Second || b.Over > time.Hour {
		wrong("over", "a duration from 1s to 1h", b.Over)
	}
	if b.MinRequests < 1 {
		wrong("min_requests", "at least 1", b.MinRequests)
	}
	if b.OpenFor < 0 || b.OpenFor > time.Hour {
		wrong("open_for", "a duration from 0s to 1h", b.OpenFor)
	}
	if b.Probes < 1 || b.Probes > 100 {
		wrong("probes", "a number from 1 to 100", b.Probes)
	}
	if b.SlowFirstByte < 0 {
		wrong("slow_first_byte", "a duration, 0s to switch it off", b.SlowFirstByte)
	}
	return errors.Join(problems...)
}

// Acquire chooses a target and takes its permits: the breaker's and, where set, a place. It dials nothing. On
// ErrUnavailable, retry is how long until a breaker lets a probe in, zero if unknown. Every Lease is released once.
func (p *Pool) Acquire(w Want) (l *Lease, retry time.Duration, err error) {
	l = leases.Get().(*Lease)
	l.pool, l.want = p, w
	for _, t := range p.targets {
		for _, name := range w.Avoid {
			if t.url == name {
				l.tried = append(l.tried, t)
			}
		}
	}
	t, permit, wait, ok := l.choose()
	if !ok {
		l.recycle()
		return nil, wait, ErrUnavailable
	}
	l.take(t, permit)
	l.held.Store(true)
	return l, 0, nil
}

// choose finds a target that is not tried yet and takes a permit for it. If there is none, wait is when one may be had.
func (l *Lease) choose() (t *target, p permit, wait time.Duration, ok bool) {
	pool := l.pool
	first, n := pool.picker.pick(l.want), len(pool.targets)
	for i := range n {
		t = pool.targets[(first+i)%n]
		if l.hasTried(t) {
			continue
		}
		p, w, ok := t.breaker.tryAcquire()
		if ok {
			return t, p, 0, true
		}
		if w > 0 && (wait == 0 || w < wait) {
			wait = w
		}
	}
	return nil, permit{}, wait, false
}

// hostFor is what the Host field says.
func (p *Pool) hostFor(t *target, r *Request) string { return t.host }

// check shows the pool on the admin port. The pool is down when no target may be asked, degraded when some may not.
func (p *Pool) check() telemetry.Check {
	c := telemetry.Check{Name: "upstream " + p.name, Status: "ok"}
	var detail []targetDetail
	up := 0
	for _, t := range p.targets {
		d := t.detail()
		if d.Breaker != "open" {
			up++
		}
		detail = append(detail, d)
	}
	switch {
	case up == 0:
		c.Status = "down"
	case up < len(p.targets):
		c.Status = "degraded"
	}
	c.Detail = detail
	return c
}
