package params

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/upstream/engine"
)

func tenant(name string) *filters.Identity { return &filters.Identity{Subject: "s", Tenant: name} }

// saltOf is the cache salt that is forwarded for a caller.
func saltOf(t *testing.T, f *Filter, engineName, target, body string, id *filters.Identity) string {
	t.Helper()
	_, got, _ := ask(t, f, engineName, target, body, id)
	var out map[string]any
	if err := json.Unmarshal([]byte(got), &out); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	for _, k := range []string{"cache_salt", "extra_key"} {
		if s, ok := out[k].(string); ok {
			return k + "=" + s
		}
	}
	return ""
}

func TestCacheSalt(t *testing.T) {
	secret := CacheSalt{Secret: "0123456789abcdef0123456789abcdef"}
	f := build(t, Config{CacheSalt: secret})
	a := saltOf(t, f, "vllm", chat, `{"model":"m"}`, tenant("a"))
	if !regexp.MustCompile(`^cache_salt=[0-9a-f]{64}$`).MatchString(a) {
		t.Errorf("got salt %q", a)
	}
	same := func(what, got string) {
		t.Helper()
		if got != a {
			t.Errorf("%s: want the tenant's salt; got %q", what, got)
		}
	}
	same("again", saltOf(t, f, "vllm", chat, `{"model":"m"}`, tenant("a")))
	same("another model", saltOf(t, f, "vllm", chat, `{"model":"x"}`, tenant("a")))
	same("client's own", saltOf(t, f, "vllm", chat, `{"cache_salt":"victim","model":"m"}`, tenant("a")))
	same("client's own, escaped", saltOf(t, f, "vllm", chat, `{"cache\u005fsalt":"victim"}`, tenant("a")))
	same("client's own, null", saltOf(t, f, "vllm", chat, `{"cache_salt":null}`, tenant("a")))
	same("client's own, a list", saltOf(t, f, "vllm", chat, `{"cache_salt":["victim"]}`, tenant("a")))
	same("another replica", saltOf(t, build(t, Config{CacheSalt: secret}), "vllm", chat, `{}`, tenant("a")))
	same("completions", saltOf(t, f, "vllm", "/v1/completions", `{"prompt":"x"}`, tenant("a")))
	same("sglang", saltOf(t, f, "sglang", chat, `{}`, tenant("a")))
	if b := saltOf(t, f, "vllm", chat, `{}`, tenant("b")); b == a || b == "" {
		t.Errorf("another tenant has salt %q", b)
	}
	if got := saltOf(t, f, "sglang", "/generate", `{"text":"x","extra_key":"victim"}`, tenant("a")); got != "extra_key="+a[len("cache_salt="):] {
		t.Errorf("sglang's own route: got %q", got)
	}
	for _, e := range []string{"tgi", "ollama", "openai", "triton"} {
		if got := saltOf(t, f, e, chat, `{"cache_salt":"victim","priority":-9,"model":"m"}`, tenant("a")); got != "" {
			t.Errorf("%s has no such field; got %q", e, got)
		}
	}
	if got := saltOf(t, build(t, Config{CacheSalt: noSalt}), "vllm", chat, `{"cache_salt":"victim"}`, tenant("a")); got != "" {
		t.Errorf("a client's salt passes where Blaze sets none: %q", got)
	}
	bySubject := build(t, Config{CacheSalt: CacheSalt{By: BySubject, Secret: secret.Secret}})
	if got := saltOf(t, bySubject, "vllm", chat, `{}`, &filters.Identity{Subject: "a"}); got == a || got == "" {
		t.Errorf("a subject's salt is that of the tenant of its name: %q", got)
	}
}

func TestMadeUpSecretGoesOnOverReloads(t *testing.T) {
	env := filterstest.Env(t, nil, nil)
	one, _ := New(Config{}, nil, env)
	two, _ := New(Config{}, one, env)
	other, _ := New(Config{}, nil, env)
	a, b, c := saltOf(t, one, "vllm", chat, `{}`, tenant("a")), saltOf(t, two, "vllm", chat, `{}`, tenant("a")), saltOf(t, other, "vllm", chat, `{}`, tenant("a"))
	if a != b || a == c || a == "" {
		t.Errorf("got %q, %q after a reload, %q in another process", a, b, c)
	}
}

