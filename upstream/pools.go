package upstream

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// Env is what the pools need from the process.
type Env struct {
	Metrics *telemetry.Metrics
	Log     telemetry.Logger
	Now     func() time.Time
	// ReadFile reads a file that the policy names, relative to it; what it reads is watched for changes.
	ReadFile func(path string) ([]byte, error)
	// Lookup finds a name's addresses; nil asks the system.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)
}

// Pools are all upstreams of one policy. Immutable; the state of targets lives in objects that a reload passes on.
type Pools struct {
	byName map[string]*Pool
	names  []string
	env    Env
}

// New compiles the upstreams section. Targets that did not change keep their connections, breaker and counts of prev,
// which may be nil. Nothing is dialled and no goroutine started. Problems are joined *setting.Problem.
func New(cfg map[string]Config, prev *Pools, env Env) (*Pools, error) {
	ps := &Pools{byName: make(map[string]*Pool, len(cfg)), env: env}
	var problems []error
	for name, c := range cfg {
		ps.names = append(ps.names, name)
		p, err := newPool(name, c, prev.Pool(name), env)
		problems = append(problems, setting.Under(name, err))
		ps.byName[name] = p
	}
	slices.Sort(ps.names)
	problems = append(problems, linkFallbacks(cfg, ps.byName, ps.names))
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return ps, nil
}

// Pool returns the pool with that name, or nil.
func (ps *Pools) Pool(name string) *Pool {
	if ps == nil {
		return nil
	}
	return ps.byName[name]
}

// Names lists the pools in name order.
func (ps *Pools) Names() []string { return ps.names }

// Run shows the pools' state as metrics and does what they need between requests (health checks) until ctx ends; the
// owner calls it once for each set that becomes active, when the Run of the set before has returned.
func (ps *Pools) Run(ctx context.Context) {
	ps.gauges(true)
	defer ps.gauges(false)
	var wg sync.WaitGroup
	for _, p := range ps.byName {
		wg.Go(func() { p.resolveNames(ctx) })
		wg.Go(func() { p.checkTargets(ctx) })
		wg.Go(func() { p.adapt(ctx) })
		p.memory.run(ctx, &wg)
	}
	<-ctx.Done()
	wg.Wait()
}

// gauges registers the gauges of every pool and target, or takes them out.
func (ps *Pools) gauges(on bool) {
	for _, p := range ps.byName {
		show := p.shower(on)
		show("blaze_queue_depth", func() float64 { return float64(p.gate.waiting.Load()) }, p.name)
		show("blaze_concurrency_limit", func() float64 { return float64(p.places()) }, p.name)
		p.memory.gauges(p.name, show)
		if p.breaker != nil {
			show("blaze_breaker_state", p.breaker.gauge, p.name, allTargets)
		}
		for _, t := range p.targets() {
			p.showTarget(t, on)
		}
	}
}

// shower registers a gauge, or takes it out.
func (p *Pool) shower(on bool) func(name string, f func() float64, labels ...string) {
	return func(name string, f func() float64, labels ...string) {
		if !on {
			f = nil
		}
		p.making.env.Metrics.Gauge(name, f, labels...)
	}
}

func (p *Pool) showTarget(t *target, on bool) {
	show := p.shower(on)
	show("blaze_upstream_inflight", func() float64 { return float64(t.inflight.Load()) }, p.name, t.url)
	show("blaze_upstream_healthy", t.healthGauge, p.name, t.url)
	show("blaze_upstream_connections", func() float64 { return float64(t.open.Load()) }, p.name, t.url)
	show("blaze_breaker_state", t.breaker.gauge, p.name, t.url)
}

// Close drops the idle connections of targets that are not in keep (the set that replaces ps; nil keeps none).
func (ps *Pools) Close(keep *Pools) {
	kept := map[*endpoint]bool{}
	if keep != nil {
		for _, p := range keep.byName {
			for _, t := range p.targets() {
				kept[t.endpoint] = true
			}
		}
	}
	for _, p := range ps.byName {
		for _, t := range p.targets() {
			if !kept[t.endpoint] {
				t.close()
			}
		}
	}
}

// Checks are the pools' part of /health/detailed.
func (ps *Pools) Checks() []telemetry.Check {
	checks := make([]telemetry.Check, 0, len(ps.names))
	for _, name := range ps.names {
		checks = append(checks, ps.byName[name].check())
		checks = append(checks, ps.byName[name].memoryChecks()...)
	}
	return checks
}
