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
		if got := d.OutputBound(edits); got != want {
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
