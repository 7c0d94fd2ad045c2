package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Pool is one named upstream. Immutable; what changes lives in its targets.
type Pool struct {
	name       string
	engine     *engine.Engine
	timeout    Timeout
	retry      *Retry  // nil: none but to another target when nothing was sent
	budget     *budget // nil without retry
	rewrite    *rewrite
	members    atomic.Pointer[members] // who is there now
	declared   []declared
	resolve    *Resolve // nil: names are left to each connection
	balance    Balance
	fallbacks  []alternative
	breaker    *breaker // over all targets; nil when there is only one
	gate       *gate
	health     *Health // nil: every target is taken to be well
	healthPath string
	log        telemetry.Logger
	limit      int64                      // places, fixed; 0 is no bound
	adaptive   *Adaptive                  // nil: the limit is fixed
	refused    *atomic.Int64              // 429 and 503 since the last look
	latency    *trend                     // to the first token
	queue      *Queue                     // nil: nobody waits
	outcomes   [causes]*telemetry.Counter // of attempts
	leases     sync.Pool
	memory     *memory // nil: no answer is kept
	making     making
	hedging    *hedging // nil: no request goes to two targets
}

// Name is the policy's name for the pool; Engine is what it speaks.
func (p *Pool) Name() string           { return p.name }
func (p *Pool) Engine() *engine.Engine { return p.engine }

// newPool compiles one entry of the section; prev is the pool of that name that serves now, or nil.
func newPool(name string, cfg Config, prev *Pool, env Env) (*Pool, error) {
	p := &Pool{name: name, timeout: cfg.Timeout, log: env.Log, outcomes: countOutcomes(env.Metrics, name)}
	if cfg.Engine == "" {
		cfg.Engine = "openai"
	}
	var problems []error
	wrong := func(path, want string, got any) { problems = append(problems, setting.Wrong(path, want, got)) }
	e, ok := engine.Lookup(string(cfg.Engine))
	if !ok {
		wrong("engine", cfg.Engine.Want(), string(cfg.Engine))
	}
	p.engine = e
	if p.health = cfg.Health; p.health != nil && e != nil {
		p.healthPath = cmp.Or(cfg.Health.Path, e.HealthPath)
		problems = append(problems, checkHealth(cfg.Health, e.HealthPath))
	}
	problems = append(problems, checkTimeout(cfg.Timeout), checkRetry(cfg.Retry), checkBreaker(cfg.Breaker),
		checkPlaces(cfg.Concurrency, cfg.Queue), checkMemory(&cfg), checkHedge(&cfg))
	if p.retry = cfg.Retry; p.retry != nil {
		p.budget = newBudget(cfg.Retry.Budget)
	}
	var err error
	if p.rewrite, err = newRewrite(cfg.Headers); err != nil {
		problems = append(problems, err)
	}
	if e != nil {
		p.rewrite = p.rewrite.without(e.Withheld)
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
			problems = append(problems, &setting.Problem{
				Path: path + ".url", Want: want, Got: strconv.Quote(redact(t.URL)), Hint: setting.Meant(withScheme(t.URL)),
			})
			continue
		case seen[a.url]:
			wrong(path+".url", "each target once (weight says how much it gets)", a.url)
			continue
		case t.Weight < 0 || t.Weight > 1000:
			wrong(path+".weight", "a weight from 1 to 1000", t.Weight)
			continue
		}
		seen[a.url] = true
		p.declared = append(p.declared, declared{address: a, weight: max(t.Weight, 1)})
	}
	problems = append(problems, checkResolve(cfg.Resolve, p.declared))
	if cfg.TLS != nil && !slices.ContainsFunc(p.declared, func(d declared) bool { return d.tls }) {
		wrong("tls", "an https target that it is for", "none")
	}
	p.balance, p.resolve = cfg.Balance, cfg.Resolve
	p.making = making{secure: secure, breaker: cfg.Breaker, env: env}
	p.members.Store(newMembers(cfg.Balance, p.first(prev)))
	p.inherit(cfg, prev, env)
	p.hedging = newHedging(cfg.Hedge, name, prev, env.Metrics)
	p.memory = newMemory(name, cfg, prev, env)
	return p, errors.Join(problems...)
}

// allTargets is what stands for a target where the pool as a whole is meant.
const allTargets = "all"

