package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"github.com/MicahParks/jwkset"
)

// maxKeys bounds a set; issuers publish a handful.
const maxKeys = 100

// key verifies signatures of its algorithms, which were settled when it was read.
type key struct {
	kid    string
	algs   []string
	public crypto.PublicKey // or a []byte, for HMAC
}

func (k *key) takes(alg string) bool {
	for _, a := range k.algs {
		if a == alg {
			return true
		}
	}
	return false
}

// keySet is an issuer's keys at one time. Immutable.
type keySet struct{ keys []key }

// find returns the one key for a token's kid and alg, or nil. A kid must name exactly one key; without a kid, on either
// side, there must be no choice either: keys are never tried out one after the other.
func (s *keySet) find(kid, alg string) *key {
	var named, nameless, any *key
	var n, m, all int
	for i := range s.keys {
		k := &s.keys[i]
		if !k.takes(alg) {
			continue
		}
		any, all = k, all+1
		switch k.kid {
		case "":
			nameless, m = k, m+1
		case kid:
			named, n = k, n+1
		}
	}
	switch {
	case kid == "" && all == 1:
		return any
	case kid != "" && n == 1:
		return named
	case kid != "" && n == 0 && m == 1:
		return nameless
	}
	return nil
}

// bind settles for which of algs public may be used; stated is the key's own alg, if it has one.
func bind(kid string, public crypto.PublicKey, stated string, algs []string) (key, bool) {
	k := key{kid: kid, public: public}
	for _, alg := range algs {
		if (stated == "" || stated == alg) && suits(public, alg) {
			k.algs = append(k.algs, alg)
		}
	}
	return k, len(k.algs) > 0
}

// parsePEM reads a public key (PKIX or PKCS 1) or a certificate.
func parsePEM(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = c.PublicKey
		}
	default:
		return nil, fmt.Errorf("a PEM block of type %q", block.Type)
	}
	if err != nil {
		return nil, errors.New("a PEM block that cannot be read")
	}
	return public, checkPublic(public)
}

// checkPublic refuses keys that are weak, whatever they are used for.
func checkPublic(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSA || n > maxRSA {
			return fmt.Errorf("an RSA key of %d bits", n)
		}
		if k.E < 3 || k.E&1 == 0 {
			return errors.New("an RSA key with a bad exponent")
		}
		if isROCA(k.N) {
			return errors.New("an RSA key that can be factored (CVE-2017-15361)")
		}
		return nil
	case *ecdsa.PublicKey:
		if _, err := k.ECDH(); err != nil {
			return errors.New("a point that is not on its curve")
		}
		return nil
	case ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("a key of type %T", public)
}

// isROCA reports whether n has the fingerprint of keys made by a broken chip library (ROCA, CVE-2017-15361; Nemec et al.,
// CCS 2017): modulo every small prime it is a power of 65537. A sound modulus has it by chance once in 2^27.
func isROCA(n *big.Int) bool {
	for _, p := range []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		r := new(big.Int).Mod(n, big.NewInt(p)).Int64()
		power, found := int64(1), false
		for range p {
			found = found || power == r
			power = power * (65537 % p) % p
		}
		if !found {
			return false
		}
	}
	return true
}

// parseKeySet reads a JSON Web Key Set (RFC 7517, 5) for algs. Keys that are of no use here (for encryption, of another
// kind, too weak) are left out, as the RFC asks; a set with none left is an error, and so is one that mixes secrets with
// public keys. oct keys count only when algs are symmetric.
func parseKeySet(text []byte, algs []string) (*keySet, error) {
	doc, err := parseObject(text)
	if err != nil {
		return nil, errors.New("not a JSON Web Key Set: malformed JSON, or a member twice")
	}
	list, ok := doc["keys"].([]any)
	if !ok || len(list) > maxKeys {
		return nil, fmt.Errorf("not a JSON Web Key Set: no array of at most %d keys", maxKeys)
	}
	set, kinds, named := new(keySet), map[bool]bool{}, map[[2]string]int{}
	for _, v := range list {
		m, _ := v.(map[string]any)
		kinds[m["kty"] == "oct"] = true
		if mayVerify(m) {
			named[nameOf(m)]++
		}
	}
	for _, v := range list {
		m, _ := v.(map[string]any)
		if k, err := parseKey(m, algs); err == nil && (k.kid == "" || named[nameOf(m)] == 1) {
			set.keys = append(set.keys, k)
		}
	}
	if len(kinds) > 1 {
		return nil, errors.New("a key set that mixes secrets with public keys")
	}
	if len(set.keys) == 0 {
		return nil, errors.New("a key set without a usable key for the algorithms")
	}
	return set, nil
}

// nameOf is what must be unique in a set (RFC 7517, 4.5): keys of different kinds may share a kid, others are ambiguous.
func nameOf(m map[string]any) [2]string {
	kty, _ := m["kty"].(string)
	kid, _ := m["kid"].(string)
	return [2]string{kty, kid}
}

// parseKey reads one JSON Web Key.
func parseKey(m map[string]any, algs []string) (key, error) {
	if !mayVerify(m) {
		return key{}, errors.New("not for signatures")
	}
	text := func(name string) string { s, _ := m[name].(string); return s }
	for _, name := range []string{"kid", "alg", "kty", "crv"} {
		if _, there := m[name]; there && text(name) == "" {
			return key{}, fmt.Errorf("%s is not a string", name)
		}
	}
	if len(text("kid")) > maxKeyID || !canonical(m) {
		return key{}, errors.New("malformed")
	}
	jwk, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{
		KTY: jwkset.KTY(text("kty")), CRV: jwkset.CRV(text("crv")),
		X: text("x"), Y: text("y"), N: text("n"), E: text("e"), K: text("k"),
	}, jwkset.JWKMarshalOptions{Private: text("kty") == "oct"}, jwkset.JWKValidateOptions{SkipAll: true})
	if err != nil {
		return key{}, errors.New("malformed")
	}
	public := jwk.Key()
	if _, secret := public.([]byte); !secret {
		if err := checkPublic(public); err != nil {
			return key{}, err
		}
	}
	k, ok := bind(text("kid"), public, text("alg"), algs)
	if !ok {
		return key{}, errors.New("of no use for the algorithms")
	}
	return k, nil
}

// mayVerify reads use and key_ops (RFC 7517, 4.2 and 4.3), either of which may forbid.
func mayVerify(m map[string]any) bool {
	if use, there := m["use"]; there && use != "sig" {
		return false
	}
	ops, there := m["key_ops"]
	if !there {
		return true
	}
	list, _ := ops.([]any)
	found := false
	for _, op := range list {
		switch op {
		case "verify":
			found = true
		case "sign": // a pair's operations may be listed together
		default:
			return false
		}
	}
	return found
}

// canonical refuses numbers in a form that the library would read leniently (padding, stray bits) or cut short.
func canonical(m map[string]any) bool {
	for _, name := range []string{"x", "y", "n", "e", "k"} {
		v, there := m[name]
		if !there {
			continue
		}
		s, ok := v.(string)
		b, err := decode64([]byte(s))
		if !ok || err != nil || name == "e" && len(b) > 4 {
			return false
		}
	}
	return true
}

var base64url = base64.RawURLEncoding.Strict()

// decode64 reads base64url without padding (RFC 7515, 2), in its one form: no stray bits, and no line ends, which the
// library skips.
func decode64(s []byte) ([]byte, error) {
	for _, c := range s {
		if c == '\r' || c == '\n' {
			return nil, errJSON
		}
	}
	return base64url.AppendDecode(nil, s)
}
