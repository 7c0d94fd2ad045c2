package auth

import (
	"crypto"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// noon is when the tests happen.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const (
	userKey = "blz_user-key"
	oldKey  = "blz_old-key"
	secret  = "0123456789abcdef0123456789abcdef"
)

// testConfig takes two keys and the tokens of one issuer.
func testConfig() Config {
	return Config{
		Required: true, APIKeyHeader: "x-api-key",
		APIKeys: []Key{
			{ID: "ci", Hash: sha256.Sum256([]byte(userKey)), Subject: "ci-bot", Roles: []string{"user"}, Tier: "free", Tenant: "acme"},
			{ID: "old", Hash: sha256.Sum256([]byte(oldKey)), Expires: Date(noon)},
		},
		JWT: []Issuer{{Issuer: "https://id.example", Audience: []string{"blaze"}, Secret: secret, Leeway: 30 * time.Second}},
	}
}

// env is an environment at noon whose events go to log.
func env(t testing.TB, files map[string]string, log *[]telemetry.Event) filters.Env {
	e := filterstest.Env(t, func() time.Time { return noon }, files)
	if log != nil {
		e.Events = func(ev telemetry.Event) { *log = append(*log, ev) }
	}
	return e
}

func build(t testing.TB, cfg Config, e filters.Env) *Filter {
	t.Helper()
	f, err := New(cfg, nil, e)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// exchange has the header fields of lines.
func exchange(lines ...string) *filters.Exchange {
	h := new(fasthttp.RequestHeader)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		h.Add(name, strings.TrimPrefix(value, " "))
	}
	return &filters.Exchange{ID: "test", Request: h, Identity: filters.Anonymous}
}

// verdict says in one word what came of x.
func verdict(f *Filter, x *filters.Exchange) string {
	v := f.Request(x)
	switch {
	case v.Failed():
		return "failed"
	case v.Denied():
		return v.Denial.Code + " " + v.Rule
	}
	return "pass " + x.Identity.Subject
}

func TestCredentials(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		filter := build(t, testConfig(), env(t, nil, nil))
		x := exchange(lines...)
		got := verdict(filter, x)
		if got != want {
			t.Errorf("%q: want %s; got %s", lines, want, got)
		}
		if !strings.HasPrefix(got, "pass") && x.Identity != filters.Anonymous {
			t.Errorf("%q: refused, and yet an identity", lines)
		}
	}
	good := mint(t, "HS256", []byte(secret), nil)
	const a, k, p = "Authorization: ", "X-Api-Key: ", "Sec-WebSocket-Protocol: "
	// None.
	f("missing_credentials missing")
	f("missing_credentials missing", a)
	f("missing_credentials missing", a+"Bearer")
	f("missing_credentials missing", a+"Bearer ")
	f("missing_credentials missing", k)
	f("missing_credentials missing", p+"realtime, openai-beta.realtime-v1")
	// A key, wherever it may be.
	f("pass ci-bot", a+"Bearer "+userKey)
	f("pass ci-bot", a+"bearer  "+userKey)
	f("pass ci-bot", k+userKey)
	f("pass ci-bot", p+"realtime, openai-insecure-api-key."+userKey+", openai-beta.realtime-v1")
	f("pass ci-bot", p+"realtime", p+"openai-insecure-api-key."+userKey)
	f("token_expired key.expired", a+"Bearer "+oldKey)
	f("invalid_api_key key.unknown", a+"Bearer "+userKey+"x")
	f("invalid_api_key key.unknown", a+"Bearer x")
	f("invalid_api_key key.unknown", k+userKey[1:])
	f("invalid_api_key key.unknown", p+"openai-insecure-api-key.x")
	// A token, not in the key's field.
	f("pass alice", a+"Bearer "+good)
	f("pass alice", p+"openai-insecure-api-key."+good)
	f("invalid_api_key key.unknown", k+good)
	f("invalid_token jwt.malformed", a+"Bearer a.b.c")
	f("invalid_token jwt.malformed", a+"Bearer eyJ")
	// Other schemes and forms.
	f("invalid_token authorization", a+"Basic dXNlcjpwYXNz")
	f("invalid_token authorization", a+userKey)
	f("invalid_token authorization", a+"Bearer\t"+userKey)
	f("invalid_token authorization", a+"Bearer "+userKey+", Bearer x")
	f("invalid_token authorization", a+"Bearer "+userKey+" x")
	f("invalid_token authorization", a+"BearerX "+userKey)
	// Two at once: only the same one twice, and never two Authorization fields.
	f("invalid_token authorization", a+"Bearer "+userKey, a+"Bearer "+userKey)
	f("pass ci-bot", a+"Bearer "+userKey, k+userKey)
	f("invalid_token two_credentials", a+"Bearer "+userKey, k+oldKey)
	f("invalid_token two_credentials", a+"Bearer "+good, k+userKey)
	f("invalid_token two_credentials", k+userKey, k+oldKey)
	f("invalid_token two_credentials", k+userKey, p+"openai-insecure-api-key.x")
	f("invalid_token two_credentials", p+"openai-insecure-api-key.x,openai-insecure-api-key.y")
	// Bounds.
	f("invalid_token too_long", a+"Bearer "+strings.Repeat("x", maxCredential+1))
	f("invalid_api_key key.unknown", a+"Bearer "+strings.Repeat("x", maxCredential))
}

