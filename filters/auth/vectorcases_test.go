package auth

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/MicahParks/jwkset"
)

// This file makes testdata/jwt.json: every case with the verdict it must get. The keys are thrown away.

type forge struct {
	t    testing.TB
	keys map[string]crypto.Signer
	out  vectors
}

const longSecret = secret + secret // long enough for HS512

func writeVectors(t testing.TB) {
	f := &forge{t: t, keys: newForgeKeys(t)}
	f.out.Now = noon
	f.issuers()
	f.algorithmCases()
	f.headerCases()
	f.claimCases()
	f.identityCases()
	f.formCases()
	f.attackCases()
	text, err := json.MarshalIndent(f.out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func newForgeKeys(t testing.TB) map[string]crypto.Signer {
	keys := map[string]crypto.Signer{"other RSA": newKeys(t, "RS256"), "other EC": newKeys(t, "ES256")}
	for _, alg := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		keys[alg] = newKeys(t, alg)
	}
	return keys
}

func (f *forge) jwk(kid, alg string, more map[string]any) map[string]any {
	jwk, err := jwkset.NewJWKFromKey(f.keys[alg].Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
	if err != nil {
		f.t.Fatal(err)
	}
	text, _ := json.Marshal(jwk.Marshal())
	m := map[string]any{}
	_ = json.Unmarshal(text, &m)
	delete(m, "alg")
	maps.Copy(m, more)
	return m
}

func jwks(keys ...map[string]any) string {
	text, _ := json.Marshal(map[string]any{"keys": keys})
	return string(text)
}

func (f *forge) issuers() {
	der, _ := x509.MarshalPKIXPublicKey(f.keys["RS256"].Public())
	f.out.Files = map[string]string{
		"rsa.json":   jwks(f.jwk("rs", "RS256", nil)),
		"many.json":  jwks(f.jwk("p256", "ES256", nil), f.jwk("p384", "ES384", nil), f.jwk("p521", "ES512", nil), f.jwk("ed", "EdDSA", nil)),
		"bound.json": jwks(f.jwk("rs", "RS256", map[string]any{"alg": "RS256"}), f.jwk("enc", "other RSA", map[string]any{"use": "enc"})),
		"two.json":   jwks(f.jwk("a", "RS256", nil), f.jwk("b", "other RSA", nil)),
		"key.pem":    string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	}
	aud := []string{"blaze"}
	rsaAlgs := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	f.out.Issuers = []Issuer{
		{Issuer: "https://hs.example", Audience: aud, Secret: longSecret, Algorithms: []string{"HS256", "HS384", "HS512"}, Leeway: 30e9},
		{Issuer: "https://hs256.example", Audience: aud, Secret: longSecret, Leeway: 30e9},
		{Issuer: "https://rsa.example", Audience: aud, JWKSFile: "rsa.json", Algorithms: rsaAlgs, Leeway: 30e9},
		{Issuer: "https://many.example", Audience: aud, JWKSFile: "many.json", Algorithms: []string{"ES256", "ES384", "ES512", "EdDSA", "Ed25519"}, Leeway: 30e9},
		{Issuer: "https://bound.example", Audience: aud, JWKSFile: "bound.json", Algorithms: rsaAlgs, Leeway: 30e9},
		{Issuer: "https://two.example", Audience: aud, JWKSFile: "two.json", Leeway: 30e9},
		{Issuer: "https://pem.example", Audience: aud, PublicKey: "key.pem", Leeway: 30e9},
		{Issuer: "https://noaud.example", Secret: longSecret},
		{Issuer: "https://claims.example", Audience: []string{"blaze", "https://api.example"}, Secret: longSecret, Types: []string{"at+jwt"}, Require: []string{"jti", "org.id"},
			Claims: Claims{Subject: "user.id", Roles: "realm_access.roles", Tier: "https://app.example/tier", Tenant: "org.id"}},
		{Issuer: "https://arrays.example", Secret: longSecret, Claims: Claims{Subject: "ids[0]", Roles: "groups[*].name", Tenant: "orgs[1].id", Tier: `a\.b`}},
		{Secret: longSecret, Audience: aud},
	}
}

func (f *forge) add(name, want, token string) {
	f.out.Vectors = append(f.out.Vectors, vector{name, want, token})
}

// key is what signs alg here.
func (f *forge) key(alg string) any {
	switch {
	case alg[0] == 'H':
		return []byte(longSecret)
	case alg[:2] == "RS" || alg[:2] == "PS":
		return f.keys["RS256"]
	}
	return f.keys[alg]
}

// make signs a token of issuer with alg; header and claims are on top of the good ones, nil takes away.
func (f *forge) make(issuer, alg string, header, claims map[string]any) string {
	return f.makeWith(f.key(alg), issuer, alg, header, claims)
}

func (f *forge) makeWith(key any, issuer, alg string, header, claims map[string]any) string {
	h := map[string]any{"alg": alg, "typ": "JWT"}
	maps.Copy(h, header)
	maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
	c := map[string]any{"iss": "https://" + issuer + ".example"}
	maps.Copy(c, claims)
	return signed(f.t, alg, key, h, goodClaims(c))
}

// text signs header and claims of the HS256 issuer as they are.
func (f *forge) text(header, claims string) string {
	return signText(f.t, "HS256", []byte(longSecret), header, claims)
}

type object = map[string]any

const (
	bad    = "invalid_token "
	ok     = "pass alice"
	hsHead = `{"alg":"HS256"}`
	hsBody = `"iss":"https://hs.example","aud":"blaze","sub":"alice","exp":1795522200`
)

func (f *forge) algorithmCases() {
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		f.add("valid "+alg, ok, f.make("hs", alg, nil, nil))
		f.add(alg+" with another secret", bad+"jwt.signature", f.makeWith([]byte(strings.ToUpper(longSecret)), "hs", alg, nil, nil))
		f.add(alg+" where RSA is agreed", bad+"jwt.algorithm", f.make("rsa", alg, nil, nil))
	}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		f.add("valid "+alg, ok, f.make("rsa", alg, object{"kid": "rs"}, nil))
		f.add(alg+" with another key", bad+"jwt.signature", f.makeWith(f.keys["other RSA"], "rsa", alg, object{"kid": "rs"}, nil))
		f.add(alg+" where a secret is agreed", bad+"jwt.algorithm", f.make("hs", alg, nil, nil))
	}
	for kid, alg := range map[string]string{"p256": "ES256", "p384": "ES384", "p521": "ES512", "ed": "EdDSA"} {
		f.add("valid "+alg, ok, f.make("many", alg, object{"kid": kid}, nil))
		f.add("valid "+alg+" without a kid", ok, f.make("many", alg, nil, nil))
		f.add(alg+" with a kid of another kind", bad+"jwt.unknown_key", f.make("many", alg, object{"kid": "rs"}, nil))
	}
	f.add("valid Ed25519 by its new name", ok, f.make("many", "EdDSA", object{"alg": "Ed25519", "kid": "ed"}, nil))
	f.add("ES256 with another key", bad+"jwt.signature", f.makeWith(f.keys["other EC"], "many", "ES256", object{"kid": "p256"}, nil))
	f.add("ES256 that says ES384", bad+"jwt.unknown_key", f.make("many", "ES256", object{"alg": "ES384", "kid": "p256"}, nil))
	f.add("RS256 that says PS256", bad+"jwt.signature", f.make("rsa", "RS256", object{"alg": "PS256"}, nil))
	f.add("RS256 that says RS512", bad+"jwt.signature", f.make("rsa", "RS256", object{"alg": "RS512"}, nil))
	f.add("HS256 that says HS512", bad+"jwt.signature", f.make("hs", "HS256", object{"alg": "HS512"}, nil))
	f.add("HS512 where HS256 is agreed", bad+"jwt.algorithm", f.make("hs256", "HS512", nil, nil))
	f.add("valid RS256 by PEM, whatever its kid", ok, f.make("pem", "RS256", object{"kid": "anything"}, nil))
	f.add("PS256 by PEM, where RS256 is agreed", bad+"jwt.algorithm", f.make("pem", "PS256", nil, nil))
	f.add("valid RS256, the key's own alg", ok, f.make("bound", "RS256", object{"kid": "rs"}, nil))
	f.add("PS256 with a key whose alg is RS256", bad+"jwt.unknown_key", f.make("bound", "PS256", object{"kid": "rs"}, nil))
	f.add("RS256 with a key for encryption", bad+"jwt.unknown_key", f.makeWith(f.keys["other RSA"], "bound", "RS256", object{"kid": "enc"}, nil))
	f.add("valid, first of two keys", ok, f.make("two", "RS256", object{"kid": "a"}, nil))
	f.add("valid, second of two keys", ok, f.makeWith(f.keys["other RSA"], "two", "RS256", object{"kid": "b"}, nil))
	f.add("two keys and no kid", bad+"jwt.unknown_key", f.make("two", "RS256", nil, nil))
	f.add("two keys and the wrong one", bad+"jwt.signature", f.make("two", "RS256", object{"kid": "b"}, nil))
	f.add("two keys and an unknown kid", bad+"jwt.unknown_key", f.make("two", "RS256", object{"kid": "c"}, nil))
}

