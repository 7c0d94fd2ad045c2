package params

import (
	"errors"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

func build(t testing.TB, cfg Config) *Filter {
	t.Helper()
	f, err := New(cfg, nil, filterstest.Env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ask sends body through f, and returns the verdict and what would be forwarded.
func ask(t testing.TB, f *Filter, engineName, target, body string, id *filters.Identity) (filters.Verdict, string, *filters.Exchange) {
	t.Helper()
	x := filterstest.NewFor(t, engineName, "POST "+target+"\nContent-Type: application/json\n\n"+body)
	if !x.HasDocument {
		t.Fatalf("the test's body is refused: %s", body)
	}
	if id != nil {
		x.Identity = id
	}
	if v := f.Request(x); !v.Passed() {
		t.Fatalf("the head is refused: %v", v)
	}
	v := f.Body(x)
	return v, string(engine.Apply(nil, x.Body, x.Edits)), x
}

const chat = "/v1/chat/completions"

// noSalt keeps the cache salt out of tests of other things.
var noSalt = CacheSalt{By: ByNone}

func num(max int64, then Action) *Number { return &Number{Max: &max, Then: then} }
func cnt(max int64) *Count               { return &Count{Max: &max} }
func siz(max setting.Bytes) *Size        { return &Size{Max: &max} }

func TestBounds(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt, Default: Rules{
		MaxTokens: num(100, Clamp), N: num(1, Deny), BestOf: num(2, Clamp), Logprobs: num(5, Deny), Stop: cnt(2),
		Schema: siz(20), LoRA: &Names{Allow: []string{"team-*"}}, StreamOptions: &Switch{Then: Removed},
	}})
	pass := func(engineName, target, body, want string) {
		t.Helper()
		if v, got, _ := ask(t, f, engineName, target, body, nil); !v.Passed() || got != want {
			t.Errorf("%s %s %s:\nwant %s\ngot  %s, denied %v at %q", engineName, target, body, want, got, v.Denied(), v.Field)
		}
	}
	deny := func(engineName, target, body, rule, field string) {
		t.Helper()
		v, _, _ := ask(t, f, engineName, target, body, nil)
		if !v.Denied() || v.Denial.Code != "parameter_not_allowed" || v.Rule != rule || v.Field != field {
			t.Errorf("%s %s %s: want %s denied at %s; got denied %v, rule %q at %q", engineName, target, body, rule, field, v.Denied(), v.Rule, v.Field)
		}
	}
	pass("vllm", chat, `{"max_tokens":50}`, `{"max_tokens":50}`)
	pass("vllm", chat, `{"max_tokens":500}`, `{"max_tokens":100}`)
	pass("vllm", chat, `{"max_tokens":50,"max_completion_tokens":1e9}`, `{"max_tokens":50,"max_completion_tokens":100}`)
	pass("vllm", chat, `{"max_tokens":"500"}`, `{"max_tokens":100}`)
	pass("vllm", chat, `{"max_tokens":null}`, `{"max_tokens":100}`)
	pass("vllm", chat, `{"model":"m"}`, `{"max_tokens":100,"model":"m"}`)
	pass("openai", chat, `{"model":"m"}`, `{"max_completion_tokens":100,"model":"m"}`)
	pass("vllm", "/v1/completions", `{"prompt":"x"}`, `{"prompt":"x"}`)
	pass("tgi", "/v1/completions", `{"prompt":"x"}`, `{"max_tokens":100,"prompt":"x"}`)
	pass("ollama", "/v1/completions", `{"prompt":"x"}`, `{"max_tokens":100,"prompt":"x"}`)
	pass("ollama", "/api/chat", `{"model":"m","options":{"num_predict":-1}}`, `{"model":"m","options":{"num_predict":100}}`)
	pass("ollama", "/api/generate", `{"model":"m"}`, `{"options":{"num_predict":100},"model":"m"}`)
	pass("tgi", "/generate", `{"inputs":"x","parameters":{"max_new_tokens":900}}`, `{"inputs":"x","parameters":{"max_new_tokens":100}}`)
	pass("sglang", "/generate", `{"text":"x","sampling_params":{"max_new_tokens":900}}`, `{"text":"x","sampling_params":{"max_new_tokens":100}}`)
	pass("vllm", "/v1/responses", `{"input":"x"}`, `{"max_output_tokens":100,"input":"x"}`)
	pass("vllm", "/v1/messages", `{"max_tokens":900,"messages":[]}`, `{"max_tokens":100,"messages":[]}`)
	pass("triton", "/v2/models/m/generate", `{"text_input":"x","max_tokens":900}`, `{"text_input":"x","max_tokens":100}`)
	pass("llamacpp", "/completion", `{"prompt":"x","n_predict":-1}`, `{"prompt":"x","n_predict":100}`)
	pass("llamacpp", "/infill", `{"input_prefix":"x"}`, `{"n_predict":100,"input_prefix":"x"}`)
	pass("llamacpp", chat, `{"n_predict":900,"max_tokens":5}`, `{"n_predict":100,"max_tokens":5}`)
	pass("openai", chat, `{"n_predict":900,"max_tokens":5}`, `{"n_predict":100,"max_tokens":5}`)
	pass("vllm", chat, `{"options":{"num_predict":1}}`, `{"max_tokens":100,"options":{"num_predict":1}}`)
	pass("llamacpp", "/v1/messages", `{"messages":[]}`, `{"max_tokens":100,"messages":[]}`)
	pass("vllm", "/v1/embeddings", `{"input":"x"}`, `{"input":"x"}`)
	pass("vllm", "/tokenize", `{"prompt":"x"}`, `{"prompt":"x"}`)
	pass("vllm", chat, `{"max_tokens":5,"best_of":9}`, `{"max_tokens":5,"best_of":2}`)
	pass("vllm", chat, `{"max_tokens":5,"n":null,"stop":null}`, `{"max_tokens":5,"n":null,"stop":null}`)
	pass("vllm", chat, `{"max_tokens":5,"stop":"a","top_logprobs":5,"logprobs":true}`, `{"max_tokens":5,"stop":"a","top_logprobs":5,"logprobs":true}`)
	pass("vllm", chat, `{"stream_options":{"x":1},"max_tokens":5}`, `{"max_tokens":5}`)
	pass("vllm", chat, `{"max_tokens":5,"metadata":{"n":99,"max_tokens":9999}}`, `{"max_tokens":5,"metadata":{"n":99,"max_tokens":9999}}`)
	pass("sglang", "/generate", `{"text":"x","lora_path":["team-a","team-b"]}`, `{"text":"x","lora_path":["team-a","team-b"]}`)
	pass("vllm", "/v1/completions", `{"prompt":[`+strings.Repeat("1,", 3000)+`1]}`, `{"prompt":[`+strings.Repeat("1,", 3000)+`1]}`)

	deny("vllm", chat, `{"n":2}`, "n", "n")
	deny("vllm", chat, `{"n":"2"}`, "n", "n")
	deny("vllm", chat, `{"n":1.5}`, "n", "n")
	deny("vllm", chat, `{"n":-1}`, "n", "n")
	deny("vllm", chat, `{"n":[1,9]}`, "n", "n")
	deny("vllm", chat, `{"n":{"a":1}}`, "n", "n")
	deny("vllm", chat, `{"best_of":"many"}`, "best_of", "best_of")
	deny("vllm", chat, `{"top_logprobs":6}`, "logprobs", "top_logprobs")
	deny("vllm", "/v1/completions", `{"prompt":"x","logprobs":-1}`, "logprobs", "logprobs")
	deny("vllm", chat, `{"prompt_logprobs":-1}`, "prompt_logprobs", "prompt_logprobs")
	deny("tgi", "/generate", `{"inputs":"x","parameters":{"decoder_input_details":true}}`, "prompt_logprobs", "parameters.decoder_input_details")
	deny("tgi", "/generate", `{"inputs":"x","parameters":{"top_n_tokens":6}}`, "logprobs", "parameters.top_n_tokens")
	deny("tgi", "/generate", `{"inputs":"x","parameters":{"adapter_id":"../../x"}}`, "lora", "parameters.adapter_id")
	deny("vllm", chat, `{"stop":["a","b","c"]}`, "stop", "stop")
	deny("vllm", chat, `{"response_format":{"type":"json_schema","json_schema":{"schema":{}}}}`, "schema", "response_format")
	deny("vllm", chat, `{"structured_outputs":{"json":{"aaaaaaaaaaaaaaaaaaaaa":1}}}`, "schema", "structured_outputs.json")
	deny("vllm", chat, `{"guided_regex":"`+strings.Repeat("a", 5000)+`"}`, "regex", "guided_regex")
	deny("vllm", chat, `{"guided_grammar":"`+strings.Repeat("a", 70000)+`"}`, "grammar", "guided_grammar")
	deny("vllm", chat, `{"bad_words":[`+strings.Repeat(`"a",`, 300)+`"a"]}`, "bad_words", "bad_words")
	deny("vllm", chat, `{"chat_template":"{{ x }}"}`, "chat_template", "chat_template")
	deny("ollama", "/api/generate", `{"prompt":"x","template":"{{ .Prompt }}"}`, "chat_template", "template")
	deny("vllm", chat, `{"kv_transfer_params":{"do_remote_decode":true}}`, "internal", "kv_transfer_params")
	deny("sglang", "/generate", `{"text":"x","custom_logit_processor":"gASV"}`, "internal", "custom_logit_processor")
	deny("sglang", "/generate", `{"text":"x","bootstrap_host":"h"}`, "internal", "bootstrap_host")
	deny("sglang", "/generate", `{"text":"x","lora_path":"other"}`, "lora", "lora_path")
	deny("ollama", "/api/chat", `{"options":{"num_ctx":9999999}}`, "context", "options.num_ctx")
	pass("ollama", "/api/chat", `{"keep_alive":-1,"options":{"num_predict":5}}`, `{"options":{"num_predict":5}}`)
	deny("llamacpp", "/completion", `{"prompt":"x","n_cmpl":2}`, "n", "n_cmpl")
	deny("llamacpp", "/completion", `{"prompt":"x","n_probs":6}`, "logprobs", "n_probs")
	deny("llamacpp", "/completion", `{"prompt":"x","id_slot":3}`, "internal", "id_slot")
	deny("llamacpp", chat, `{"lora":[{"id":0,"scale":1}]}`, "lora", "lora")
	deny("triton", "/v2/models/m/generate", `{"text_input":"x","sampling_parameters":"{\"n\":99}"}`, "internal", "sampling_parameters")
	deny("vllm", "/v1/embeddings", `{"input":[`+strings.Repeat(`"a",`, 2048)+`"a"]}`, "batch", "input")
	deny("sglang", "/generate", `{"text":["x","y"],"sampling_params":[{"max_new_tokens":5},{}]}`, "max_tokens", "sampling_params")
	deny("sglang", "/generate", `{"text":"x","sampling_params":[`+strings.Repeat(`{"max_new_tokens":5},`, 2048)+`{}]}`, "batch", "sampling_params")
	deny("sglang", "/generate", `{"text":"x","sampling_params":{"n":2}}`, "n", "sampling_params.n")
	deny("vllm", chat, `{"messages":[{"role":"user","tools":[`+strings.Repeat(`{},`, 600)+`{}]}]}`, "tools", "messages[0].tools")
}

func TestDenyNamesTheBoundNotTheRequest(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt, Default: Rules{MaxTokens: num(100, Deny)}})
	v, _, _ := ask(t, f, "vllm", chat, `{"max_tokens":123456}`, nil)
	if !v.Denied() || v.Denial.Status != 403 || !strings.Contains(v.Denial.Message, "at most 100") || strings.Contains(v.Denial.Message, "123456") {
		t.Errorf("got %+v", v)
	}
	if v, got, _ := ask(t, f, "vllm", chat, `{}`, nil); !v.Passed() || got != `{"max_tokens":100}` {
		t.Errorf("a request without a bound is to get it, also where more is refused; got %s", got)
	}
	if v, got, _ := ask(t, f, "vllm", chat, `{"max_tokens":null}`, nil); !v.Passed() || got != `{"max_tokens":100}` {
		t.Errorf("null is no bound; got %s", got)
	}
}

