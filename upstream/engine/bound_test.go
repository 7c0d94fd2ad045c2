package engine

import "testing"

func TestLimitTokens(t *testing.T) {
	f := func(shape Shape, body, want string, wantOK bool, limits ...int64) {
		t.Helper()
		d := parsed(t, shape, body)
		var edits []Edit
		ok := true
		for _, n := range limits {
			edits, ok = d.LimitTokens(nil, edits, n)
		}
		if got := string(Apply(nil, d.Body, edits)); got != want || ok != wantOK {
			t.Errorf("%v %s:\nwant %s, %v\ngot  %s, %v", shape, body, want, wantOK, got, ok)
		}
	}
	f(Chat, `{"max_tokens":9}`, `{"max_tokens":5}`, true, 5)
	f(Chat, `{"max_tokens":4}`, `{"max_tokens":4}`, true, 5)
	f(Chat, `{"max_tokens":null}`, `{"max_tokens":5}`, true, 5)
	f(Chat, `{"max_tokens":-1}`, `{"max_tokens":5}`, true, 5)
	f(Chat, `{"max_tokens":"9"}`, `{"max_tokens":5}`, true, 5)
	f(Chat, `{"max_tokens":1e9,"max_completion_tokens":3}`, `{"max_tokens":5,"max_completion_tokens":3}`, true, 5)
	f(Chat, `{}`, `{"max_tokens":5}`, true, 5)
	f(Chat, `{"n":1}`, `{"max_tokens":5,"n":1}`, true, 5, 9)
	f(Chat, `{"n":1}`, `{"max_tokens":5,"n":1}`, true, 9, 5)
	f(Chat, `{"max_tokens":20}`, `{"max_tokens":5}`, true, 5, 9)
	f(Chat, `{"max_tokens":20}`, `{"max_tokens":5}`, true, 9, 5)
	f(Responses, `{}`, `{"max_output_tokens":5}`, true, 5)
	f(OllamaChat, `{"model":"m"}`, `{"options":{"num_predict":5},"model":"m"}`, true, 5)
	f(OllamaChat, `{"model":"m"}`, `{"options":{"num_predict":5},"model":"m"}`, true, 5, 9)
	f(OllamaChat, `{"model":"m"}`, `{"options":{"num_predict":5},"model":"m"}`, true, 9, 5)
	f(OllamaChat, `{"options":null}`, `{"options":{"num_predict":5}}`, true, 5)
	f(OllamaChat, `{"options":{"seed":1}}`, `{"options":{"num_predict":5,"seed":1}}`, true, 9, 5)
	f(OllamaChat, `{"options":{"num_predict":-2}}`, `{"options":{"num_predict":5}}`, true, 5)
	f(TGIGenerate, `{"inputs":"x"}`, `{"parameters":{"max_new_tokens":5},"inputs":"x"}`, true, 5)
	f(SGLangGenerate, `{"sampling_params":[{"max_new_tokens":9},{"max_new_tokens":3}]}`, `{"sampling_params":[{"max_new_tokens":5},{"max_new_tokens":3}]}`, true, 5)
	f(SGLangGenerate, `{"sampling_params":[{"max_new_tokens":9},{}]}`, `{"sampling_params":[{"max_new_tokens":5},{}]}`, false, 5)
	f(Embeddings, `{"input":"x"}`, `{"input":"x"}`, false, 5)
	e, _ := Lookup("openai")
	d := parsed(t, Chat, `{}`)
	edits, _ := d.LimitTokens(&e.Routes[0], nil, 5)
	if got := string(Apply(nil, d.Body, edits)); got != `{"max_completion_tokens":5}` {
		t.Errorf("openai: got %s", got)
	}
}

func TestOutputBound(t *testing.T) {
	f := func(shape Shape, body string, want int64, limits ...int64) {
		t.Helper()
		d := parsed(t, shape, body)
		var edits []Edit
		for _, n := range limits {
			edits, _ = d.LimitTokens(nil, edits, n)
		}
		if got := d.OutputBound(nil, edits); got != want {
			t.Errorf("%v %s limited to %v: want %d; got %d", shape, body, limits, want, got)
		}
	}
	f(Chat, `{}`, -1)
	f(Chat, `{}`, 5, 5)
	f(Chat, `{"max_tokens":null}`, -1)
	f(Chat, `{"max_tokens":null}`, 5, 5)
	f(Chat, `{"max_tokens":7,"max_completion_tokens":9}`, 9)
	f(Chat, `{"max_tokens":7,"max_completion_tokens":9}`, 8, 8)
	f(OllamaChat, `{}`, 5, 5)
	f(OllamaChat, `{"options":{"seed":1}}`, 5, 5)
	f(TGIGenerate, `{"parameters":{"max_new_tokens":7}}`, 7)
}

