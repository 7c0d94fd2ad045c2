package authz

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func build(t testing.TB, cfg Config) *Filter {
	t.Helper()
	f, err := New(cfg, nil, filterstest.Env(t, func() time.Time { return noon }, nil))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func contract() Config {
	return Config{
		Roles: map[string]Role{
			"user":     {Routes: []string{"inference"}, Models: []string{"llama-*"}},
			"operator": {Routes: []string{"inference", "utility", "admin"}, Models: []string{"*"}, MFA: &MFA{Within: 15 * time.Minute}},
			"lister":   {Routes: []string{"GET /v1/models*"}},
			"named":    {Routes: []string{"chat.completions", "embeddings"}, Methods: []string{"POST"}},
			"guest":    {Routes: []string{"GET /v1/models"}},
			"all":      {Routes: []string{"*"}},
		},
		Anonymous: []string{"guest"},
	}
}

// ask runs the head and the body, as the chain does, and says in one word what came of it.
func ask(f *Filter, x *filters.Exchange) string {
	for _, judge := range []func(*filters.Exchange) filters.Verdict{f.Request, f.Body} {
		if v := judge(x); !v.Passed() {
			return v.Denial.Code + " " + v.Rule
		}
	}
	return "pass"
}

func as(x *filters.Exchange, roles string) *filters.Exchange {
	if roles != "" {
		x.Identity = &filters.Identity{Subject: "s", Roles: strings.Fields(roles), Method: "jwt"}
	}
	return x
}

func TestRequest(t *testing.T) {
	filter := build(t, contract())
	f := func(roles, request, want string) {
		t.Helper()
		if got := ask(filter, as(filterstest.New(t, request), roles)); got != want {
			t.Errorf("%s: %s: want %s; got %s", roles, strings.SplitN(request, "\n", 2)[0], want, got)
		}
	}
	chat := func(model string) string {
		return "POST /v1/chat/completions\n\n" + fmt.Sprintf(`{"model":%q,"messages":[]}`, model)
	}
	// Routes that do not exist do not exist for anybody.
	f("all", "POST /nowhere", "unknown_route route")
	f("", "POST /nowhere", "unknown_route route")
	f("all", "DELETE /v1/chat/completions", "method_not_allowed method")
	// Classes.
	f("user", chat("llama-3"), "pass")
	f("user", "GET /v1/models", "insufficient_permissions utility")
	f("user", "POST /sleep", "insufficient_permissions admin")
	f("user", "GET /metrics", "insufficient_permissions metrics")
	f("user", "GET /health", "insufficient_permissions health")
	f("all", "GET /metrics", "pass")
	f("all", "POST /sleep", "pass")
	// Routes by name and by path.
	f("named", chat("any"), "pass")
	f("named", "POST /v1/completions\n\n{\"model\":\"m\"}", "insufficient_permissions inference")
	f("lister", "GET /v1/models", "pass")
	f("lister", "HEAD /v1/models", "pass")
	f("lister", chat("llama-3"), "insufficient_permissions inference")
	// Roles add up; unknown ones add nothing.
	f("lister user", "GET /v1/models", "pass")
	f("lister user", chat("llama-3"), "pass")
	f("stranger", chat("llama-3"), "insufficient_permissions inference")
	f("User USER user2", chat("llama-3"), "insufficient_permissions inference")
	// A caller without credentials has the anonymous roles, and is asked for some where they do not reach.
	f("", "GET /v1/models", "pass")
	f("", chat("llama-3"), "missing_credentials anonymous")
	// An identity without roles is no stranger.
	x := filterstest.New(t, "GET /v1/models")
	x.Identity = &filters.Identity{Subject: "s"}
	if got := ask(filter, x); got != "insufficient_permissions utility" {
		t.Errorf("no roles: got %s", got)
	}
}

func TestModels(t *testing.T) {
	filter := build(t, contract())
	f := func(engineName, roles, request, want string) {
		t.Helper()
		if got := ask(filter, as(filterstest.NewFor(t, engineName, request), roles)); got != want {
			t.Errorf("%s: %s: want %s; got %s", roles, request, want, got)
		}
	}
	const chat = "POST /v1/chat/completions\n\n"
	f("vllm", "user", chat+`{"model":"llama-3","messages":[]}`, "pass")
	f("vllm", "user", chat+`{"model":"gpt-oss","messages":[]}`, "model_not_allowed model")
	f("vllm", "user", chat+`{"model":"Llama-3","messages":[]}`, "model_not_allowed model")
	f("vllm", "user", chat+`{"model":"xllama-3","messages":[]}`, "model_not_allowed model")
	f("vllm", "user", chat+`{"model":"\u006clama-3","messages":[]}`, "pass")
	f("vllm", "user", chat+`{"model":"\u0067pt-oss","messages":[]}`, "model_not_allowed model")
	// Without a name the engine takes its default, which may be any.
	f("vllm", "user", chat+`{"messages":[]}`, "model_not_allowed model")
	f("vllm", "user", chat+`{"model":"","messages":[]}`, "model_not_allowed model")
	f("vllm", "user", chat+`{"model":5,"messages":[]}`, "model_not_allowed model")
	f("vllm", "user", "POST /v1/chat/completions", "model_not_allowed model")
	f("vllm", "all", chat+`{"messages":[]}`, "pass")
	// Engines that take the model from the path.
	f("triton", "user", "POST /v2/models/llama-3/infer\n\n"+`{"inputs":[]}`, "pass")
	f("triton", "user", "POST /v2/models/gpt/infer\n\n"+`{"inputs":[]}`, "model_not_allowed model")
	// Engines that serve one model.
	f("tgi", "user", "POST /generate\n\n"+`{"inputs":"hello"}`, "pass")
	// A role without the route lends no models to one with it.
	f("vllm", "user lister", chat+`{"model":"gpt-oss","messages":[]}`, "model_not_allowed model")
	f("vllm", "user named", chat+`{"model":"gpt-oss","messages":[]}`, "pass")
}

func TestForms(t *testing.T) {
	filter := build(t, contract())
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	f := func(want string, parts ...string) {
		t.Helper()
		x := as(filterstest.NewFor(t, "openai", "POST /v1/audio/transcriptions\nContent-Type: multipart/form-data; boundary=b"), "user")
		x.Body = []byte(strings.Join(parts, "") + "--b--\r\n")
		if got := ask(filter, x); got != want {
			t.Errorf("%q: want %s; got %s", parts, want, got)
		}
	}
	f("pass", part("model", "llama-w"), part("file", "RIFF"))
	f("pass", part("file", "RIFF"), part("model", "llama-w"))
	f("model_not_allowed model", part("model", "whisper"))
	f("model_not_allowed model", part("file", "RIFF"))
	f("model_not_allowed model", part("model", "llama-w"), part("model", "llama-x"))
	f("model_not_allowed model", strings.Repeat(part("x", ""), maxParts), part("model", "llama-w"))
	f("model_not_allowed model", "garbage")
	// Heads that two readers could read differently.
	f("model_not_allowed model", part("model", "llama-w"), "--b\r\nContent-Disposition: form-data; name=\"x\"; name=\"model\"\r\n\r\nwhisper\r\n")
	f("model_not_allowed model", part("model", "llama-w"), "--b\r\nContent-Disposition: form-data; name=\"x\"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n")
	f("model_not_allowed model", part("model", "llama-w"), "--b\r\nContent-Type: text/plain\r\n\r\nwhisper\r\n")
	f("model_not_allowed model", part("model", "llama-w"), "--b\r\nContent-Disposition: form-data; name*=utf-8''model\r\n\r\nwhisper\r\n")
}

func TestQuery(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		got, ok := queryValue([]byte(query), "model")
		if !ok {
			got = []byte("none")
		}
		if string(got) != want {
			t.Errorf("%s: want %s; got %s", query, want, got)
		}
	}
	f("model=llama-3", "llama-3")
	f("a=b&model=llama-3&c", "llama-3")
	f("model=", "")
	f("models=x", "none")
	f("", "none")
	f("model=a&model=b", "none")
	f("model=a&mod%65l=b", "none")
	f("model=a;model=b", "none")
	f("model=a+b", "none")
}