func TestRolesWiden(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt,
		Default: Rules{N: num(1, Deny), BestOf: num(1, Deny)},
		Roles: map[string]Rules{
			"wide":     {N: num(8, Deny)},
			"other":    {BestOf: num(4, Deny), N: num(2, Deny)},
			"template": {ChatTemplate: &Switch{Then: Passed}},
		},
	})
	f1 := func(body string, pass bool, roles ...string) {
		t.Helper()
		if v, _, _ := ask(t, f, "vllm", chat, body, &filters.Identity{Subject: "s", Roles: roles}); v.Passed() != pass {
			t.Errorf("%v asks %s: want pass %v; got %v at %s", roles, body, pass, v.Passed(), v.Field)
		}
	}
	f1(`{"n":2}`, false)
	f1(`{"n":2}`, false, "stranger")
	f1(`{"n":8}`, true, "wide")
	f1(`{"n":9}`, false, "wide")
	f1(`{"n":8,"best_of":4}`, true, "wide", "other")
	f1(`{"n":8,"best_of":4}`, true, "other", "stranger", "wide")
	f1(`{"n":8,"best_of":5}`, false, "other", "wide")
	f1(`{"chat_template":"x"}`, false, "other", "wide")
	f1(`{"chat_template":"x","n":8}`, true, "template", "wide")
}

