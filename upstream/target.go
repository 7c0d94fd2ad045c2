package upstream

import (
	"crypto/tls"
	"slices"
	"strings"
	"time"
)

// target is one model server as one policy sees it: an endpoint with a weight and a breaker.
type target struct {
	*endpoint
	weight  int
	breaker *breaker
	slow    time.Duration // Breaker.SlowFirstByte
	origin  string        // the URL in the policy that it comes from; its own, unless that names several addresses
}

// newTarget takes over, from the pool that serves now, the connections of the same endpoint and the breaker of the same
// figures; with other figures an open breaker stays open.
func newTarget(p *Pool, a address, d declared, prev *Pool) *target {
	cfg, secure := p.making.breaker, p.making.secure
	t := &target{weight: d.weight, slow: cfg.SlowFirstByte, origin: d.url}
	t.endpoint = &endpoint{address: a}
	if a.tls {
		t.tlsKey = secure.key
		t.tlsConfig = secure.configFor(a.name)
	}
	old := prev.find(a.url)
	if old != nil && old.tlsKey == t.tlsKey {
		t.endpoint = old.endpoint
	}
	if old != nil && old.breaker != nil && old.breaker.cfg == cfg {
		t.breaker = old.breaker
		return t
	}
	t.breaker = newBreaker(cfg, p.name, a.url, d.url, p.making.env)
	if old != nil {
		t.breaker.inherit(old.breaker)
	}
	return t
}

func (p *Pool) find(url string) *target {
	if p == nil {
		return nil
	}
	for _, t := range p.targets() {
		if t.url == url {
			return t
		}
	}
	return nil
}

func (l *Lease) hasTried(t *target) bool { return slices.Contains(l.tried, t) }

type targetDetail struct {
	URL         string `json:"url"`
	Name        string `json:"name,omitempty"` // the URL in the policy, where it names several addresses
	Healthy     bool   `json:"healthy"`
	LastFailure string `json:"last_failure,omitempty"`
	Breaker     string `json:"breaker"`
	Cause       string `json:"cause,omitempty"`
	NextProbe   string `json:"next_probe,omitempty"`
	Inflight    int64  `json:"in_flight"`
	Connections int64  `json:"connections"`
}

func (t *target) detail() targetDetail {
	d := targetDetail{URL: t.url, Healthy: !t.health.down.Load(), Breaker: t.breaker.state(), Inflight: t.inflight.Load(), Connections: t.open.Load()}
	if t.origin != t.url {
		d.Name = t.origin
	}
	if why := t.health.lastFail.Load(); why != nil && !d.Healthy {
		d.LastFailure = *why
	}
	if t.breaker != nil && d.Breaker != "closed" {
		d.Cause = t.breaker.lastCause()
		if until := t.breaker.until.Load(); until > 0 {
			d.NextProbe = time.Unix(0, until).UTC().Format(time.RFC3339)
		}
	}
	return d
}

// redact takes a password out of a URL that is about to be shown.
func redact(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		return scheme + "://***" + rest[i:]
	}
	return s
}

// security is the TLS side of a pool.
type security struct {
	key    string // a hash of everything that the settings are made of
	config *tls.Config
	server string
}

// configFor is the TLS configuration for the host name.
func (s *security) configFor(name string) *tls.Config {
	c := s.config.Clone()
	c.ServerName = name
	if s.server != "" {
		c.ServerName = s.server
	}
	return c
}
