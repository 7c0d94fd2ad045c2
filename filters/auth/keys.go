package auth

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"go.yaml.in/yaml/v4"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// apiKey is a compiled Key.
type apiKey struct {
	digest   Hash
	identity *filters.Identity
	codes    *codes // nil for a key without a second factor
}

// keyTable finds API keys by digest. Looking up a digest in a map takes time that depends on the digest, and so on
// nothing that helps to guess a key; the digest found is compared in constant time all the same.
type keyTable struct {
	byDigest map[Hash]*apiKey
	byID     map[string]*apiKey
}

// find returns the key with that digest, or nil.
func (t *keyTable) find(digest *Hash) *apiKey {
	k := t.byDigest[*digest]
	if k == nil || subtle.ConstantTimeCompare(k.digest[:], digest[:]) != 1 {
		return nil
	}
	return k
}

// prove returns whose key it is, while it is good.
func (k *apiKey) prove(now time.Time) (*filters.Identity, *refusal) {
	if e := k.identity.Expires; !e.IsZero() && !now.Before(e) {
		return nil, &keyExpired
	}
	return k.identity, nil
}

func newKeyTable(cfg Config, env filters.Env) (*keyTable, error) {
	t := &keyTable{byDigest: map[Hash]*apiKey{}, byID: map[string]*apiKey{}}
	var problems []error
	for i, k := range cfg.APIKeys {
		problems = append(problems, setting.Under(fmt.Sprintf("api_keys[%d]", i), t.add(k)))
	}
	for i, name := range cfg.APIKeyFiles {
		at := fmt.Sprintf("api_key_files[%d]", i)
		keys, err := readKeys(name, env)
		if err != nil {
			problems = append(problems, &setting.Problem{Path: at, Want: "a YAML list of API keys", Got: err.Error()})
			continue
		}
		for j, k := range keys {
			problems = append(problems, setting.Under(fmt.Sprintf("%s[%d]", at, j), t.add(k)))
		}
	}
	return t, errors.Join(problems...)
}

// readKeys reads a file of api_key_files: the entries as under api_keys.
func readKeys(name string, env filters.Env) ([]Key, error) {
	text, err := env.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var keys []Key
	if err := yaml.Load(text, &keys, yaml.WithKnownFields()); err != nil {
		return nil, err
	}
	return keys, nil
}

var emptyKey = digestOf(nil)

func (t *keyTable) add(k Key) error {
	var problems []error
	if !isName(k.ID) {
		problems = append(problems, setting.Wrong("id", "a name of at most 64 letters, digits, . _ -", k.ID))
	} else if t.byID[k.ID] != nil {
		problems = append(problems, setting.Wrong("id", "an id that no other key has", k.ID))
	}
	switch {
	case k.Hash == Hash{}:
		problems = append(problems, &setting.Problem{Path: "hash", Want: k.Hash.Want(), Got: "none"})
	case k.Hash == emptyKey:
		problems = append(problems, &setting.Problem{Path: "hash", Want: "the hash of a key", Got: "the hash of nothing"})
	case t.byDigest[k.Hash] != nil:
		problems = append(problems, &setting.Problem{Path: "hash", Want: "a hash that no other key has", Got: "that of " + t.byDigest[k.Hash].identity.KeyID})
	}
	problems = append(problems, checkNames(k.Subject, k.Tier, k.Tenant, k.Roles))
	secret, err := decodeSecret(k.TOTP)
	if k.TOTP != "" && err != nil {
		problems = append(problems, &setting.Problem{Path: "totp", Want: "at least 16 bytes in base32", Got: fmt.Sprintf("%d characters", len(k.TOTP))})
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	t.insert(k, secret)
	return nil
}

// checkNames checks what an identity is made of. Problems are in the order of the policy.
func checkNames(subject, tier, tenant string, roles []string) error {
	var problems []error
	for _, v := range [][2]string{{"subject", subject}, {"tier", tier}, {"tenant", tenant}} {
		if !fit(v[1]) {
			problems = append(problems, setting.Wrong(v[0], "at most 256 bytes without control characters", v[1]))
		}
	}
	for i, s := range roles {
		if s == "" || !fit(s) {
			problems = append(problems, setting.Wrong(fmt.Sprintf("roles[%d]", i), "a role's name", s))
		}
	}
	return errors.Join(problems...)
}

// inherit takes over the used codes of keys whose secret is the same.
func (t *keyTable) inherit(prev *Filter) {
	if prev == nil {
		return
	}
	for id, k := range t.byID {
		old := prev.keys.byID[id]
		if k.codes == nil || old == nil || old.codes == nil || !bytes.Equal(k.codes.secret, old.codes.secret) {
			continue
		}
		k.codes = old.codes
	}
}

func (t *keyTable) insert(k Key, secret []byte) {
	if k.Subject == "" {
		k.Subject = k.ID
	}
	a := &apiKey{digest: k.Hash, identity: &filters.Identity{
		Subject: k.Subject, Roles: k.Roles, Tier: k.Tier, Tenant: k.Tenant,
		KeyID: k.ID, Method: "key", Expires: time.Time(k.Expires),
	}}
	if secret != nil {
		a.codes = &codes{secret: secret}
	}
	t.byDigest[k.Hash], t.byID[k.ID] = a, a
}

// isName reports whether s may be an id: it goes into logs, metrics and limits.
func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
