package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blaze/policy"
)

// TestWarnings: each of these is legal and hardly meant, and said so at its place.
func TestWarnings(t *testing.T) {
	f := func(text string, wants ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "p.yaml")
		write(t, path, "version: 1\n"+text)
		r := policy.Check(options(path))
		for _, p := range r.Problems {
			t.Error(p)
		}
		var got []string
		for _, w := range r.Warnings {
			if !w.Warning {
				t.Errorf("a warning that is a problem: %v", w)
			}
			got = append(got, strings.TrimPrefix(w.Error(), filepath.Dir(path)+"/"))
		}
		if strings.Join(got, "\n") != strings.Join(wants, "\n") {
			t.Errorf("%s\ngot  %q\nwant %q", text, got, wants)
		}
	}
	hash := `hash: "sha256:` + userHash + `"`
	f(`proxy: {max_body: 16}`, `p.yaml:2:9: warning: proxy.max_body: want room for a request, such as 16MiB; got 16B`)
	f(`proxy: {trusted_proxies: [0.0.0.0/0]}`,
		`p.yaml:2:27: warning: proxy.trusted_proxies[0]: want the networks of your own proxies; got "0.0.0.0/0", which lets every caller choose its own address`)
	f(`upstreams: {model: {targets: [{url: "http://127.0.0.1:1"}], headers: {set: {authorization: "Bearer letmein"}}}}`,
		`p.yaml:2:77: warning: upstreams.model.headers.set.authorization: want a secret by ${env:NAME} or ${file:/path}; got it in clear`)
	f(`telemetry: {tracing: {otlp: "http://127.0.0.1:1", headers: {x-key: "k ${OTLP_KEY}", x-as-is: "$${OTLP_KEY}"}}}`,
		`p.yaml:2:61: warning: telemetry.tracing.headers.x-key: want a value as it is meant, or $${OTLP_KEY} for the letters themselves; got a name that nothing fills in; did you mean "${env:OTLP_KEY}"?`)
	f(`upstreams: {model: {targets: [{url: "http://127.0.0.1:1"}], cache: {ttl: 1m}}}`,
		`p.yaml:2:61: warning: upstreams.model.cache: want an auth section, which tells callers apart; got none, so that whoever asks the same gets the same kept answer`)
	f(`filters: {auth: {api_keys: [{id: ci, `+hash+`, roles: [usr]}]}, authz: {roles: {user: {routes: [inference]}}}}`,
		`p.yaml:2:127: warning: filters.auth.api_keys[0].roles[0]: want a role of filters.authz.roles; got "usr"; did you mean "user"?`)
	f(`filters: {auth: {api_keys: [{id: ci, `+hash+`, roles: [user], expires: 2020-01-31}]}, authz: {roles: {user: {routes: [inference]}}}}`,
		`p.yaml:2:134: warning: filters.auth.api_keys[0].expires: want a day that is still to come; got one that is over`)
	f(`upstreams: {model: {engine: ollama, targets: [{url: "http://127.0.0.1:1"}]}}
filters: {auth: {api_keys: [{id: ci, `+hash+`, roles: [user]}]}, authz: {roles: {user: {routes: [inference, chat.completions, rerank, ollama.*, GET /api/tags]}}}}`,
		`p.yaml:3:198: warning: filters.authz.roles.user.routes[2]: want a route of ollama; got "rerank", so that the entry allows nothing`,
		`p.yaml:3:206: warning: filters.authz.roles.user.routes[3]: want a route of ollama; got "ollama.*", so that the entry allows nothing`)
	f(`filters: {auth: {required: false}}`,
		`p.yaml:2:18: warning: filters.auth.required: want true, or an authz section; got false, so that every stranger is served`)
	f(`filters: {auth: {}}`,
		`p.yaml:2:11: warning: filters.auth: want jwt, api_keys or api_key_files; got none of them, so that everybody is refused`)
	f(`filters: {access: {on_error: open, deny: [192.0.2.9]}}`,
		`p.yaml:2:20: warning: filters.access.on_error: want closed, since open lets everybody in when access cannot decide; got open`)
	f(`filters: {ratelimit: {limits: [{name: a, by: user, limit: 5, per: 1m}]}}`,
		`p.yaml:2:42: warning: filters.ratelimit.limits[0].by: want an auth section, which says who a user is; got none, so that everybody without one shares an account by address`)
	f(`filters: {ratelimit: {limits: [{name: a, by: ip, limit: 5, per: 1m}, {name: b, by: ip, limit: 50, per: 1m}]}}`,
		`p.yaml:2:70: warning: filters.ratelimit.limits[1]: want a limit that can bite; got "b", while "a" always bites first`)
	f(`filters: {ratelimit: {limits: [{name: a, by: global, limit: 5, per: 1m}, {name: b, by: ip, limit: 50, per: 1m}]}}`,
		`p.yaml:2:74: warning: filters.ratelimit.limits[1]: want a limit that can bite; got "b", while "a" always bites first`)
	f(`filters: {ratelimit: {limits: [{name: a, by: ip, limit: 5, per: 1s}, {name: b, by: ip, limit: 100, per: 1m}]}}`) // bites after twenty seconds
	f("routes:\n  - {name: all, path: /v1/*, upstream: model}\n  - {name: chat, path: /v1/chat/completions, methods: [POST], upstream: model}",
		`p.yaml:4:5: warning: routes[1]: want a route that some request reaches; got all of its requests go to routes[0] (all)`)
	f("routes:\n  - {name: some, path: /v1/*, models: [a-*], upstream: model}\n  - {name: rest, path: /v1/*, upstream: model}")
	f("routes:\n  - {name: some, path: /v1/*, models: [a-*], upstream: model}\n  - {name: more, path: /v1/chat/completions, models: [a-b*], upstream: model}",
		`p.yaml:4:5: warning: routes[1]: want a route that some request reaches; got all of its requests go to routes[0] (some)`)
	f("routes:\n  - {name: typo, path: /v1/chat/completion, upstream: model}\n  - {name: rest, path: \"*\", upstream: model}",
		`p.yaml:3:18: warning: routes[0].path: want a path of the engine openai; got "/v1/chat/completion"`)
}