// Two filters that know nothing of each other each add a bound: the smaller one holds.
func TestAddedBoundsMeet(t *testing.T) {
	f := func(want string, edits ...Edit) {
		t.Helper()
		d := parsed(t, Chat, `{"model":"m"}`)
		if got := string(Apply(nil, d.Body, edits)); got != want {
			t.Errorf("want %s; got %s", want, got)
		}
	}
	add := func(name, with string) Edit { return parsed(t, Chat, `{"model":"m"}`).SetField(name, []byte(with)) }
	f(`{"max_tokens":5,"model":"m"}`, add("max_tokens", "5"), add("max_tokens", "9"))
	f(`{"max_tokens":5,"model":"m"}`, add("max_tokens", "9"), add("max_tokens", "5"))
	f(`{"x":1,"max_tokens":4,"model":"m"}`, add("max_tokens", "9"), add("max_tokens", "4"), add("x", "1"), add("max_tokens", "7"))
	f(`{"options":{"num_predict":5},"model":"m"}`, add("options", `{"num_predict":5}`), add("options", `{"num_predict":9}`))
	f(`{"x":"b","model":"m"}`, add("x", `"a"`), add("x", `"b"`))
}

// A bound that the engine does not read bounds nothing, however another engine calls it.
func TestLimitTokensByEngine(t *testing.T) {
	f := func(engine, path, body, want string) {
		t.Helper()
		r, _ := match(t, engine, "POST", path)
		d := parsed(t, r.Shape, body)
		edits, ok := d.LimitTokens(r, nil, 5)
		if got := string(Apply(nil, d.Body, edits)); got != want || !ok {
			t.Errorf("%s %s %s:\nwant %s\ngot  %s, %v", engine, path, body, want, got, ok)
		}
		if bound := d.OutputBound(r, edits); bound < 0 || bound > 5 {
			t.Errorf("%s %s %s: bounded to %d", engine, path, body, bound)
		}
	}
	const chat = "/v1/chat/completions"
	f("vllm", chat, `{"options":{"num_predict":1}}`, `{"max_tokens":5,"options":{"num_predict":1}}`)
	f("vllm", chat, `{"n_predict":9}`, `{"max_tokens":5,"n_predict":5}`)
	f("vllm", chat, `{"max_completion_tokens":3}`, `{"max_completion_tokens":3}`)
	f("vllm", chat, `{"max\u005ftokens":3}`, `{"max\u005ftokens":3}`)
	f("vllm", "/inference/v1/generate", `{"token_ids":[1],"sampling_params":{"n":1}}`, `{"token_ids":[1],"sampling_params":{"max_tokens":5,"n":1}}`)
	f("tgi", "/v1/completions", `{"prompt":"x","options":{"num_predict":1}}`, `{"max_tokens":5,"prompt":"x","options":{"num_predict":1}}`)
	f("ollama", chat, `{"max_completion_tokens":3}`, `{"max_tokens":5,"max_completion_tokens":3}`)
	f("openai", chat, `{"max_tokens":"3"}`, `{"max_tokens":3}`)
	f("llamacpp", chat, `{"max_tokens":3,"n_predict":-1}`, `{"max_tokens":3,"n_predict":5}`)
	f("llamacpp", chat, `{"n_predict":3}`, `{"n_predict":3}`)
	f("llamacpp", "/completion", `{"prompt":"x"}`, `{"n_predict":5,"prompt":"x"}`)
	f("llamacpp", "/infill", `{"max_tokens":9}`, `{"max_tokens":5}`)
	f("llamacpp", "/v1/completions", `{"max_completion_tokens":"9"}`, `{"max_completion_tokens":5}`)
	f("llamacpp", "/v1/responses", `{"input":"x","n_predict":9}`, `{"max_output_tokens":5,"input":"x","n_predict":5}`)
}

func TestOutputBoundByEngine(t *testing.T) {
	f := func(engine, path, body string, want int64) {
		t.Helper()
		r, _ := match(t, engine, "POST", path)
		d := parsed(t, r.Shape, body)
		if got := d.OutputBound(r, nil); got != want {
			t.Errorf("%s %s %s: want %d; got %d", engine, path, body, want, got)
		}
	}
	f("llamacpp", "/completion", `{"n_predict":-1,"max_tokens":5}`, -1)
	f("llamacpp", "/completion", `{"n_predict":null,"max_tokens":5}`, 5)
	f("llamacpp", "/v1/chat/completions", `{"n_predict":7,"max_tokens":5}`, 7)
	f("vllm", "/v1/chat/completions", `{"options":{"num_predict":1}}`, -1)
}