func TestBoundsAreInherited(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt, Default: Rules{N: &Number{Then: Clamp}, MaxTokens: num(50, Clamp)},
		Roles: map[string]Rules{"strict": {MaxTokens: &Number{Then: Deny}}, "loose": {N: &Number{Rollout: filters.Rollout{Mode: filters.Off}}}}})
	f1 := func(body, want, role string) {
		t.Helper()
		v, got, _ := ask(t, f, "vllm", chat, body, &filters.Identity{Roles: []string{role}})
		if v.Denied() {
			got = "denied"
		}
		if got != want {
			t.Errorf("%s asks %s: want %s; got %s", role, body, want, got)
		}
	}
	f1(`{"n":99,"max_tokens":60}`, `{"n":16,"max_tokens":50}`, "")
	f1(`{"n":99,"max_tokens":60}`, "denied", "strict")
	f1(`{"n":99,"max_tokens":50}`, `{"n":16,"max_tokens":50}`, "strict")
	f1(`{"n":99,"max_tokens":60}`, `{"n":99,"max_tokens":50}`, "loose")
}

func TestUnknownFields(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt, Default: Rules{Unknown: &Unknown{Then: true}}})
	f1 := func(engineName, target, body, field string) {
		t.Helper()
		v, _, _ := ask(t, f, engineName, target, body, nil)
		if v.Field != field || v.Passed() != (field == "") {
			t.Errorf("%s: want denied at %q; got %v at %q", body, field, v.Denied(), v.Field)
		}
	}
	f1("vllm", chat, `{"model":"m","messages":[],"temperature":1,"top_k":3,"reasoning_effort":"low","cache_salt":"x"}`, "")
	f1("vllm", chat, `{"model":"m","evil":1}`, "evil")
	f1("vllm", chat, `{"\u006dodels":1}`, `["\\u006dodels"]`)
	f1("none", "/anything", `{"whatever":1}`, "")
	if v, _, _ := ask(t, build(t, Config{CacheSalt: noSalt}), "vllm", chat, `{"evil":1}`, nil); !v.Passed() {
		t.Error("unknown fields pass unless the policy says otherwise")
	}
}

