package engine

import "testing"

func TestDeterministic(t *testing.T) {
	n := 0
	f := func(s Shape, body string, want bool) {
		t.Helper()
		n++
		var d Document
		if err := d.Parse(s, []byte(body), Limits{}); err != nil {
			t.Fatal(err)
		}
		if got := d.Deterministic(); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	const ask = `"messages":[{"role":"user","content":"hi"}]`
	f(Chat, `{"temperature":0,`+ask+`}`, true)
	f(Chat, `{"temperature":0.0,`+ask+`,"tools":[],"n":2}`, true)
	f(Chat, `{"temperature":-0.0e5,`+ask+`}`, true)
	f(Chat, `{"temperature":0E9,`+ask+`}`, true)
	f(Chat, `{"temperature":1e-9,`+ask+`}`, false)
	f(Chat, `{"temperature":0.01,`+ask+`}`, false)
	f(Chat, `{"temperature":null,`+ask+`}`, false)
	f(Chat, `{"temperature":"0",`+ask+`}`, false)
	f(Chat, `{"temperature":false,`+ask+`}`, false)
	f(Chat, `{`+ask+`}`, false)
	f(Chat, `{"temperature":0,"store":true,`+ask+`}`, false)
	f(Chat, `{"temperature":0,"options":{"temperature":1},`+ask+`}`, false)
	f(Chat, `{"temperature":0,"messages":[]}`, false)
	f(Completions, `{"temperature":0,"prompt":"hi"}`, true)
	f(Completions, `{"temperature":0,"prompt":[1,2]}`, true)
	f(Responses, `{"temperature":0,"input":"hi"}`, false) // the engine keeps it
	f(Messages, `{"temperature":0,`+ask+`}`, true)
	f(Embeddings, `{"input":"hi"}`, true)
	f(Embeddings, `{"input":[]}`, false)
	f(Rerank, `{"query":"hi","documents":["a"]}`, true)
	f(OllamaChat, `{"options":{"temperature":0},`+ask+`}`, true)
	f(OllamaChat, `{"options":{"temperature":0.1},`+ask+`}`, false)
	f(OllamaChat, `{"temperature":0,`+ask+`}`, false)
	f(OllamaGenerate, `{"options":{"temperature":0},"model":"m"}`, false) // loads a model
	f(TGIGenerate, `{"inputs":"hi","parameters":{"do_sample":false}}`, true)
	f(TGIGenerate, `{"inputs":"hi","parameters":{"do_sample":true}}`, false)
	f(TGIGenerate, `{"inputs":"hi"}`, false)
	f(SGLangGenerate, `{"text":"hi","sampling_params":{"temperature":0}}`, true)
	f(SGLangGenerate, `{"text":"hi","sampling_params":[{"temperature":0}]}`, false)
	f(TritonGenerate, `{"text_input":"hi","temperature":0}`, false)
	if n < 30 {
		t.Fatalf("only %d cases ran", n)
	}
}
