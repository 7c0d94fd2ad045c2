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