func (f *forge) headerCases() {
	hs := func(name, want string, header object) { f.add(name, want, f.make("hs", "HS256", header, nil)) }
	hs("valid without typ", ok, object{"typ": nil})
	hs("valid typ at+jwt", ok, object{"typ": "at+jwt"})
	hs("valid typ in other case", ok, object{"typ": "jwt"})
	hs("valid typ as a media type", ok, object{"typ": "application/at+jwt"})
	hs("typ of a logout token", bad+"jwt.header", object{"typ": "logout+jwt"})
	hs("typ of a DPoP proof", bad+"jwt.header", object{"typ": "dpop+jwt"})
	hs("typ is a number", bad+"jwt.header", object{"typ": 1})
	hs("typ is empty", bad+"jwt.header", object{"typ": ""})
	hs("kid is a number", bad+"jwt.header", object{"kid": 1})
	hs("kid is an array", bad+"jwt.header", object{"kid": []any{"a"}})
	hs("kid is empty", bad+"jwt.header", object{"kid": ""})
	hs("kid is long", bad+"jwt.header", object{"kid": strings.Repeat("k", 257)})
	hs("valid kid that walks a path", ok, object{"kid": "../../../dev/null"}) // there is one secret; the kid names nothing
	hs("kid with SQL", ok, object{"kid": "x' UNION SELECT 'secret"})
	hs("crit", bad+"jwt.header", object{"crit": []any{"exp"}})
	hs("crit of what is not there", bad+"jwt.header", object{"crit": []any{"bork"}, "bork": true})
	hs("crit is empty", bad+"jwt.header", object{"crit": []any{}})
	hs("crit is null", bad+"jwt.header", object{"crit": json.RawMessage("null")})
	hs("b64", bad+"jwt.header", object{"b64": false, "crit": []any{"b64"}})
	hs("b64 that changes nothing", bad+"jwt.header", object{"b64": true})
	hs("zip", bad+"jwt.header", object{"zip": "DEF"})
	hs("enc", bad+"jwt.header", object{"enc": "A256GCM"})
	hs("valid with cty", ok, object{"cty": "json"})
	hs("valid with members nobody knows", ok, object{"x": object{"y": []any{1, 2}}})
	hs("alg in lower case", bad+"jwt.algorithm", object{"alg": "hs256"})
	hs("alg with blanks", bad+"jwt.algorithm", object{"alg": "HS256 "})
	hs("alg is unknown", bad+"jwt.algorithm", object{"alg": "ES256K"})
	hs("alg is empty", bad+"jwt.header", object{"alg": ""})
	hs("alg is a number", bad+"jwt.header", object{"alg": 256})
	hs("alg is an array", bad+"jwt.header", object{"alg": []any{"HS256"}})
	hs("alg is null", bad+"jwt.header", object{"alg": json.RawMessage("null")})
	hs("no alg", bad+"jwt.algorithm", object{"alg": nil})
	f.add("alg twice", bad+"jwt.malformed", f.text(`{"alg":"HS256","alg":"HS256"}`, "{"+hsBody+"}"))
	f.add("alg twice, once escaped", bad+"jwt.malformed", f.text(`{"alg":"HS256","\u0061lg":"none"}`, "{"+hsBody+"}"))
	f.add("alg once more in capitals", ok, f.text(`{"alg":"HS256","ALG":"none"}`, "{"+hsBody+"}"))
	f.add("alg only in capitals", bad+"jwt.algorithm", f.text(`{"ALG":"HS256"}`, "{"+hsBody+"}"))
}