func TestCredentialFields(t *testing.T) {
	f := func(want filters.CredentialFields, lines ...string) {
		t.Helper()
		x := exchange(lines...)
		build(t, testConfig(), env(t, nil, nil)).Request(x)
		if x.Credentials != want {
			t.Errorf("%q: want %+v; got %+v", lines, want, x.Credentials)
		}
	}
	f(filters.CredentialFields{})
	f(filters.CredentialFields{Authorization: true}, "Authorization: Bearer "+userKey)
	f(filters.CredentialFields{Authorization: true}, "Authorization: Bearer wrong")
	f(filters.CredentialFields{Authorization: true, Header: "x-api-key"}, "Authorization: Bearer "+userKey, "x-api-key: "+userKey)
	f(filters.CredentialFields{Protocol: true}, "Sec-WebSocket-Protocol: a, openai-insecure-api-key."+userKey)
	f(filters.CredentialFields{}, "Sec-WebSocket-Protocol: a")
}

func TestNotRequired(t *testing.T) {
	cfg := testConfig()
	cfg.Required = false
	filter := build(t, cfg, env(t, nil, nil))
	if got := verdict(filter, exchange()); got != "pass " {
		t.Errorf("a stranger: want pass; got %s", got)
	}
	if got := verdict(filter, exchange("Authorization: Bearer wrong")); got != "invalid_api_key key.unknown" {
		t.Errorf("wrong credentials are not none: got %s", got)
	}
}

func TestKinds(t *testing.T) {
	keysOnly, tokensOnly := testConfig(), testConfig()
	keysOnly.JWT, tokensOnly.APIKeys = nil, nil
	good := mint(t, "HS256", []byte(secret), nil)
	f := func(cfg Config, want, bearer string) {
		t.Helper()
		if got := verdict(build(t, cfg, env(t, nil, nil)), exchange("Authorization: Bearer "+bearer)); got != want {
			t.Errorf("want %s; got %s", want, got)
		}
	}
	f(keysOnly, "invalid_api_key key.unknown", good)
	f(keysOnly, "pass ci-bot", userKey)
	f(tokensOnly, "pass alice", good)
	f(tokensOnly, "invalid_token jwt.malformed", "anything")
	f(Config{Required: true}, "invalid_api_key key.unknown", good)
}

func TestIdentity(t *testing.T) {
	filter := build(t, testConfig(), env(t, nil, nil))
	x := exchange("x-api-key: " + userKey)
	filter.Request(x)
	id := x.Identity
	if id.Subject != "ci-bot" || id.Roles[0] != "user" || id.Tier != "free" || id.Tenant != "acme" || id.KeyID != "ci" || id.Method != "key" {
		t.Errorf("key: got %+v", id)
	}
	x = exchange("Authorization: Bearer " + mint(t, "HS256", []byte(secret), map[string]any{
		"roles": []any{"user", "ops"}, "tier": "gold", "tenant": "acme", "jti": "t1", "acr": "2", "amr": []any{"otp"}, "auth_time": noon.Unix() - 60}))
	filter.Request(x)
	id = x.Identity
	if id.Subject != "alice" || strings.Join(id.Roles, " ") != "user ops" || id.Tier != "gold" || id.Tenant != "acme" || id.KeyID != "" || id.Method != "jwt" ||
		id.Issuer != "https://id.example" || id.TokenID != "t1" || id.ACR != "2" || id.AMR[0] != "otp" || !id.AuthTime.Equal(noon.Add(-time.Minute)) || id.Claims["tier"] != "gold" {
		t.Errorf("token: got %+v", id)
	}
}