// inherit sets up the state that the pool as a whole has, taking it over from prev where there is one.
func (p *Pool) inherit(cfg Config, prev *Pool, env Env) {
	p.gate, p.queue = new(gate), cfg.Queue
	if cfg.Concurrency != nil {
		p.limit, p.adaptive = int64(cfg.Concurrency.Max), cfg.Concurrency.Adaptive
	}
	p.refused, p.latency = new(atomic.Int64), new(trend)
	if len(p.declared) > 1 || p.resolve != nil {
		p.breaker = newBreaker(cfg.Breaker, p.name, allTargets, allTargets, env)
	}
	if prev == nil {
		return
	}
	p.gate, p.refused, p.latency = prev.gate, prev.refused, prev.latency
	if p.budget != nil && prev.budget != nil && p.budget.share == prev.budget.share {
		p.budget = prev.budget
	}
	switch {
	case p.breaker == nil || prev.breaker == nil:
	case prev.breaker.cfg == p.breaker.cfg:
		p.breaker = prev.breaker
	default:
		p.breaker.inherit(prev.breaker)
	}
}

// Acquire takes a place, chooses a target and takes its permit. It dials nothing. It waits only where the pool has a
// queue, as long as that, the deadline and Cancel allow; retry is how long until asking again may help, zero if unknown.
// The errors are ErrUnavailable, ErrQueueFull, ErrQueueTimeout, ErrTimeout and ErrCancelled. Every Lease is released once.
func (p *Pool) Acquire(w Want) (l *Lease, retry time.Duration, err error) {
	whole, wait, ok := p.breaker.tryAcquire()
	if !ok && !w.Force {
		return nil, wait, ErrUnavailable
	}
	if !ok {
		whole = permit{gen: staleGen}
	}
	if w.Force {
		p.gate.inflight.Add(1)
	} else if !p.gate.tryEnter(p.places()) {
		if err := p.gate.wait(p, w); err != nil {
			p.breaker.record(whole, Neutral, "")
			return nil, p.gate.retry(), err
		}
	}
	l = p.lease(w)
	l.whole = ticket{breaker: p.breaker, permit: whole, open: true}
	l.avoid(w.Avoid)
	t, permit, wait, ok := l.choose()
	if !ok {
		l.whole.record(Neutral, "")
		p.gate.leave(p.places())
		l.recycle()
		return nil, wait, ErrUnavailable
	}
	l.take(t, permit)
	l.held.Store(true)
	return l, 0, nil
}

// lease takes an empty lease out of the pool of them.
func (p *Pool) lease(w Want) *Lease {
	l, _ := p.leases.Get().(*Lease)
	if l == nil {
		l = new(Lease)
	}
	l.pool, l.want = p, w
	return l
}

// Affine reports whether Want.Affinity has any effect.
func (p *Pool) Affine() bool { return p.balance == Prefix }

func (l *Lease) avoid(urls []string) {
	for _, url := range urls {
		if t := l.pool.find(url); t != nil {
			l.tried = append(l.tried, t)
		}
	}
}

// choose finds a target that is not tried yet, is well, and gives a permit. If there is none, wait is when a breaker may
// give one.
func (l *Lease) choose() (t *target, p permit, wait time.Duration, ok bool) {
	pool := l.pool
	m := pool.members.Load()
	first := m.picker.pick(l.want)
	for _, lastResort := range [...]bool{false, true} {
		if t, p, wait, ok = l.chooseFrom(m.targets, first, lastResort); ok {
			return t, p, 0, true
		}
		if pool.health == nil {
			break // the second round only asks targets that start slowly
		}
	}
	if l.want.Force && len(m.targets) > 0 {
		return m.targets[first], permit{gen: staleGen}, 0, true
	}
	return nil, permit{}, wait, false
}

// chooseFrom walks the targets from the picker's on.
func (l *Lease) chooseFrom(targets []*target, first int, lastResort bool) (t *target, p permit, wait time.Duration, ok bool) {
	n := len(targets)
	for i := range n {
		t = targets[(first+i)%n]
		if l.hasTried(t) || !t.usable(l.pool.health, lastResort) {
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

// check shows the pool on the admin port. The pool is down when no target may be asked, degraded when some may not.
func (p *Pool) check() telemetry.Check {
	c := telemetry.Check{Name: "upstream " + p.name, Status: "ok"}
	var detail []targetDetail
	up, targets := 0, p.targets()
	for _, t := range targets {
		d := t.detail()
		if d.Breaker != "open" && d.Healthy {
			up++
		}
		detail = append(detail, d)
	}
	switch {
	case up == 0:
		c.Status = "down"
	case up < len(targets):
		c.Status = "degraded"
	}
	c.Detail = detail
	return c
}