func TestPriorityIsBlazes(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt, Priority: map[string]int64{"gold": 100, "free": 10}})
	f1 := func(engineName, body, tier, want string) {
		t.Helper()
		target := chat
		if engineName == "triton.infer" {
			engineName, target = "triton", "/v2/models/m/infer"
		}
		_, got, _ := ask(t, f, engineName, target, body, &filters.Identity{Subject: "s", Tier: tier})
		if got != want {
			t.Errorf("%s %s for %q: want %s; got %s", engineName, body, tier, want, got)
		}
	}
	f1("vllm", `{"model":"m"}`, "gold", `{"priority":-100,"model":"m"}`)
	f1("vllm", `{"priority":-999}`, "gold", `{"priority":-100}`)
	f1("vllm", `{"priority":-999}`, "free", `{"priority":-10}`)
	f1("vllm", `{"priority":-999,"model":"m"}`, "unlisted", `{"model":"m"}`)
	f1("vllm", `{"model":"m","priority":"-999"}`, "", `{"model":"m"}`)
	f1("sglang", `{"priority":999}`, "gold", `{"priority":100}`)
	f1("openai", `{"priority":999,"model":"m"}`, "gold", `{"model":"m"}`)
	f1("triton.infer", `{"parameters":{"priority":1},"inputs":[]}`, "gold", `{"parameters":{"priority":0},"inputs":[]}`)
}

// Whatever a client writes, its salt and priority do not arrive, and what else it wrote does.
func TestClientsOwnNeverPasses(t *testing.T) {
	f := build(t, Config{Priority: map[string]int64{"gold": 7}})
	fields := []string{`"cache_salt":"victim"`, `"priority":-999`, `"extra_key":"victim"`, `"model":"m"`, `"temperature":1`, `"metadata":{"priority":1}`}
	engines := []string{"vllm", "sglang", "tgi", "ollama", "openai"}
	rapid.Check(t, func(rt *rapid.T) {
		chosen := rapid.Permutation(fields).Draw(rt, "fields")[:rapid.IntRange(0, len(fields)).Draw(rt, "n")]
		body := "{"
		for i, c := range chosen {
			if i > 0 {
				body += rapid.SampledFrom([]string{",", " ,\n"}).Draw(rt, "comma")
			}
			body += c
		}
		body += "}"
		tier := rapid.SampledFrom([]string{"", "gold"}).Draw(rt, "tier")
		v, got, _ := ask(t, f, rapid.SampledFrom(engines).Draw(rt, "engine"), chat, body, &filters.Identity{Tier: tier, Tenant: "a"})
		if !v.Passed() {
			rt.Fatalf("%s is refused at %s", body, v.Field)
		}
		var in, out map[string]any
		if json.Unmarshal([]byte(body), &in) != nil || json.Unmarshal([]byte(got), &out) != nil {
			rt.Fatalf("%s became %s", body, got)
		}
		if new(engine.Document).Parse(engine.Chat, []byte(got), engine.Limits{}) != nil {
			rt.Fatalf("%s became %s", body, got)
		}
		if out["cache_salt"] == "victim" || out["extra_key"] == "victim" || out["priority"] == -999.0 {
			rt.Fatalf("%s passes %s", body, got)
		}
		for _, k := range []string{"model", "temperature", "metadata"} {
			if fmt.Sprint(in[k]) != fmt.Sprint(out[k]) {
				rt.Fatalf("%s became %s", body, got)
			}
		}
	})
}

func TestSaltsAreBounded(t *testing.T) {
	s, err := newSalts(CacheSalt{Secret: "0123456789abcdef"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 200 {
		seen[string(s.of(tenant(fmt.Sprint(i))))] = true
	}
	if len(seen) != 200 || len(*s.known.Load()) != 200 {
		t.Errorf("200 tenants have %d salts, %d kept", len(seen), len(*s.known.Load()))
	}
	full := map[string][]byte{}
	for i := range most {
		full[fmt.Sprint("x", i)] = nil
	}
	s.known.Store(&full)
	if len(s.of(tenant("new"))) != 66 || len(*s.known.Load()) != most {
		t.Error("beyond the bound a salt is made and not kept")
	}
}

func TestPassPathAllocatesNothing(t *testing.T) {
	f := build(t, Config{Default: Rules{MaxTokens: num(4096, Clamp), N: num(1, Deny), Stop: cnt(8), Unknown: &Unknown{Then: true}}})
	x := filterstest.New(t, "POST "+chat+"\n\n"+`{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":100,"n":1,"stop":["a"],"stream":true}`)
	x.Identity = tenant("acme")
	if v := f.Body(x); !v.Passed() || len(x.Edits) != 1 {
		t.Fatalf("got %v with %d edits", v, len(x.Edits))
	}
	if n := testing.AllocsPerRun(100, func() {
		x.Edits = x.Edits[:0]
		if !f.Body(x).Passed() {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("want no allocation; got %v", n)
	}
}