func (f *forge) claimCases() {
	hs := func(name, want string, claims object) { f.add(name, want, f.make("hs", "HS256", nil, claims)) }
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	at := noon.Unix()
	hs("expired", "token_expired jwt.expired", object{"exp": at - 31})
	hs("expired this second", "token_expired jwt.expired", object{"exp": at - 30})
	hs("valid for one second by leeway", ok, object{"exp": at - 29})
	hs("no exp", bad+"jwt.time", object{"exp": nil})
	hs("exp is null", bad+"jwt.time", object{"exp": raw("null")})
	hs("exp is a string", bad+"jwt.time", object{"exp": "1795522200"})
	hs("exp is an array", bad+"jwt.time", object{"exp": []any{at + 600}})
	hs("exp is true", bad+"jwt.time", object{"exp": true})
	hs("exp is zero", "token_expired jwt.expired", object{"exp": 0})
	hs("exp is negative", bad+"jwt.time", object{"exp": -1})
	hs("exp beyond time", bad+"jwt.time", object{"exp": raw("1e300")})
	hs("exp beyond numbers", bad+"jwt.malformed", object{"exp": raw("1e999")})
	hs("valid exp with a fraction", ok, object{"exp": float64(at) + 0.5})
	hs("valid exp with an exponent", ok, object{"exp": raw("1.7955222e9")})
	hs("exp in capitals", bad+"jwt.time", object{"exp": nil, "EXP": at + 600})
	hs("exp, and another in capitals", "token_expired jwt.expired", object{"exp": at - 600, "Exp": at + 600})
	hs("valid nbf this second", ok, object{"nbf": at})
	hs("valid nbf by leeway", ok, object{"nbf": at + 30})
	hs("nbf to come", bad+"jwt.not_yet", object{"nbf": at + 31})
	hs("nbf is a string", bad+"jwt.time", object{"nbf": "0"})
	hs("iat to come", bad+"jwt.not_yet", object{"iat": at + 31})
	hs("iat is a string", bad+"jwt.time", object{"iat": "0"})
	hs("valid without iat", ok, object{"iat": nil})
	hs("auth_time to come", bad+"jwt.not_yet", object{"auth_time": at + 31})
	hs("auth_time is a string", bad+"jwt.time", object{"auth_time": "yesterday"})
	hs("iss of nobody, good secret", ok, object{"iss": "https://nobody.example"}) // the entry without an issuer
	hs("iss of another entry", bad+"jwt.algorithm", object{"iss": "https://rsa.example"})
	hs("iss with a slash, another issuer", ok, object{"iss": "https://hs.example/"})
	hs("iss is a number", bad+"jwt.issuer", object{"iss": 1})
	hs("iss is an array", bad+"jwt.issuer", object{"iss": []any{"https://hs.example"}})
	hs("iss is null", bad+"jwt.issuer", object{"iss": raw("null")})
	hs("iss with a line end", bad+"jwt.issuer", object{"iss": "https://a\nb"})
	hs("valid without iss, by the entry without an issuer", ok, object{"iss": nil})
	hs("no aud", bad+"jwt.audience", object{"aud": nil})
	hs("aud of another", bad+"jwt.audience", object{"aud": "other"})
	hs("aud in other case", bad+"jwt.audience", object{"aud": "Blaze"})
	hs("aud with our prefix", bad+"jwt.audience", object{"aud": "blaze2"})
	hs("valid aud among others", ok, object{"aud": []any{"other", "blaze"}})
	hs("aud array without us", bad+"jwt.audience", object{"aud": []any{"a", "b"}})
	hs("aud array is empty", bad+"jwt.audience", object{"aud": []any{}})
	hs("aud array with a number", bad+"jwt.audience", object{"aud": []any{"blaze", 1}})
	hs("aud is a number", bad+"jwt.audience", object{"aud": 1})
	hs("aud is an object", bad+"jwt.audience", object{"aud": object{"blaze": true}})
	hs("aud is null", bad+"jwt.audience", object{"aud": raw("null")})
	f.add("valid without aud, where none is agreed", ok, f.make("noaud", "HS256", nil, object{"aud": nil}))
	f.add("aud where none is agreed", bad+"jwt.audience", f.make("noaud", "HS256", nil, nil))
	f.add("exp to the second without leeway", "token_expired jwt.expired", f.make("noaud", "HS256", nil, object{"aud": nil, "exp": at}))
	f.add("exp twice", bad+"jwt.malformed", f.text(hsHead, "{"+hsBody+`,"exp":1}`))
	f.add("sub twice", bad+"jwt.malformed", f.text(hsHead, "{"+hsBody+`,"sub":"admin"}`))
	f.add("sub twice, once escaped", bad+"jwt.malformed", f.text(hsHead, "{"+hsBody+`,"s\u0075b":"admin"}`))
	f.add("a member twice, deep down", bad+"jwt.malformed", f.text(hsHead, "{"+hsBody+`,"a":[{"b":1,"b":2}]}`))
}