// TestWarningsOfWhatNobodyReaches: rules that an earlier or a wider one takes everything from.
func TestWarningsOfWhatNobodyReaches(t *testing.T) {
	f := func(text string, wants ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "p.yaml")
		write(t, path, "version: 1\n"+text)
		r := policy.Check(options(path))
		if r.Bad() || len(r.Warnings) != len(wants) {
			t.Fatalf("%s\ngot %v %v", text, r.Problems, r.Warnings)
		}
		for i, w := range r.Warnings {
			if !strings.Contains(w.Error(), wants[i]) {
				t.Errorf("%s\ngot  %s\nwant %s", text, w.Error(), wants[i])
			}
		}
	}
	f(`filters: {access: {allow: [10.0.0.0/8, 192.0.2.1], deny: [192.0.2.0/24, 10.1.0.0/16]}}`,
		`filters.access.allow[1]: want an address that may ask; got "192.0.2.1", which deny[0] (192.0.2.0/24) refuses`)
	f(`filters: {access: {allow: ["2001:db8::/32"], deny: ["2001::/16"]}}`, `filters.access.allow[0]: want an address that may ask`)
	keys := `auth: {api_keys: [{id: ci, hash: "sha256:` + userHash + `", roles: [user], tier: gold, tenant: acme}]}, authz: {roles: {user: {routes: [inference]}}}`
	limit := func(scope string) string {
		return "filters: {" + keys + ", ratelimit: {limits: [{name: a, by: user, limit: 5, per: 1m, for: {" + scope + "}}]}}"
	}
	f(limit("roles: [user], tiers: [gold], tenants: [acme]"))
	f(limit("roles: [usr]"), `limits[0].for.roles[0]: want a role of filters.authz.roles; got "usr", so that the limit never bites; did you mean "user"?`)
	f(limit("tiers: [gold, free]"), `limits[0].for.tiers[1]: want a tier that some key has; got "free"`)
	f(limit("tenants: [acne]"), `limits[0].for.tenants[0]: want a tenant that some key has; got "acne", so that the limit never bites; did you mean "acme"?`)
	f("upstreams:\n  a: {targets: [{url: \"http://127.0.0.1:1\"}], fallback: [{status: 200}, b]}\n  b: {targets: [{url: \"http://127.0.0.1:2\"}]}\nroutes: [{name: all, path: \"*\", upstream: a}]",
		`upstreams.a.fallback[1]: want a fallback that is asked; got one after a fixed answer, which always answers`)
}

