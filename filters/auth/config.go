package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"blaze/filters"
)

// Config is the policy's filters.auth section.
type Config struct {
	Required     bool         `yaml:"required" default:"true" doc:"whether a caller without credentials is refused; wrong credentials are refused in any case" example:"true"`
	JWT          []Issuer     `yaml:"jwt" doc:"whose tokens are taken, and how they are checked" example:"[{issuer: \"https://id.example\", audience: [blaze], jwks: \"https://id.example/jwks.json\"}]"`
	APIKeys      []Key        `yaml:"api_keys" doc:"the API keys, by hash; make one with blaze key new" example:"[{id: ci, hash: \"sha256:…\", roles: [user]}]"`
	APIKeyFiles  []string     `yaml:"api_key_files" doc:"files with further api_keys, as a YAML list; a change of the file reloads the policy" example:"[keys.yaml]"`
	APIKeyHeader string       `yaml:"api_key_header" default:"x-api-key" doc:"header field that may carry an API key besides Authorization: Bearer; empty for none"`
	ClientCerts  []ClientCert `yaml:"client_certs" doc:"who clients with a certificate are"`
	Sessions     Sessions     `yaml:"sessions" doc:"how many, how old, and which are ended"`
}

// Sessions bounds what good credentials are good for. Mode and share are those of max_concurrent.
type Sessions struct {
	filters.Rollout `yaml:",inline"`
	MaxConcurrent   int           `yaml:"max_concurrent" default:"0" doc:"exchanges of one subject under way at once, on each replica; 0 is any number" example:"8"`
	MaxAge          time.Duration `yaml:"max_age" default:"0s" doc:"how long after signing in (auth_time, else iat) a token is good, however long it says; 0s is as long as it says" example:"12h"`
	Revoked         Revoked       `yaml:"revoked" doc:"where ended credentials are remembered"`
}

// Revoked is sessions.revoked. Revocations are kept in memory in any case.
type Revoked struct {
	Redis    bool          `yaml:"redis" default:"false" doc:"share them with the other replicas, and keep them across restarts, through the Redis of ratelimit.store"`
	MaxStale time.Duration `yaml:"max_stale" default:"1m" doc:"how long the list is relied on when Redis cannot be reached; after it on_error says what follows; 0s is for ever"`
}

// Issuer is one entry of jwt. Exactly one of JWKS, JWKSFile, PublicKey, Secret says how its tokens are verified.
type Issuer struct {
	Issuer     string        `yaml:"issuer" doc:"the iss claim its tokens have, exactly; without it, one entry takes tokens of any issuer" example:"https://id.example"`
	Audience   []string      `yaml:"audience" doc:"the aud claim must hold one of them; without it, tokens that have an audience are refused (RFC 7519, 4.1.3)" example:"[blaze]"`
	JWKS       string        `yaml:"jwks" doc:"URL of the issuer's JSON Web Key Set: https, or http on this machine" example:"https://id.example/jwks.json"`
	JWKSCA     string        `yaml:"jwks_ca" doc:"PEM file with the certificate authority of the jwks URL, where it is not a public one" example:"ca.pem"`
	Refresh    time.Duration `yaml:"refresh" default:"5m" doc:"how often the jwks URL is fetched at the least; a shorter max-age of the issuer counts, down to 30s"`
	MaxStale   time.Duration `yaml:"max_stale" default:"24h" doc:"how long keys are believed when the jwks URL cannot be fetched"`
	Secret     string        `yaml:"secret" doc:"shared secret of HS256, HS384, HS512: at least 32, 48, 64 bytes (RFC 7518, 3.2)" example:"${env:JWT_SECRET}"`
	PublicKey  string        `yaml:"public_key" doc:"PEM file with the issuer's public key or certificate" example:"key.pem"`
	JWKSFile   string        `yaml:"jwks_file" doc:"file with the issuer's JSON Web Key Set" example:"jwks.json"`
	Algorithms []string      `yaml:"algorithms" doc:"the signature algorithms that are taken; RS256, ES256 and EdDSA when absent, HS256 with a secret" example:"[RS256, ES256, EdDSA]"`
	Leeway     time.Duration `yaml:"leeway" default:"30s" doc:"how far the issuer's clock may be off; at most 5m"`
	Types      []string      `yaml:"types" doc:"the typ header a token may have, besides none; JWT and at+jwt when absent" example:"[at+jwt]"`
	Require    []string      `yaml:"require" doc:"paths of further claims a token must have" example:"[jti, org.id]"`
	Claims     Claims        `yaml:"claims" doc:"where in the claims the identity is"`
}

// Claims are claim paths: names with dots between, [0] and [*] for arrays, \. for a dot in a name; a path with :// in it
// is one name.
type Claims struct {
	Subject string `yaml:"subject" default:"sub" doc:"path of the subject; a token without one is refused"`
	Roles   string `yaml:"roles" default:"roles" doc:"path of the roles: an array of strings, or one string with blanks between" example:"realm_access.roles"`
	Tier    string `yaml:"tier" default:"tier" doc:"path of the tier"`
	Tenant  string `yaml:"tenant" default:"tenant" doc:"path of the tenant" example:"org.id"`
}

// Key is one entry of api_keys, and of the files of api_key_files.
type Key struct {
	ID      string   `yaml:"id" doc:"name in logs and limits; never the key" example:"ci"`
	Hash    Hash     `yaml:"hash" doc:"SHA-256 of the key" example:"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Subject string   `yaml:"subject" doc:"who calls with it; the id when absent" example:"ci-bot"`
	Roles   []string `yaml:"roles" doc:"its roles, as named under authz" example:"[user]"`
	Tier    string   `yaml:"tier" doc:"its tier, as named in limits and queues" example:"free"`
	Tenant  string   `yaml:"tenant" doc:"its tenant" example:"acme"`
	TOTP    string   `yaml:"totp" doc:"base32 secret of one-time codes (RFC 6238), given in x-blaze-otp where a role demands mfa" example:"${env:CI_TOTP}"`
	Expires Date     `yaml:"expires" doc:"its last day (UTC), or the second it ends; never when absent" example:"2027-01-31"`
}

// Hash is the SHA-256 of an API key. A plain hash is right, and a slow one wrong: keys are random, not chosen by people.
type Hash [sha256.Size]byte

// UnmarshalText reads sha256: and 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "sha256:")
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != len(h) {
		return errors.New("not a hash")
	}
	*h = Hash(sum)
	return nil
}

// Want says what UnmarshalText reads.
func (*Hash) Want() string { return "sha256: and 64 hexadecimal digits, as blaze key new prints them" }

func (h Hash) String() string { return "sha256:" + hex.EncodeToString(h[:]) }

// MarshalText writes what UnmarshalText reads.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Date is when something ends. The zero Date is never.
type Date time.Time

// UnmarshalText reads 2027-01-31, which lasts to the end of that day in UTC, or an RFC 3339 time.
func (d *Date) UnmarshalText(text []byte) error {
	if t, err := time.Parse(time.DateOnly, string(text)); err == nil {
		*d = Date(t.AddDate(0, 0, 1))
		return nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return errors.New("not a date")
	}
	*d = Date(t)
	return nil
}

// Want says what UnmarshalText reads.
func (*Date) Want() string {
	return "a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z"
}

// MarshalText writes the last day where that is what was meant, else the second.
func (d Date) MarshalText() ([]byte, error) {
	t := time.Time(d).UTC()
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return []byte(t.AddDate(0, 0, -1).Format(time.DateOnly)), nil
	}
	return []byte(t.Format(time.RFC3339)), nil
}