func TestShadowChangesNothing(t *testing.T) {
	shadow := filters.Rollout{Mode: filters.Shadow}
	f := build(t, Config{CacheSalt: noSalt, Default: Rules{
		MaxTokens: &Number{Rollout: shadow, Max: num(10, 0).Max, Then: Clamp}, N: &Number{Rollout: shadow, Max: num(1, 0).Max},
		BestOf: &Number{Rollout: shadow, Max: num(1, 0).Max, Then: Clamp}, StreamOptions: &Switch{Rollout: shadow, Then: Removed},
	}})
	body := `{"max_tokens":50,"n":4,"best_of":4,"stream_options":{}}`
	v, got, x := ask(t, f, "vllm", chat, body, nil)
	if !v.Passed() || got != body || len(x.Shadows) != 4 || x.Degraded != "" {
		t.Errorf("want the body unchanged and 4 notes; got %s, %v, degraded %q", got, x.Shadows, x.Degraded)
	}
	whole := build(t, Config{Default: Rules{MaxTokens: num(10, Clamp)}, Priority: map[string]int64{"": 3}})
	x = filterstest.New(t, "POST "+chat+"\n\n"+body)
	x.Shadowed = true // as the chain says of a section in shadow
	if v := whole.Body(x); !v.Passed() || len(x.Edits) != 0 {
		t.Errorf("a section in shadow edits: %v", x.Edits)
	}
}