func (f *forge) identityCases() {
	hs := func(name, want string, claims object) { f.add(name, want, f.make("hs", "HS256", nil, claims)) }
	no := bad + "jwt.identity"
	hs("valid with roles, tier and tenant", ok+" user+ops gold acme", object{"roles": []any{"user", "ops"}, "tier": "gold", "tenant": "acme"})
	hs("valid roles as one string", ok+" user+ops", object{"roles": " user  ops "})
	hs("valid without roles", ok, object{"roles": []any{}})
	hs("no sub", no, object{"sub": nil})
	hs("sub is empty", no, object{"sub": ""})
	hs("sub is a number", no, object{"sub": 7})
	hs("sub is an array", no, object{"sub": []any{"alice"}})
	hs("sub is null", no, object{"sub": json.RawMessage("null")})
	hs("sub with a line end", no, object{"sub": "alice\r\nx-admin: 1"})
	hs("sub with NUL", no, object{"sub": "alice\x00"})
	hs("sub is long", no, object{"sub": strings.Repeat("a", 257)})
	hs("roles are numbers", no, object{"roles": []any{1}})
	hs("roles are an object", no, object{"roles": object{"admin": true}})
	hs("roles are nested", no, object{"roles": []any{[]any{"admin"}}})
	hs("a role with a line end", no, object{"roles": []any{"a\nb"}})
	hs("a role is empty", no, object{"roles": []any{""}})
	hs("too many roles", no, object{"roles": strings.Repeat("r ", 257)})
	hs("tier is a number", no, object{"tier": 1})
	hs("tenant is an array", no, object{"tenant": []any{"acme"}})
	hs("jti is a number", no, object{"jti": 5})
	hs("amr is a number", no, object{"amr": 5})
	hs("Sub and Roles in capitals count for nothing", ok, object{"SUB": "admin", "Roles": []any{"admin"}, "TIER": "gold"})
	good := object{"jti": "1", "org": object{"id": "acme"}, "user": object{"id": "u7"}, "realm_access": object{"roles": []any{"user"}}, "https://app.example/tier": "gold", "aud": "https://api.example"}
	claims := func(name, want string, change object) {
		c := maps.Clone(good)
		maps.Copy(c, change)
		f.add(name, want, f.make("claims", "HS256", object{"typ": "at+jwt"}, c))
	}
	claims("valid by paths", "pass u7 user gold acme", nil)
	claims("a required claim is missing", bad+"jwt.claims", object{"jti": nil})
	claims("a required path is missing", bad+"jwt.claims", object{"org": object{}})
	claims("a path through a string", bad+"jwt.claims", object{"org": "acme"})
	claims("a path's name at the top", no, object{"user": nil, "user.id": "root"})
	claims("roles at the top are not those", "pass u7  gold acme", object{"realm_access": nil, "roles": []any{"admin"}})
	f.add("typ JWT where at+jwt is agreed", bad+"jwt.header", f.make("claims", "HS256", nil, good))
	arrays := func(name, want string, c object) {
		c["aud"], c["sub"] = nil, nil
		f.add(name, want, f.make("arrays", "HS256", nil, c))
	}
	arrays("valid by arrays", "pass u1 a+b x t2", object{"ids": []any{"u1", "u2"}, "groups": []any{object{"name": "a"}, object{"name": "b"}, object{"id": 3}}, "orgs": []any{object{"id": "t1"}, object{"id": "t2"}}, "a.b": "x"})
	arrays("arrays that are short", "pass u1", object{"ids": []any{"u1"}, "orgs": []any{object{"id": "t1"}}})
	arrays("an array that is an object", no, object{"ids": object{"0": "u1"}})
	arrays("an array that is empty", no, object{"ids": []any{}})
}
