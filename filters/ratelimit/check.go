package ratelimit

import (
	"errors"
	"fmt"
	"math"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// The bounds of a limit.
const (
	maxLimit   = 1_000_000_000_000
	minPer     = time.Millisecond
	maxPer     = 744 * time.Hour
	maxLimits  = 64
	maxWaiting = 100_000
	// maxOff is how much of a rate may be lost to whole-number arithmetic.
	maxOff = 0.01
)

// problems collects what is wrong.
type problems struct{ list []error }

func (p *problems) wrong(path, want string, got any) {
	p.list = append(p.list, setting.Wrong(path, want, got))
}

// unless notes a problem when ok is false.
func (p *problems) unless(ok bool, path, want string, got any) {
	if !ok {
		p.wrong(path, want, got)
	}
}

func (p *problems) err() error { return errors.Join(p.list...) }

// check finds everything that is wrong with the section, but what only compiling finds.
func (c *Config) check(env filters.Env) error {
	var p problems
	p.unless(len(c.Limits) <= maxLimits, "limits", fmt.Sprintf("at most %d limits", maxLimits), len(c.Limits))
	seen := map[string]int{}
	for i := range c.Limits {
		l := &c.Limits[i]
		at := fmt.Sprintf("limits[%d]", i)
		if first, ok := seen[l.Name]; ok && l.Name != "" {
			p.wrong(at+".name", fmt.Sprintf("a name of its own (limits[%d] has this one)", first), l.Name)
		}
		seen[l.Name] = i
		if err := l.check(env); err != nil {
			p.list = append(p.list, setting.Under(at, err))
		}
	}
	if c.Store.Redis != nil {
		p.list = append(p.list, setting.Under("store.redis", c.Store.Redis.check()))
	}
	return p.err()
}

func (l *Limit) check(env filters.Env) error {
	var p problems
	p.unless(isName(l.Name), "name", "a name of 1 to 64 letters, digits, dots, dashes and underscores", l.Name)
	p.unless(l.By.kind != byNothing, "by", l.By.Want(), "nothing")
	p.unless(l.Limit >= 1 && l.Limit <= maxLimit, "limit", "a whole number from 1 to 1000000000000", l.Limit)
	p.unless(l.Per >= minPer && l.Per <= maxPer, "per", "a duration from 1ms to 744h", durationText(l.Per))
	p.unless(l.MaxKeys >= shardCount && l.MaxKeys <= 1<<28, "max_keys", "a whole number from 64 to 268435456", l.MaxKeys)
	l.checkAlgorithm(&p)
	l.checkBurst(&p)
	l.checkCount(&p)
	l.checkAction(&p, env)
	if len(p.list) == 0 {
		l.checkRate(&p)
	}
	return p.err()
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		alnum := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !alnum && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (l *Limit) checkAlgorithm(p *problems) {
	if l.Algorithm == SlidingWindow {
		p.unless(l.Limit <= maxSliding, "limit", "at most 4294967295 for a sliding_window", l.Limit)
	}
	if l.Algorithm != Adaptive {
		p.unless(l.Min == 0, "min", "nothing: only an adaptive limit has it", l.Min)
		p.unless(l.Max == 0, "max", "nothing: only an adaptive limit has it", l.Max)
		p.unless(l.Target == nil, "target", "nothing: only an adaptive limit has it", "a target")
		return
	}
	p.unless(l.Min >= 1 && l.Min <= l.Limit, "min", "a whole number from 1 to limit", l.Min)
	p.unless(l.Max >= l.Limit && l.Max <= maxLoad/2/max(l.Per.Microseconds(), 1), "max", "a whole number from limit up", l.Max)
	p.unless(l.Count == Requests, "count", "requests for an adaptive limit", l.Count)
	switch t := l.Target; {
	case t == nil:
		p.wrong("target", "a target: {latency: 2s, errors: 5%}", "nothing")
	case t.Latency == 0 && t.Errors == nil:
		p.wrong("target", "latency, errors or both", "neither")
	default:
		p.unless(t.Latency >= 0, "target.latency", "a duration above 0", durationText(t.Latency))
		p.unless(t.Errors == nil || *t.Errors > 0, "target.errors", "a share above 0%", "0%")
	}
}

func (l *Limit) checkBurst(p *problems) {
	takes := l.Algorithm == TokenBucket || l.Algorithm == LeakyBucket
	switch {
	case l.Burst == nil && l.Algorithm == LeakyBucket:
		p.wrong("burst", "a whole number from 1: a leaky_bucket must know how much it holds or how many may wait", "nothing")
	case l.Burst == nil:
	case !takes:
		p.wrong("burst", "nothing: only token_bucket and leaky_bucket have it", *l.Burst)
	default:
		p.unless(*l.Burst >= 1 && *l.Burst <= maxLimit, "burst", "a whole number from 1 to 1000000000000", *l.Burst)
		p.unless(!l.shapes() || *l.Burst <= maxWaiting, "burst", "at most 100000 waiting requests", *l.Burst)
	}
}

func (l *Limit) checkCount(p *problems) {
	if l.Count == Requests {
		p.unless(!l.Hard, "hard", "false: only a limit that counts tokens can end an answer", true)
		return
	}
	p.unless(!l.shapes(), "count", "requests where a leaky_bucket shapes (then: delay or queue)", l.Count)
	p.unless(!l.Hard || l.Count != InputTokens, "hard", "false: an answer has no input tokens", true)
	p.unless(!l.Hard || l.Then != DegradeAnswer, "hard", "false with then: degrade", true)
	p.unless(l.Reserve >= 1 && l.Reserve <= maxLimit, "reserve", "a whole number from 1", l.Reserve)
}

func (l *Limit) checkAction(p *problems, env filters.Env) {
	switch {
	case l.Then.waits():
		p.unless(l.MaxWait > 0 && l.MaxWait <= time.Hour, "max_wait", "a duration from 1ms to 1h with then: "+l.Then.String(), durationText(l.MaxWait))
		p.unless(l.MaxQueue >= 1 && l.MaxQueue <= maxWaiting, "max_queue", "a whole number from 1 to 100000", l.MaxQueue)
	default:
		p.unless(l.MaxWait == 0, "max_wait", "nothing: only delay and queue wait", durationText(l.MaxWait))
	}
	switch d := l.Degrade; {
	case l.Then != DegradeAnswer:
		p.unless(d == nil, "degrade", "nothing without then: degrade", "a map")
	case d == nil:
		p.wrong("degrade", "what a degraded request gets: max_tokens, model, upstream or drop_n", "nothing")
	default:
		p.unless(d.MaxTokens >= 0, "degrade.max_tokens", "a whole number from 1", d.MaxTokens)
		p.unless(d.MaxTokens > 0 || d.DropN || d.Model != "" || d.Upstream != "", "degrade", "something to degrade", "nothing")
		known := d.Upstream == "" || env.Pools == nil || env.Pools.Pool(d.Upstream) != nil
		p.unless(known, "degrade.upstream", "the name of an upstream", d.Upstream)
	}
}

// checkRate refuses a rate that whole-number arithmetic cannot hold.
func (l *Limit) checkRate(p *problems) {
	if l.Algorithm != TokenBucket && l.Algorithm != LeakyBucket {
		return
	}
	r, off := bucketRule(l.Limit, l.Per.Microseconds(), l.capacity())
	ok := off <= maxOff && r.p > 0 && !math.IsNaN(off)
	p.unless(ok, "burst", "a burst that the rate can fill within a thousand times per", l.capacity())
}

// shapes says whether the limit is a leaky bucket as shaper: requests leave evenly and burst may wait.
func (l *Limit) shapes() bool { return l.Algorithm == LeakyBucket && l.Then.waits() }

// capacity is what an untouched account holds.
func (l *Limit) capacity() int64 {
	switch {
	case l.shapes():
		return 1
	case l.Burst != nil && (l.Algorithm == TokenBucket || l.Algorithm == LeakyBucket):
		return *l.Burst
	}
	return l.Limit
}

func (r *Redis) check() error {
	var p problems
	p.unless(len(r.Addresses) > 0, "addresses", "at least one host:port", "nothing")
	p.unless(r.Mode != Single || len(r.Addresses) <= 1, "addresses", "one address in mode single", len(r.Addresses))
	p.unless(r.Mode != Sentinel || r.Master != "", "master", "the master's name in mode sentinel", "nothing")
	p.unless(r.Mode == Sentinel || r.Master == "", "master", "nothing: only mode sentinel has a master's name", r.Master)
	p.unless(r.DB >= 0 && (r.Mode != Cluster || r.DB == 0), "db", "a database number; 0 in a cluster", r.DB)
	p.unless(r.Timeout >= time.Millisecond && r.Timeout <= time.Second, "timeout", "a duration from 1ms to 1s", durationText(r.Timeout))
	p.unless(isName(r.Prefix), "prefix", "1 to 64 letters, digits, dots, dashes and underscores", r.Prefix)
	if r.TLS != nil {
		p.unless((r.TLS.Cert == "") == (r.TLS.Key == ""), "tls", "both cert and key, or neither", "one of them")
	}
	return p.err()
}

// durationText writes d as a policy does: 1m, not 1m0s.
func durationText(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(s) - len(zero); n > 0 && s[n:] == zero {
			s = s[:n+1]
		}
	}
	return s
}
