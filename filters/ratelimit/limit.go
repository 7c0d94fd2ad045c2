package ratelimit

import (
	"fmt"
	"time"

	"blaze/filters"
	"blaze/telemetry"
)

// limit is one compiled entry of limits. Immutable; what moves is in its ledger.
type limit struct {
	filters.Rollout
	name     string
	index    int // in the policy
	by       By
	scope    Scope
	narrow   bool // scope is not for all
	count    Count
	then     Action
	maxWait  time.Duration
	depth    int // how many may wait for one account
	priority map[string]int
	degrade  *Degrade
	hard     bool
	reserve  int64
	onBody   bool // decided once the body is known
	ledger   *ledger
	history  *history // token limits: what callers' answers used to cost
	denied   *filters.Denial
	refused  *telemetry.Counter
	waited   *telemetry.Counter
	full     *telemetry.Counter
	late     *telemetry.Counter
	left     *telemetry.Counter
	degraded *telemetry.Counter
	shadowed *telemetry.Counter
	shows    bool // in the answer's headers
}

// compile makes the limit; prev is the entry of that name in the filter that serves now, or nil. id is its ledger's, if
// it needs a new one.
func compile(cfg *Limit, index int, shared *Config, prev *limit, id uint64, env filters.Env) *limit {
	l := &limit{
		Rollout: cfg.Rollout, name: cfg.Name, index: index, by: cfg.By, scope: cfg.For, count: cfg.Count, then: cfg.Then,
		maxWait: cfg.MaxWait, depth: cfg.MaxQueue, priority: shared.Priority, degrade: cfg.Degrade, hard: cfg.Hard,
		reserve: cfg.Reserve, shows: !cfg.shapes(), narrow: !cfg.For.all(),
	}
	if cfg.shapes() {
		l.depth = int(*cfg.Burst)
	}
	l.onBody = l.count != Requests || l.by.kind == byModel || l.scope.needsBody(env.ByModel)
	l.ledger = compileLedger(cfg, prev, id)
	if l.count != Requests {
		l.history = &history{}
		if prev != nil && prev.history != nil {
			l.history = prev.history
		}
	}
	unit := "requests"
	if l.count != Requests {
		unit = "tokens"
	}
	l.denied = filters.RateLimitExceeded.With(fmt.Sprintf("The limit %s (%d %s per %s) is reached.", l.name, cfg.Limit, unit, durationText(cfg.Per)))
	decision := func(d string) *telemetry.Counter {
		return env.Metrics.Counter("blaze_ratelimit_decisions_total", l.name, d)
	}
	l.refused, l.waited, l.full, l.late = decision("reject"), decision("wait"), decision("queue_full"), decision("queue_timeout")
	l.left, l.degraded, l.shadowed = decision("client_gone"), decision("degrade"), decision("shadow")
	return l
}

// compileLedger goes on with prev's ledger where the rule is the same, and takes it over where only the rule differs.
func compileLedger(cfg *Limit, prev *limit, id uint64) *ledger {
	by := fmt.Sprint(cfg.By, cfg.Count != Requests)
	sign := fmt.Sprint(by, cfg.Algorithm, cfg.Limit, cfg.Per, cfg.capacity(), cfg.MaxKeys, cfg.Min, cfg.Max)
	if cfg.Target != nil {
		sign += fmt.Sprint(cfg.Target.Latency, cfg.Target.errors())
	}
	if prev != nil && prev.ledger.sign == sign {
		return prev.ledger
	}
	r := cfg.rule(prev)
	var n *ledger
	if prev != nil && prev.ledger.by == by {
		n = prev.ledger.succeed(id, r, cfg.MaxKeys)
	} else {
		n = newLedger(id, r, cfg.MaxKeys, cfg.By.kind == byGlobal)
	}
	n.sign, n.by = sign, by
	return n
}

// rule makes the arithmetic.
func (l *Limit) rule(prev *limit) rule {
	per := l.Per.Microseconds()
	switch l.Algorithm {
	case FixedWindow:
		return rule{kind: FixedWindow, limit: l.Limit, per: per, cap: l.Limit}
	case SlidingWindow:
		return slidingRule(l.Limit, per)
	case Adaptive:
		start := l.Limit
		if prev != nil && prev.ledger.rule.kind == Adaptive {
			start = prev.ledger.rule.control.limit()
		}
		c := newController(start, l.Min, l.Max, float64(l.Target.Latency.Microseconds()), l.Target.errors())
		return rule{kind: Adaptive, limit: l.Limit, per: per, cap: l.Max, control: c}
	default:
		r, _ := bucketRule(l.Limit, per, l.capacity())
		return r
	}
}