// TestWebSocket: what a socket will be asked for is in its query.
func TestWebSocket(t *testing.T) {
	filter := build(t, contract())
	n := 0
	for _, name := range engine.Names() {
		e, _ := engine.Lookup(name)
		for i := range e.Routes {
			r := &e.Routes[i]
			if !r.Upgrade || name == "none" || r.Class != engine.Inference {
				continue
			}
			n++
			for query, want := range map[string]string{"?model=llama-3": "pass", "?model=gpt": "model_not_allowed model", "": "model_not_allowed model"} {
				x := as(filterstest.NewFor(t, name, method(r)+" "+target(r)+query), "user")
				if got := ask(filter, x); got != want {
					t.Errorf("%s: %s%s: want %s; got %s", name, r.Path, query, want, got)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no engine opens a WebSocket")
	}
}

func TestMFA(t *testing.T) {
	filter := build(t, Config{Roles: map[string]Role{
		"fresh":  {Routes: []string{"admin"}, MFA: &MFA{Within: 15 * time.Minute}},
		"strong": {Routes: []string{"admin"}, MFA: &MFA{ACR: []string{"gold", "silver"}, AMR: []string{"otp", "hwk"}}},
		"tried":  {Routes: []string{"admin"}, MFA: &MFA{Within: time.Minute, Rollout: filters.Rollout{Mode: filters.Shadow}}},
		"plain":  {Routes: []string{"admin"}},
	}})
	const no = "insufficient_user_authentication mfa"
	f := func(want string, id filters.Identity, roles string) *filters.Exchange {
		t.Helper()
		x := filterstest.New(t, "POST /sleep")
		id.Roles = strings.Fields(roles)
		x.Identity = &id
		if got := ask(filter, x); got != want {
			t.Errorf("%s %+v: want %s; got %s", roles, id, want, got)
		}
		return x
	}
	jwt := func(ago time.Duration, acr string, amr ...string) filters.Identity {
		return filters.Identity{Subject: "s", Method: "jwt", AuthTime: noon.Add(-ago), ACR: acr, AMR: amr}
	}
	f("pass", jwt(15*time.Minute, ""), "fresh")
	f(no, jwt(15*time.Minute+1, ""), "fresh")
	f(no, filters.Identity{Subject: "s", Method: "jwt"}, "fresh")
	f("pass", jwt(time.Hour, "gold", "pwd", "otp"), "strong")
	f("pass", jwt(time.Hour, "silver", "hwk"), "strong")
	f(no, jwt(time.Hour, "gold", "pwd"), "strong")
	f(no, jwt(time.Hour, "bronze", "otp"), "strong")
	f(no, jwt(time.Hour, ""), "strong")
	// A key proves nothing but with a code, which is as strong as it gets.
	f(no, filters.Identity{Subject: "s", Method: "key"}, "fresh")
	f(no, filters.Identity{Subject: "s", Method: "key"}, "strong")
	f("pass", filters.Identity{Subject: "s", Method: "key", AuthTime: noon}, "fresh")
	f("pass", filters.Identity{Subject: "s", Method: "key", AuthTime: noon.Add(-time.Hour)}, "strong")
	f(no, filters.Identity{Subject: "s", Method: "key", AuthTime: noon.Add(-time.Hour)}, "fresh")
	// Another role may allow without.
	f("pass", jwt(time.Hour, ""), "fresh plain")
	// In shadow it is noted.
	if x := f("pass", jwt(time.Hour, ""), "tried"); len(x.Shadows) != 1 || x.Shadows[0].Rule != "mfa" {
		t.Errorf("shadow: got %+v", x.Shadows)
	}
}

func TestChallenge(t *testing.T) {
	m, err := newMFA(MFA{Within: 15 * time.Minute, ACR: []string{"gold", "silver"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `Bearer realm="blaze", error="insufficient_user_authentication", acr_values="gold silver", max_age="900"`
	if got := m.denial.Challenge; got != want {
		t.Errorf("want %s; got %s", want, got)
	}
}

func TestProblems(t *testing.T) {
	f := func(cfg Config, want ...string) {
		t.Helper()
		_, err := New(cfg, nil, filterstest.Env(t, nil, nil))
		var got []string
		for _, p := range setting.Problems(err) {
			got = append(got, p.Error())
		}
		if len(got) != len(want) {
			t.Fatalf("want %q; got %q", want, got)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("want %s; got %s", want[i], got[i])
			}
		}
	}
	one := func(r Role) Config { return Config{Roles: map[string]Role{"r": r}} }
	f(one(Role{Routes: []string{"inferance", "chat.complations", "get /v1", "FETCH /v1"}}),
		`roles.r.routes[0]: want a class of routes (inference, utility, health, metrics, admin), the name of a route, or a path such as GET /v1/models; got "inferance"; did you mean "inference"?`,
		`got "chat.complations"; did you mean "chat.completions"?`, `got "get /v1"`, `got "FETCH /v1"`)
	f(one(Role{Methods: []string{"post"}, Models: []string{""}}), `roles.r.methods[0]: want a method such as POST; got "post"`, `roles.r.models[0]: want a model's name`)
	f(one(Role{MFA: &MFA{}}), `roles.r.mfa: want within, acr or amr; got none of them`)
	f(one(Role{MFA: &MFA{Within: -1, ACR: []string{`a"b`}, AMR: []string{""}}}), `roles.r.mfa.within: want a duration`, `roles.r.mfa.acr[0]: want a name`, `roles.r.mfa.amr[0]: want a method`)
	f(Config{Roles: map[string]Role{"guest": {}}, Anonymous: []string{"gest"}}, `anonymous[0]: want a role that is defined under roles; got "gest"; did you mean "guest"?`)
}

func TestClassNames(t *testing.T) {
	n := 0
	for _, name := range engine.Names() {
		e, _ := engine.Lookup(name)
		for _, r := range e.Routes {
			if n++; !slices.Contains(engine.Classes(), r.Class) || r.Class.String() == "" {
				t.Errorf("%s: %s has a class without a name", name, r.Name)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d routes looked at", n)
	}
}

func TestAllocs(t *testing.T) {
	filter := build(t, contract())
	x := as(filterstest.New(t, "POST /v1/chat/completions\n\n"+`{"model":"llama-3","messages":[{"role":"user","content":"hello"}]}`), "lister user")
	if got := ask(filter, x); got != "pass" {
		t.Fatal(got)
	}
	if n := testing.AllocsPerRun(200, func() { filter.Request(x); filter.Body(x) }); n != 0 {
		t.Errorf("want no allocation; got %v", n)
	}
}
