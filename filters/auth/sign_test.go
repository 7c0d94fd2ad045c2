package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// mint signs claims, on top of those of a good token, with key.
func mint(t testing.TB, alg string, key any, claims map[string]any) string {
	t.Helper()
	return signed(t, alg, key, map[string]any{"alg": alg, "typ": "JWT"}, goodClaims(claims))
}

func goodClaims(more map[string]any) map[string]any {
	c := map[string]any{"iss": "https://id.example", "aud": "blaze", "sub": "alice", "iat": noon.Unix() - 60, "exp": noon.Unix() + 600}
	maps.Copy(c, more)
	for k, v := range c {
		if v == nil { // nil takes a claim away
			delete(c, k)
		}
	}
	return c
}

func signed(t testing.TB, alg string, key any, header, claims map[string]any) string {
	t.Helper()
	h, err1 := json.Marshal(header)
	c, err2 := json.Marshal(claims)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return signText(t, alg, key, string(h), string(c))
}

// signText signs header and claims as they are, however malformed.
func signText(t testing.TB, alg string, key any, header, claims string) string {
	t.Helper()
	text := encode64(header) + "." + encode64(claims)
	m := jwt.GetSigningMethod(alg)
	sig, err := m.Sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode64(string(sig))
}

func encode64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// newKeys makes a key pair for alg.
func newKeys(t testing.TB, alg string) (private crypto.Signer) {
	t.Helper()
	var err error
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("no keys for %s", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return private
}
