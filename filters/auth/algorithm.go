package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// algorithms are the names that a policy may list (RFC 7518, RFC 8037, RFC 9864), symmetric ones first. There is no
// "none", and none is added by a library's registry.
func algorithms() []string {
	return []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
}

// method returns what verifies alg, or nil.
func method(alg string) jwt.SigningMethod {
	switch alg {
	case "HS256":
		return jwt.SigningMethodHS256
	case "HS384":
		return jwt.SigningMethodHS384
	case "HS512":
		return jwt.SigningMethodHS512
	case "RS256":
		return jwt.SigningMethodRS256
	case "RS384":
		return jwt.SigningMethodRS384
	case "RS512":
		return jwt.SigningMethodRS512
	case "PS256":
		return pss(jwt.SigningMethodPS256)
	case "PS384":
		return pss(jwt.SigningMethodPS384)
	case "PS512":
		return pss(jwt.SigningMethodPS512)
	case "ES256":
		return jwt.SigningMethodES256
	case "ES384":
		return jwt.SigningMethodES384
	case "ES512":
		return jwt.SigningMethodES512
	case "EdDSA", "Ed25519":
		return jwt.SigningMethodEdDSA
	}
	return nil
}

// pss makes the salt as long as the hash, as RFC 7518 section 3.5 demands; the library takes any length.
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options,
		VerifyOptions: &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: m.Hash}}
}

func symmetric(alg string) bool { return alg[0] == 'H' }

// suits reports whether key is of alg's kind and strength: an algorithm is the key's, not the token's, to choose
// (RFC 8725 section 3.1), and no ECDSA key serves for a curve that is not its own.
func suits(key crypto.PublicKey, alg string) bool {
	switch k := key.(type) {
	case []byte:
		return symmetric(alg) && len(k) >= secretSize(alg)
	case *rsa.PublicKey:
		return (alg[:2] == "RS" || alg[:2] == "PS") && k.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		m, ok := method(alg).(*jwt.SigningMethodECDSA)
		return ok && m.CurveBits == k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return alg == "EdDSA" || alg == "Ed25519"
	}
	return false
}

const (
	minRSA = 2048 // bits; RFC 7518, 3.3
	maxRSA = 8192 // bits: a larger key makes each verification a burden
)

// secretSize is the least length of a secret in bytes: that of the hash (RFC 7518, 3.2).
func secretSize(alg string) int {
	switch alg {
	case "HS384":
		return 48
	case "HS512":
		return 64
	}
	return 32
}
