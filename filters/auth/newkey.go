package auth

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
)

const (
	keyPrefix = "blz_"
	keyBytes  = 32 // 256 bits: nobody guesses it, so a fast hash is enough
)

// NewKey makes an API key and its hash for the policy. The key is shown once and kept nowhere. Its prefix lets secret
// scanners find it where it does not belong.
func NewKey() (key string, hash Hash) {
	var b [keyBytes]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	return key, HashKey(key)
}

// HashKey is the hash under which the policy knows key.
func HashKey(key string) Hash { return digestOf([]byte(key)) }

// Hex is the hash without its name, as 64 digits.
func (h Hash) Hex() string { return hex.EncodeToString(h[:]) }

// Check says whether k is an entry that a policy takes; problems are *setting.Problem.
func (k Key) Check() error {
	t := &keyTable{byDigest: map[Hash]*apiKey{}, byID: map[string]*apiKey{}}
	return t.add(k)
}