func TestWarnAdmin(t *testing.T) {
	f := func(addr string, secured, encrypted bool, want string) {
		t.Helper()
		p, ok := policy.WarnAdmin(addr, secured, encrypted)
		if ok != (want != "") || !strings.Contains(p.Error(), want) {
			t.Errorf("%s: got %v", addr, p)
		}
	}
	f("", false, false, "")
	f("127.0.0.1:9000", false, false, "")
	f("[::1]:9000", false, false, "")
	f("localhost:9000", false, false, "")
	f(":9000", false, false, `--admin: warning: want a loopback address, or --admin-token-file or --admin-client-ca; got ":9000"`)
	f("0.0.0.0:9000", true, false, "the token goes over the network in clear")
	f("[::]:9000", true, true, "")
	f("10.0.0.1:9000", false, true, "want a loopback address")
}

// TestReport: what people and what machines read of one check.
func TestReport(t *testing.T) {
	t.Chdir("../testdata/policy/bad")
	r := policy.Check(options("many-problems.yaml"))
	var text, js bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&js); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(text.String(), "7 problems, 0 warnings; tests: 0 passed, 0 failed\n") {
		t.Errorf("got %s", text.String())
	}
	var got struct {
		OK       bool
		Findings []struct {
			File, Severity, Path, Want, Got, Hint, Message string
			Line, Column                                   int
		}
		Tests []any
		Files []string
	}
	if err := json.Unmarshal(js.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.OK || len(got.Findings) != 7 || got.Tests == nil {
		t.Fatalf("got %s", js.String())
	}
	if f := got.Findings[3]; f.File != "many-problems.yaml" || f.Line != 6 || f.Column != 3 || f.Severity != "error" ||
		f.Path != "proxy.tursted_proxies" || f.Hint != `did you mean "trusted_proxies"?` || !strings.HasPrefix(f.Message, "many-problems.yaml:6:3: ") {
		t.Errorf("got %+v", f)
	}
	t.Chdir("../good")
	text.Reset()
	if err := policy.Check(options("access.yaml")).WriteText(&text); err != nil || text.String() != "ok: 1 file, 0 warnings; tests: 4 passed\n" {
		t.Errorf("got %q, %v", text.String(), err)
	}
}

