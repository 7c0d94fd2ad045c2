package auth

import (
	"bytes"
	"crypto/subtle"

	"github.com/valyala/fasthttp"

	"blaze/filters"
)

const (
	// maxCredential bounds what is looked at; tokens of large identity providers reach some kilobytes.
	maxCredential = 8 << 10
	// protocolPrefix is how OpenAI's clients in browsers send a key when they open a WebSocket, where no page may set
	// header fields.
	protocolPrefix = "openai-insecure-api-key."
)

// credential is what one request shows. keyOnly says that it came where no token may.
type credential struct {
	value   []byte
	keyOnly bool
}

// find collects the credential of x's head and notes in x.Credentials which fields carried one, so that the proxy takes
// them out whatever comes of it. The same credential may be in several places; two that differ are refused, since what
// stands behind Blaze might believe the other one. No credential is an empty one. Allocates nothing.
func (f *Filter) find(x *filters.Exchange) (c credential, no *refusal) {
	h := x.Request
	c.keyOnly = true
	x.Credentials.OTP = len(h.PeekAll(otpField)) > 0
	for i, v := range h.PeekAll(fasthttp.HeaderAuthorization) {
		x.Credentials.Authorization = true
		token, ok := bearer(v)
		if i > 0 || !ok {
			return c, &noBearer
		}
		c = credential{value: token, keyOnly: len(token) == 0}
	}
	if f.header != "" {
		for _, v := range h.PeekAll(f.header) {
			x.Credentials.Header = f.header
			if !c.add(v) {
				return c, &noTwo
			}
		}
	}
	for _, list := range h.PeekAll(fasthttp.HeaderSecWebSocketProtocol) {
		for more := true; more; {
			var p []byte
			p, list, more = bytes.Cut(list, []byte{','})
			key, ok := bytes.CutPrefix(bytes.Trim(p, " \t"), []byte(protocolPrefix))
			if !ok {
				continue
			}
			x.Credentials.Protocol = true
			if c.keyOnly = false; !c.add(key) {
				return c, &noTwo
			}
		}
	}
	if len(c.value) > maxCredential {
		return c, &noLength
	}
	return c, nil
}

// add takes in what another place shows, and reports whether it agrees with what was there.
func (c *credential) add(v []byte) bool {
	switch {
	case len(v) == 0:
		return true
	case len(c.value) == 0:
		c.value = v
		return true
	}
	return subtle.ConstantTimeCompare(c.value, v) == 1
}

// bearer reads the credentials of an Authorization field (RFC 6750, 2.1): the scheme in any case, one blank, b64token.
// Bearer alone, and an empty field,
// carry nothing: it is what clients send that were given no key.
func bearer(field []byte) (token []byte, ok bool) {
	const scheme = "bearer"
	if len(field) == 0 {
		return nil, true
	}
	if len(field) < len(scheme) || !bytes.EqualFold(field[:len(scheme)], []byte(scheme)) {
		return nil, false
	}
	if token = field[len(scheme):]; len(token) == 0 {
		return nil, true
	}
	if token[0] != ' ' {
		return nil, false
	}
	token = bytes.TrimLeft(token, " ")
	for _, c := range token {
		if !isTokenByte[c] {
			return nil, false
		}
	}
	return token, true
}

// isTokenByte holds the bytes that a bearer token may have: b64token of RFC 6750, and what else RFC 9110 lets a token68
// or a visible field value hold but blanks, commas and quotes, since keys chosen by people have such bytes.
var isTokenByte = func() (set [256]bool) {
	for c := '!'; c <= '~'; c++ {
		set[c] = c != '"' && c != ',' && c != '\\'
	}
	return set
}()