func TestAssume(t *testing.T) {
	filter := build(t, testConfig(), env(t, nil, nil))
	f := func(keyID, want string) {
		t.Helper()
		x := exchange()
		x.Dry, x.Assume = true, keyID
		if got := verdict(filter, x); got != want {
			t.Errorf("%s: want %s; got %s", keyID, want, got)
		}
	}
	f("ci", "pass ci-bot")
	f("old", "token_expired key.expired")
	f("nobody", "invalid_api_key key.unknown")
	f("", "missing_credentials missing")
}

func TestEvents(t *testing.T) {
	var log []telemetry.Event
	filter := build(t, testConfig(), env(t, nil, &log))
	filter.Request(exchange())
	filter.Request(exchange("x-api-key: " + userKey))
	dry := exchange("x-api-key: wrong")
	dry.Dry = true
	filter.Request(dry)
	if len(log) != 0 {
		t.Errorf("no failed login, and yet %+v", log)
	}
	filter.Request(exchange("x-api-key: canary-secret"))
	if len(log) != 1 || log[0].Kind != "login_failed" || log[0].Rule != "key.unknown" {
		t.Errorf("a failed login: got %+v", log)
	}
}

func TestConfigProblems(t *testing.T) {
	files := map[string]string{
		"keys.yaml": "- {id: a, hash: \"sha256:" + strings.Repeat("0", 63) + "1\", expires: 2027-01-31}\n- {id: a, hash: \"sha256:" + strings.Repeat("0", 63) + "2\"}\n",
		"odd.yaml":  "- {id: a, hsh: x}\n",
		"key.pem":   "nothing",
		"jwks.json": `{"keys":[]}`,
	}
	f := func(change func(*Config), want ...string) {
		t.Helper()
		cfg := Config{}
		change(&cfg)
		_, err := New(cfg, nil, env(t, files, nil))
		var got []string
		for _, p := range setting.Problems(err) {
			got = append(got, p.Error())
		}
		if len(got) != len(want) {
			t.Fatalf("want %d problems; got %q", len(want), got)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("want %s; got %s", want[i], got[i])
			}
		}
	}
	h := Hash(sha256.Sum256([]byte("x")))
	f(func(c *Config) { c.APIKeys = []Key{{}} }, "api_keys[0].id: want a name of at most 64", "api_keys[0].hash: want sha256: and 64 hexadecimal digits")
	f(func(c *Config) { c.APIKeys = []Key{{ID: "a", Hash: emptyKey}} }, "api_keys[0].hash: want the hash of a key; got the hash of nothing")
	f(func(c *Config) { c.APIKeys = []Key{{ID: "a", Hash: h}, {ID: "a", Hash: h}} }, "api_keys[1].id: want an id that no other key has", "api_keys[1].hash: want a hash that no other key has; got that of a")
	f(func(c *Config) { c.APIKeys = []Key{{ID: "a", Hash: h, Subject: "a\r\nb", Roles: []string{""}}} }, `api_keys[0].subject: want at most 256 bytes without control characters; got "a\r\nb"`, "api_keys[0].roles[0]: want a role's name")
	f(func(c *Config) { c.APIKeyFiles = []string{"keys.yaml", "odd.yaml", "none.yaml"} },
		"api_key_files[0][1].id: want an id that no other key has", "api_key_files[1]: want a YAML list of API keys", "api_key_files[2]: want a YAML list of API keys; got cannot read none.yaml")
	f(func(c *Config) { c.APIKeyHeader = "Authorization" }, "api_key_header: want a header field's name")
	f(func(c *Config) { c.APIKeyHeader = "x key" }, "api_key_header: want a header field's name")
	jwt := func(is Issuer) func(*Config) { return func(c *Config) { c.JWT = []Issuer{is} } }
	f(jwt(Issuer{}), "jwt[0]: want one of jwks, jwks_file, public_key, secret")
	f(jwt(Issuer{Secret: secret, PublicKey: "key.pem"}), "jwt[0]: want one of jwks, jwks_file, public_key, secret")
	f(jwt(Issuer{Secret: "short-and-canary"}), "jwt[0].secret: want at least 32 bytes for HS256 (RFC 7518, 3.2); got 16 bytes")
	f(jwt(Issuer{Secret: secret, Algorithms: []string{"HS512"}}), "jwt[0].secret: want at least 64 bytes")
	f(jwt(Issuer{Secret: secret, Algorithms: []string{"none"}}), "jwt[0].algorithms[0]: want one of HS256, ")
	f(jwt(Issuer{Secret: secret, Algorithms: []string{"hs256"}}), `did you mean "HS256"?`)
	f(jwt(Issuer{Secret: secret, Algorithms: []string{"HS256", "RS256"}}), "jwt[0].algorithms: want either HS algorithms or those of public keys")
	f(jwt(Issuer{Secret: secret, Algorithms: []string{"RS256"}}), "jwt[0].algorithms: want HS256, HS384 or HS512 with a secret")
	f(jwt(Issuer{PublicKey: "key.pem", Algorithms: []string{"HS256"}}), "jwt[0].algorithms: want algorithms of public keys")
	f(jwt(Issuer{PublicKey: "key.pem"}), "jwt[0].public_key: want a PEM file with a public key or certificate for RS256, ES256, EdDSA; got no PEM block")
	f(jwt(Issuer{JWKSFile: "jwks.json"}), "jwt[0].jwks_file: want a file with a JSON Web Key Set; got a key set without a usable key")
	f(jwt(Issuer{Secret: secret, Leeway: time.Hour, Claims: Claims{Roles: "a..b"}, Require: []string{"a[x]"}, Audience: []string{""}}),
		"jwt[0].claims.roles: want a claim path", "jwt[0].require[0]: want a claim path", "jwt[0].leeway: want a duration from 0s to 5m", "jwt[0].audience[0]: want a text")
	f(func(c *Config) { c.JWT = []Issuer{{Issuer: "a", Secret: secret}, {Issuer: "a", Secret: secret}} }, "jwt[1].issuer: want an issuer that no other entry has")
}