func TestOneSetOfSamplingParametersIsNoBatch(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt, Default: Rules{Batch: cnt(1)}})
	if v, _, _ := ask(t, f, "sglang", "/generate", `{"text":"x","sampling_params":{"temperature":1,"top_p":1,"seed":3}}`, nil); !v.Passed() {
		t.Errorf("refused at %s", v.Field)
	}
}

func TestClampIsTold(t *testing.T) {
	f := build(t, Config{CacheSalt: noSalt, Default: Rules{MaxTokens: num(10, Clamp), N: num(1, Clamp)}})
	_, _, x := ask(t, f, "vllm", chat, `{"max_tokens":50,"n":4}`, nil)
	if x.Degraded != "params.n, params.max_tokens" {
		t.Errorf("got %q", x.Degraded)
	}
	_, _, x = ask(t, f, "vllm", chat, `{}`, nil)
	if x.Degraded != "" {
		t.Errorf("a bound that the client did not ask for degrades nothing; got %q", x.Degraded)
	}
}

func TestProblemsAreAllTold(t *testing.T) {
	_, err := New(Config{
		Default:   Rules{N: num(-1, Deny), MaxTokens: num(0, Clamp), MinTokens: &Number{Then: Clamp}},
		Roles:     map[string]Rules{"user": {Stop: cnt(-5)}},
		Priority:  map[string]int64{"gold": 1 << 40},
		CacheSalt: CacheSalt{Secret: "short"},
	}, nil, filterstest.Env(t, nil, nil))
	var got []string
	for _, p := range setting.Problems(err) {
		got = append(got, p.Path)
	}
	want := "default.max_tokens.max default.min_tokens.max default.n.max roles.user.stop.max cache_salt.secret priority.gold"
	if strings.Join(got, " ") != want {
		t.Errorf("want problems at %s; got %v", want, got)
	}
	if errors.Is(err, errors.ErrUnsupported) || strings.Contains(err.Error(), "short\"") {
		t.Errorf("the secret shows: %v", err)
	}
}

func TestShortForms(t *testing.T) {
	f := func(into interface{ UnmarshalText([]byte) error }, text string, ok bool) {
		t.Helper()
		if err := into.UnmarshalText([]byte(text)); (err == nil) != ok {
			t.Errorf("%T from %q: got %v", into, text, err)
		}
	}
	f(new(Number), "5", true)
	f(new(Number), "-5", false)
	f(new(Number), "1.5", false)
	f(new(Count), "8", true)
	f(new(Size), "16KiB", true)
	f(new(Switch), "remove", true)
	f(new(Switch), "drop", false)
	f(new(Unknown), "deny", true)
	f(new(By), "tenant", true)
	f(new(Action), "clamp", true)
	f(new(Action), "degrade", false)
}
