package auth

import (
	"bytes"
	"strings"
)

// Bounds of a token's header.
const (
	maxKeyID  = 256
	maxHeader = 4 << 10 // bytes, encoded: room for an x5c that is then not looked at
)

// token is a JWS in compact form (RFC 7515, 7.1), taken apart but not believed.
type token struct {
	alg, kid, typ string
	signed        string // what the signature is of
	signature     []byte
	payload       []byte
}

// split takes a token apart. Every segment must be there and in its one base64url form.
func split(text string) (t token, no *refusal) {
	dot := strings.IndexByte(text, '.')
	last := strings.LastIndexByte(text, '.')
	if dot <= 0 || last-dot <= 1 || last == len(text)-1 || strings.Count(text, ".") != 2 || dot > maxHeader {
		return t, &noToken
	}
	head, err1 := decode64([]byte(text[:dot]))
	payload, err2 := decode64([]byte(text[dot+1 : last]))
	sig, err3 := decode64([]byte(text[last+1:]))
	if err1 != nil || err2 != nil || err3 != nil {
		return t, &noToken
	}
	h, err := parseObject(head)
	if err != nil {
		return t, &noToken
	}
	t.signed, t.signature, t.payload = text[:last], sig, payload
	return t, t.header(h)
}

// header reads what counts in a header and refuses what must be understood but is not (RFC 7515, 4.1.11: crit; RFC 7797:
// b64; and zip and enc, which belong to encrypted tokens). A key that the token itself names or brings (jku, jwk, x5u,
// x5c) is never looked at (RFC 8725, 3.10).
func (t *token) header(h map[string]any) *refusal {
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if _, there := h[name]; there {
			return &noHeader
		}
	}
	for name, to := range map[string]*string{"alg": &t.alg, "kid": &t.kid, "typ": &t.typ} {
		v, there := h[name]
		if !there {
			continue
		}
		s, ok := v.(string)
		if !ok || s == "" || len(s) > maxKeyID {
			return &noHeader
		}
		*to = s
	}
	if t.alg == "" {
		return &noAlgorithm
	}
	return nil
}

// typed reports whether the token says to be one of types (RFC 8725, 3.11): a token of another kind (a logout token, a
// DPoP proof) of the same issuer is no access token. Without typ it may be one. Media types are case-insensitive and
// application/ may be left out (RFC 7515, 4.1.9).
func (t *token) typed(types []string) bool {
	if t.typ == "" {
		return true
	}
	typ := t.typ
	if rest, ok := cutPrefixFold(typ, "application/"); ok {
		typ = rest
	}
	for _, want := range types {
		if strings.EqualFold(typ, want) {
			return true
		}
	}
	return false
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// verify checks the signature with the one key of set that the token may mean.
func (t *token) verify(set *keySet, algs []string) *refusal {
	if !contains(algs, t.alg) {
		return &noAlgorithm
	}
	k := set.find(t.kid, t.alg)
	if k == nil {
		return &noKeyFor
	}
	if method(t.alg).Verify(t.signed, t.signature, k.public) != nil {
		return &noSignature
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// looksLikeToken tells a token from an API key: it has three segments, or begins as a JSON object does in base64url.
func looksLikeToken(c []byte) bool {
	return bytes.Count(c, []byte{'.'}) == 2 || bytes.HasPrefix(c, []byte("eyJ"))
}