// TestReloadKeepsTokens: tokens that were verified stay so while nothing about their issuers changes, and not a reload
// longer.
func TestReloadKeepsTokens(t *testing.T) {
	keys := newKeys(t, "ES256")
	files := map[string]string{"jwks.json": keySetOf(t, map[string]crypto.Signer{"k": keys})}
	cfg := testConfig()
	cfg.JWT[0].Secret, cfg.JWT[0].JWKSFile, cfg.JWT[0].Algorithms = "", "jwks.json", []string{"ES256"}
	old := build(t, cfg, env(t, files, nil))
	tok := signed(t, "ES256", keys, map[string]any{"alg": "ES256", "kid": "k"}, goodClaims(nil))
	f := func(what, want string, kept bool) {
		t.Helper()
		again, err := New(cfg, old, env(t, files, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := again.cache == old.cache && again.cache != nil; got != kept {
			t.Errorf("%s: tokens kept: %v", what, got)
		}
		if got := verdict(again, withToken(tok)); got != want {
			t.Errorf("%s: want %s; got %s", what, want, got)
		}
	}
	if got := verdict(old, withToken(tok)); got != "pass alice" {
		t.Fatal(got)
	}
	f("nothing", "pass alice", true)
	cfg.APIKeys = nil
	f("a key", "pass alice", true)
	cfg.JWT[0].Audience = []string{"other"}
	f("the audience", "invalid_token jwt.audience", false)
	cfg.JWT[0].Audience = []string{"blaze"}
	files["jwks.json"] = keySetOf(t, map[string]crypto.Signer{"k": newKeys(t, "ES256")})
	f("the file", "invalid_token jwt.signature", false)
}

func TestAllocs(t *testing.T) {
	filter := build(t, testConfig(), env(t, nil, nil))
	f := func(what string, lines ...string) {
		t.Helper()
		x := exchange(lines...)
		if got := verdict(filter, x); !strings.HasPrefix(got, "pass") {
			t.Fatalf("%s: %s", what, got)
		}
		if n := testing.AllocsPerRun(200, func() { filter.Request(x); filter.Settle(x) }); n != 0 {
			t.Errorf("%s: want no allocation; got %v", what, n)
		}
	}
	f("API key", "Authorization: Bearer "+userKey)
	f("API key in its field", "x-api-key: "+userKey)
	cfg := testConfig()
	cfg.Sessions = Sessions{MaxConcurrent: 8, MaxAge: time.Hour}
	filter = build(t, cfg, env(t, nil, nil))
	if err := filter.Revoke(t.Context(), Revocation{Kind: RevokeKey, ID: "other"}); err != nil {
		t.Fatal(err)
	}
	f("API key with sessions and revocations", "Authorization: Bearer "+userKey)
	f("token seen before, with them", "Authorization: Bearer "+mint(t, "HS256", []byte(secret), map[string]any{"jti": "t1"}))
	filter = build(t, testConfig(), env(t, nil, nil))
	f("token seen before", "Authorization: Bearer "+mint(t, "HS256", []byte(secret), nil))
}
