// Package auth decides who is calling: by API key, by JSON Web Token, or nobody. It never decides what they may do
// (authz does), and it never tells the client which check failed. Anonymous is what the policy allows by required: false
// to callers that show no credentials; callers that show wrong ones are refused in any case.
package auth

import (
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"blaze/filters"
	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// Filter is the auth filter. Immutable after New, safe for concurrent use.
type Filter struct {
	required bool
	header   string
	keys     *keyTable
	issuers  *issuers
	certs    []clientCert
	cache    *tokenCache
	sessions *sessions
	revoked  *revocations
	replicas *replicas // nil when revocations are this replica's own
	metrics  *telemetry.Metrics
	now      func() time.Time
	events   func(telemetry.Event)
}

// New compiles cfg; prev is the filter that serves now, or nil. Problems are joined *setting.Problem, with paths
// relative to the section.
func New(cfg Config, prev *Filter, env filters.Env) (*Filter, error) {
	f := &Filter{required: cfg.Required, header: cfg.APIKeyHeader, metrics: env.Metrics, now: env.Now, events: env.Events}
	var errs [6]error
	f.keys, errs[0] = newKeyTable(cfg, env)
	f.issuers, errs[1] = newIssuers(cfg.JWT, prev.oldIssuers(), env)
	errs[2] = checkHeader(cfg.APIKeyHeader)
	f.sessions, errs[3] = newSessions(cfg.Sessions, prev)
	f.certs, errs[4] = newClientCerts(cfg.ClientCerts)
	errs[5] = f.shareRevocations(cfg.Sessions.Revoked, prev, env)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	f.keys.inherit(prev)
	if f.issuers == prev.oldIssuers() {
		f.cache = prev.cache
	} else {
		f.cache = newTokenCache(env.Metrics)
	}
	return f, nil
}

// checkHeader refuses fields that mean something else already.
func checkHeader(name string) error {
	const want = "a header field's name such as x-api-key, or nothing"
	for _, c := range name {
		if !isName(string(c)) || c == '.' {
			return setting.Wrong("api_key_header", want, name)
		}
	}
	switch strings.ToLower(name) {
	case "authorization", "cookie", "host", "connection", "content-length", "content-type", "transfer-encoding", "upgrade", "te",
		"trailer", "user-agent", "expect", "forwarded", "x-forwarded-for", "sec-websocket-protocol", "x-blaze-otp":
		return setting.Wrong("api_key_header", want+"; not one with another meaning", name)
	}
	return nil
}

// Request finds out who is calling and sets x.Identity and x.Credentials.
func (f *Filter) Request(x *filters.Exchange) filters.Verdict {
	x.Identity = filters.Anonymous
	now := f.now()
	id, no := f.identify(x, now)
	if no == nil {
		x.Identity = id
		no = f.listed(x, now)
	}
	if no != nil {
		f.tell(x, no)
		return no.verdict()
	}
	return f.sessions.begin(x)
}

// Settle ends the session that Request began.
func (f *Filter) Settle(x *filters.Exchange) { f.sessions.end(x) }

// identify returns who is calling, or why that cannot be believed.
func (f *Filter) identify(x *filters.Exchange, now time.Time) (*filters.Identity, *refusal) {
	c, no := f.find(x)
	switch {
	case no != nil:
		return nil, no
	case x.Assume != "":
		return f.assumed(x, now)
	case len(c.value) == 0:
		return f.stranger(x, now)
	}
	digest := digestOf(c.value)
	if k := f.keys.find(&digest); k != nil {
		return f.key(k, x, now)
	}
	if c.keyOnly || f.issuers.empty() || len(f.keys.byID) > 0 && !looksLikeToken(c.value) {
		return nil, &noKey
	}
	return f.token(c.value, digest, x, now)
}

// token verifies a token, or finds that it was verified before.
func (f *Filter) token(text []byte, digest Hash, x *filters.Exchange, now time.Time) (*filters.Identity, *refusal) {
	p := f.cache.get(digest, now)
	if p == nil {
		var no *refusal
		if p, no = f.issuers.verify(string(text), x, now); no != nil {
			return nil, no // not kept: an attacker could fill the cache
		}
		f.cache.put(digest, p, len(text))
	}
	switch {
	case f.sessions.tooOld(p, now):
		return nil, &tooOld
	case f.revoked.revoked(p.identity, p.issued, now):
		return nil, &revoked
	}
	return p.identity, nil
}

// key returns whose API key k is, with what a one-time code proves.
func (f *Filter) key(k *apiKey, x *filters.Exchange, now time.Time) (*filters.Identity, *refusal) {
	id, no := k.prove(now)
	switch {
	case no != nil:
		return nil, no
	case f.revoked.revoked(id, time.Time{}, now):
		return nil, &revokedKey
	case k.codes == nil:
		return id, nil
	}
	code := x.Request.PeekAll(otpField)
	switch {
	case len(code) == 0:
		return k.codes.lately(id, x.Client, now), nil
	case len(code) > 1:
		return nil, &twoCodes
	}
	var claim func(string, int64) *refusal
	if f.replicas != nil {
		claim = f.replicas.claim
	}
	return k.codes.prove(id, code[0], x.Client, now, x.Dry, claim)
}

// stranger is a caller without credentials: whom a certificate names, or nobody.
func (f *Filter) stranger(x *filters.Exchange, now time.Time) (*filters.Identity, *refusal) {
	if x.PeerCert != nil {
		id := f.identityOfCert(x.PeerCert)
		switch {
		case id != nil && f.revoked.revoked(id, time.Time{}, now):
			return nil, &revoked
		case id != nil:
			return id, nil
		}
	}
	if f.required {
		return nil, &noCredentials
	}
	return filters.Anonymous, nil
}

// assumed is the API key that a policy's test has taken to be shown.
func (f *Filter) assumed(x *filters.Exchange, now time.Time) (*filters.Identity, *refusal) {
	k := f.keys.byID[x.Assume]
	if k == nil {
		return nil, &noKey
	}
	return f.key(k, x, now)
}

// tell reports a failed login. A request without credentials is none.
func (f *Filter) tell(x *filters.Exchange, no *refusal) {
	if x.Dry || no == &noCredentials || no.denial == nil {
		return
	}
	f.events(telemetry.Event{Kind: "login_failed", RequestID: x.ID, Client: x.Client.String(), Rule: no.rule})
}

func digestOf(b []byte) Hash { return sha256.Sum256(b) }
