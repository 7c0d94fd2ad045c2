package auth

import (
	"errors"
	"fmt"
	"strings"

	"blaze/filters"
	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// loadKeys reads the keys from the one place that the entry names.
func (is *issuer) loadKeys(cfg Issuer, prev *issuers, env filters.Env) (err error) {
	sources := 0
	for _, s := range []string{cfg.JWKS, cfg.JWKSFile, cfg.PublicKey, cfg.Secret} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return &setting.Problem{Want: "one of jwks, jwks_file, public_key, secret", Got: fmt.Sprintf("%d of them", sources)}
	case cfg.JWKS != "":
		return is.loadRemote(cfg, prev, env)
	case cfg.Secret != "":
		return is.loadSecret(cfg.Secret)
	case cfg.PublicKey != "":
		return is.loadPEM(cfg.PublicKey, env)
	}
	text, err := env.ReadFile(cfg.JWKSFile)
	if err == nil {
		is.static, err = parseKeySet(text, is.algs)
	}
	if err != nil {
		return &setting.Problem{Path: "jwks_file", Want: "a file with a JSON Web Key Set", Got: err.Error()}
	}
	return nil
}

// loadSecret says nothing of the secret but its length.
func (is *issuer) loadSecret(secret string) error {
	least := 0
	for _, a := range is.algs {
		least = max(least, secretSize(a))
	}
	if len(secret) < least {
		return &setting.Problem{Path: "secret", Want: fmt.Sprintf("at least %d bytes for %s (RFC 7518, 3.2)", least, strings.Join(is.algs, ", ")),
			Got: fmt.Sprintf("%d bytes", len(secret))}
	}
	k, _ := bind("", []byte(secret), "", is.algs)
	is.static = &keySet{keys: []key{k}}
	return nil
}

func (is *issuer) loadPEM(name string, env filters.Env) error {
	want := "a PEM file with a public key or certificate for " + strings.Join(is.algs, ", ")
	text, err := env.ReadFile(name)
	if err != nil {
		return &setting.Problem{Path: "public_key", Want: want, Got: err.Error()}
	}
	public, err := parsePEM(text)
	if err != nil {
		return &setting.Problem{Path: "public_key", Want: want, Got: err.Error()}
	}
	k, ok := bind("", public, "", is.algs)
	if !ok {
		return &setting.Problem{Path: "public_key", Want: want, Got: fmt.Sprintf("a key of type %T", public)}
	}
	is.static = &keySet{keys: []key{k}}
	return nil
}

// loadRemote takes over the predecessor's keys where nothing about them has changed. It fetches nothing.
func (is *issuer) loadRemote(cfg Issuer, prev *issuers, env filters.Env) error {
	var ca []byte
	var problems []error
	if cfg.JWKSCA != "" {
		var err error
		if ca, err = env.ReadFile(cfg.JWKSCA); err != nil {
			problems = append(problems, &setting.Problem{Path: "jwks_ca", Want: "a PEM file with certificates", Got: err.Error()})
		}
	}
	f, err := newFetcher(cfg.JWKS, ca)
	if err != nil {
		problems = append(problems, &setting.Problem{Path: "jwks", Want: "an https URL, or an http one on this machine", Got: err.Error()})
	}
	if cfg.Refresh != 0 && cfg.Refresh < minRefresh {
		problems = append(problems, setting.Wrong("refresh", "a duration of at least 30s", cfg.Refresh))
	}
	if cfg.MaxStale < 0 {
		problems = append(problems, setting.Wrong("max_stale", "a duration, or 0s for any time", cfg.MaxStale))
	}
	if len(is.algs) > 0 && symmetric(is.algs[0]) {
		problems = append(problems, setting.Wrong("algorithms", "algorithms of public keys with jwks", strings.Join(is.algs, ", ")))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	is.remote = prev.remote(identityOf(cfg, is.algs, ca))
	if is.remote == nil {
		is.remote = newRemote(cfg, is.algs, ca, f, env)
	}
	return nil
}

// identityOf is equal where the key set is fetched from the same place, and read in the same way.
func identityOf(cfg Issuer, algs []string, ca []byte) Hash {
	return digestOf(fmt.Appendf(nil, "%q %q %q %q %d %d", cfg.Issuer, cfg.JWKS, algs, ca, cfg.Refresh, cfg.MaxStale))
}

func newRemote(cfg Issuer, algs []string, ca []byte, f *fetcher, env filters.Env) *remote {
	r := &remote{
		issuer: cfg.Issuer, identity: identityOf(cfg, algs, ca), algs: algs, refresh: cfg.Refresh, maxStale: cfg.MaxStale,
		fetch: f.fetch, now: env.Now, ask: make(chan struct{}, 1), count: map[string]*telemetry.Counter{},
	}
	if r.issuer == "" {
		r.issuer = f.host
	}
	if r.refresh == 0 {
		r.refresh = defaultRefresh
	}
	for _, result := range []string{"changed", "unchanged", "failed"} {
		r.count[result] = env.Metrics.Counter("blaze_jwks_refreshes_total", r.issuer, result)
	}
	return r
}
