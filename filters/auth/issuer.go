package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

const maxLeeway = 5 * time.Minute

// issuer is a compiled Issuer.
type issuer struct {
	name     string // its iss; empty for any
	audience []string
	algs     []string
	types    []string
	leeway   time.Duration
	require  []claimPath
	paths    paths
	static   *keySet // or
	remote   *remote
}

// keySet returns the keys to believe at now; nil when the issuer's could not be had.
func (is *issuer) keySet(now time.Time) *keySet {
	if is.remote != nil {
		return is.remote.set(now)
	}
	return is.static
}

// proven is a token that was good, and until when.
type proven struct {
	identity *filters.Identity
	issuer   *issuer
	keys     *keySet   // that verified it
	expires  time.Time // leeway included
	issued   time.Time // iat; zero when the token has none
}

// signature checks t's signature. Where it is by a key that is not known, the issuer may have a new one: a fetch is
// wished for and awaited a moment, but not by a dry run.
func (is *issuer) signature(t *token, x *filters.Exchange, now time.Time) (*keySet, *refusal) {
	keys := is.keySet(now)
	if keys == nil && !x.Dry {
		keys = is.remote.await(t.kid, nil, x.Cancel)
	}
	if keys == nil {
		return nil, &noKeySet
	}
	no := t.verify(keys, is.algs)
	if no != &noKeyFor || is.remote == nil || x.Dry {
		return keys, no
	}
	if fresh := is.remote.await(t.kid, keys, x.Cancel); fresh != nil && fresh != keys {
		return fresh, t.verify(fresh, is.algs)
	}
	return keys, no
}

// check verifies t, whose claims are claims, at now.
func (is *issuer) check(t *token, claims map[string]any, x *filters.Exchange, now time.Time) (*proven, *refusal) {
	keys, no := is.signature(t, x, now)
	if no != nil {
		return nil, no
	}
	if !t.typed(is.types) {
		return nil, &noHeader
	}
	if !is.addressed(claims) {
		return nil, &noAudience
	}
	expires, authTime, no := is.times(claims, now)
	if no != nil {
		return nil, no
	}
	for _, path := range is.require {
		if len(path.find(claims, nil)) == 0 {
			return nil, &noClaims
		}
	}
	name, _ := claims["iss"].(string)
	id := is.paths.identity(name, claims)
	if id == nil {
		return nil, &noIdentity
	}
	id.Expires, id.AuthTime = expires, authTime
	issued, _, _ := numericDate(claims, "iat")
	return &proven{identity: id, issuer: is, keys: keys, expires: expires.Add(is.leeway), issued: issued}, nil
}

// addressed checks aud (RFC 7519, 4.1.3): a string or an array of strings, one of which is ours. Where the policy names
// no audience, a token that has one is for somebody else.
func (is *issuer) addressed(claims map[string]any) bool {
	v, there := claims["aud"]
	if !there {
		return len(is.audience) == 0
	}
	one, ok := v.(string)
	if ok {
		return contains(is.audience, one)
	}
	list, _ := v.([]any)
	ours := false
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return false
		}
		ours = ours || contains(is.audience, s)
	}
	return ours
}

// times checks exp, which must be there, nbf and iat, and reads auth_time.
func (is *issuer) times(claims map[string]any, now time.Time) (expires, authTime time.Time, no *refusal) {
	exp, there, ok1 := numericDate(claims, "exp")
	nbf, _, ok2 := numericDate(claims, "nbf")
	iat, _, ok3 := numericDate(claims, "iat")
	authTime, _, ok4 := numericDate(claims, "auth_time")
	switch {
	case !there || !ok1 || !ok2 || !ok3 || !ok4:
		no = &noTime
	case !now.Before(exp.Add(is.leeway)):
		no = &expired
	case now.Add(is.leeway).Before(nbf), now.Add(is.leeway).Before(iat), now.Add(is.leeway).Before(authTime):
		no = &notYet
	}
	return exp, authTime, no
}

// newIssuer compiles cfg. Problems have paths relative to the entry.
func newIssuer(cfg Issuer, prev *issuers, env filters.Env) (*issuer, error) {
	is := &issuer{name: cfg.Issuer, audience: cfg.Audience, algs: cfg.Algorithms, types: cfg.Types, leeway: cfg.Leeway}
	if len(is.algs) == 0 {
		is.algs = defaultAlgorithms(cfg)
	}
	if len(is.types) == 0 {
		is.types = []string{"JWT", "at+jwt"}
	}
	problems := []error{checkAlgorithms(cfg), is.compilePaths(cfg)}
	if cfg.Leeway < 0 || cfg.Leeway > maxLeeway {
		problems = append(problems, setting.Wrong("leeway", "a duration from 0s to 5m", cfg.Leeway))
	}
	for i, a := range cfg.Audience {
		if a == "" {
			problems = append(problems, setting.Wrong(fmt.Sprintf("audience[%d]", i), "a text", a))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return is, is.loadKeys(cfg, prev, env)
}

func defaultAlgorithms(cfg Issuer) []string {
	if cfg.Secret != "" {
		return []string{"HS256"}
	}
	return []string{"RS256", "ES256", "EdDSA"}
}

// checkAlgorithms refuses unknown names, and lists that mix secrets with public keys: with those a public key could be
// taken for a secret.
func checkAlgorithms(cfg Issuer) error {
	var problems []error
	hmac := 0
	for i, a := range cfg.Algorithms {
		if method(a) == nil {
			problems = append(problems, &setting.Problem{Path: fmt.Sprintf("algorithms[%d]", i), Got: fmt.Sprintf("%q", a),
				Want: "one of " + strings.Join(algorithms(), ", "), Hint: setting.DidYouMean(strings.ToUpper(a), algorithms())})
		} else if symmetric(a) {
			hmac++
		}
	}
	switch {
	case len(problems) > 0:
	case hmac > 0 && hmac < len(cfg.Algorithms):
		problems = append(problems, setting.Wrong("algorithms", "either HS algorithms or those of public keys", strings.Join(cfg.Algorithms, ", ")))
	case cfg.Secret != "" && hmac == 0 && len(cfg.Algorithms) > 0:
		problems = append(problems, setting.Wrong("algorithms", "HS256, HS384 or HS512 with a secret", strings.Join(cfg.Algorithms, ", ")))
	case cfg.PublicKey != "" && hmac > 0:
		problems = append(problems, setting.Wrong("algorithms", "algorithms of public keys with public_key", strings.Join(cfg.Algorithms, ", ")))
	}
	return errors.Join(problems...)
}

func (is *issuer) compilePaths(cfg Issuer) error {
	var problems []error
	compile := func(at, s, otherwise string) claimPath {
		if s == "" {
			s = otherwise
		}
		path, err := parsePath(s)
		if err != nil {
			problems = append(problems, setting.Wrong(at, `a claim path such as realm_access.roles, orgs[0].id or groups[*]`, s))
		}
		return path
	}
	is.paths.subject = compile("claims.subject", cfg.Claims.Subject, "sub")
	is.paths.roles = compile("claims.roles", cfg.Claims.Roles, "roles")
	is.paths.tier = compile("claims.tier", cfg.Claims.Tier, "tier")
	is.paths.tenant = compile("claims.tenant", cfg.Claims.Tenant, "tenant")
	for i, s := range cfg.Require {
		is.require = append(is.require, compile(fmt.Sprintf("require[%d]", i), s, ""))
	}
	return errors.Join(problems...)
}