// TestSecretsStayHidden puts the same secret in every place that takes one, wrong in its own way each time, and looks for it
// in everything that is said.
func TestSecretsStayHidden(t *testing.T) {
	const secret = "s3cret-0123456789-abcdefghijklmnop"
	n := 0
	f := func(text string) {
		t.Helper()
		for _, how := range []string{secret, "${env:THE_SECRET}", "${file:the-secret}"} {
			n++
			dir := t.TempDir()
			write(t, filepath.Join(dir, "the-secret"), secret+"\n")
			path := filepath.Join(dir, "policy.yaml")
			write(t, path, "version: 1\n"+strings.ReplaceAll(text, "SECRET", how))
			o := options(path)
			o.Env = func(name string) (string, bool) { return secret, name == "THE_SECRET" }
			r := policy.Check(o)
			var out bytes.Buffer
			if err := r.WriteJSON(&out); err != nil {
				t.Fatal(err)
			}
			if err := r.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			if s, err := policy.Open(o); err == nil {
				b, err := json.Marshal(s.View())
				if err != nil {
					t.Fatal(err)
				}
				out.Write(b)
			}
			if strings.Contains(out.String(), secret) || strings.Contains(out.String(), secret[:16]) {
				t.Errorf("%s shows its secret:\n%s", text, out.String())
			}
		}
	}
	f(`filters: {auth: {api_keys: [{id: ci, hash: "SECRET"}]}}`)
	f(`filters: {auth: {api_keys: [{id: ci, hash: "sha256:` + userHash + `", totp: "SECRET"}]}}`)
	f(`filters: {auth: {jwt: [{issuer: a, audience: [b], secret: "SECRET", algorithms: [HS256]}]}}`)
	f(`filters: {auth: {jwt: [{issuer: a, audience: [b], secret: "SECRET", algorithms: [HS512]}]}}`)
	f(`filters: {auth: {jwt: [{issuer: a, audience: [b], secret: "SECRET", leeway: 5}]}}`)
	f(`filters: {ratelimit: {store: {redis: {addresses: ["127.0.0.1:1"], password: "SECRET"}}, limits: []}}`)
	f(`filters: {ratelimit: {store: {redis: {password: "SECRET"}}, limits: []}}`)
	f(`upstreams: {model: {targets: [{url: "http://127.0.0.1:1"}], headers: {set: {authorization: "Bearer SECRET"}}}}`)
	f(`upstreams: {model: {targets: [{url: "http://127.0.0.1:1"}], headers: {set: {x-api-key: ["SECRET"]}}}}`)
	f(`upstreams: {model: {targets: [{url: "http://user:SECRET@127.0.0.1:1"}]}}`)
	f(`telemetry: {alert_webhooks: ["https://hooks.example/SECRET"]}`)
	f(`telemetry: {alert_webhooks: "https://hooks.example/SECRET"}`)
	f(`telemetry: {audit: {path: a.jsonl, key: "SECRET", record: some}}`)
	if n != 39 {
		t.Errorf("%d cases ran", n)
	}
}

// FuzzCompile: no bytes panic, hang, or get a policy without places in its problems.
func FuzzCompile(f *testing.F) {
	n := 0
	for _, dir := range []string{"../testdata/policy/bad", "../testdata/policy/good", "examples"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
			n++
		}
	}
	if n < 150 {
		f.Fatalf("%d seeds", n)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		began := time.Now()
		o := options("")
		o.Source = text
		r := policy.Check(o)
		for _, p := range r.Problems {
			if p.Pos.File == "" || p.Want == "" || p.Got == "" {
				t.Fatalf("a problem without place, want or got: %+v", p)
			}
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Fatalf("took %v", d)
		}
	})
}

// TestHuge: size, nesting and numbers are bounded, and say so.
func TestHuge(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		o := options("")
		o.Source = []byte(text)
		r := policy.Check(o)
		if len(r.Problems) == 0 || !strings.Contains(r.Problems.Error(), want) {
			t.Errorf("%s: got %.300v, want %s", name, r.Problems, want)
		}
	}
	f("17 MiB", "version: 1\n#"+strings.Repeat("x", 17<<20), "at most 16 MiB")
	f("deep", "version: 1\nproxy: "+strings.Repeat("{a: ", 100)+strings.Repeat("}", 100), "at most 48 levels")
	f("numbers", "version: 1\nproxy: {max_fields: 1"+strings.Repeat("0", 1000)+"}", "want a whole number")
	f("sizes", "version: 1\nproxy: {max_body: 9999999999TiB}", "want a size")
	f("durations", "version: 1\nproxy: {timeout: 999999999999h}", "want a duration")
	routes := "version: 1\nroutes:\n"
	for i := range 3000 {
		routes += fmt.Sprintf("  - {name: r%d, path: /%d, upstream: nowhere%d}\n", i, i, i)
	}
	f("thousands of problems", routes, "routes[2999].upstream")
}
