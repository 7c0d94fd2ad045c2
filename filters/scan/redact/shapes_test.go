package redact

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"blaze/upstream/engine"
)

// TestShapes: the same secret, cut into two frames, in the words of each API; and whole, in the event that repeats it.
func TestShapes(t *testing.T) {
	fd := finder(t)
	one, two := githubToken[:17], githubToken[17:]
	f := func(shape engine.Shape, framing engine.Framing, format string) {
		t.Helper()
		var a Answer
		a.Reset(fd, Hide, shape, framing, false, nothing)
		frame := func(text string) string {
			s := strings.ReplaceAll(format, "%", text)
			if framing == engine.Events {
				return "data: " + s + "\n\n"
			}
			return s + "\n"
		}
		out := run(&a, frame("my key is "+one), frame(two+" ok"))
		want := frame("my key is [redacted:github_token]") + frame(" ok")
		if out != want {
			t.Errorf("%s\ngot  %s\nwant %s", format, out, want)
		}
	}
	f(engine.Chat, engine.Events, `{"choices":[{"delta":{"content":"%"},"index":0}]}`)
	f(engine.Chat, engine.Events, `{"choices":[{"delta":{"reasoning_content":"%"},"index":0}]}`)
	f(engine.Chat, engine.Events, `{"choices":[{"delta":{"content":[{"type":"text","text":"%"}]},"index":0}]}`)
	f(engine.Chat, engine.Events, `{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"%"},"index":0}]},"index":0}]}`)
	f(engine.Chat, engine.Events, `{"choices":[{"delta":{"function_call":{"arguments":"%"}},"index":0}]}`)
	f(engine.Completions, engine.Events, `{"choices":[{"text":"%","index":1}]}`)
	f(engine.Responses, engine.Events, `{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"%"}`)
	f(engine.Responses, engine.Events, `{"type":"response.function_call_arguments.delta","output_index":1,"delta":"%"}`)
	f(engine.Messages, engine.Events, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%"}}`)
	f(engine.Messages, engine.Events, `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"%"}}`)
	f(engine.Messages, engine.Events, `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"%"}}`)
	f(engine.OllamaChat, engine.Lines, `{"model":"m","message":{"role":"assistant","content":"%"},"done":false}`)
	f(engine.OllamaGenerate, engine.Lines, `{"model":"m","response":"%","done":false}`)
	f(engine.TGIGenerate, engine.Events, `{"index":7,"token":{"id":1,"text":"%","special":false},"generated_text":null}`)
	f(engine.TritonGenerate, engine.Events, `{"model_name":"m","text_output":"%"}`)
	f(engine.SGLangGenerate, engine.Events, `{"text":"%","meta_info":{"id":"x"}}`)
	f(engine.LlamaCompletion, engine.Events, `{"index":0,"content":"%","stop":false,"tokens_predicted":1,"tokens_evaluated":5}`)
	f(engine.Opaque, engine.Events, `%`)
}

// TestCounted: TGI numbers its frames, and that number tells no texts apart.
func TestCounted(t *testing.T) {
	var a Answer
	a.Reset(finder(t), Hide, engine.TGIGenerate, engine.Events, false, nothing)
	frame := func(n int, text, whole string) string {
		return fmt.Sprintf("data:{\"index\":%d,\"token\":{\"text\":%q},\"generated_text\":%s}\n\n", n, text, whole)
	}
	out := run(&a, frame(1, githubToken[:9], "null"), frame(2, githubToken[9:]+" x", "null"), frame(3, ".", `"`+githubToken+` x."`))
	want := frame(1, "[redacted:github_token]", "null") + frame(2, " x", "null") + frame(3, ".", `"[redacted:github_token] x."`)
	if out != want {
		t.Errorf("got %s", out)
	}
}

// TestByTurns: llama.cpp's frames belong to the answer whose index they have, until it says that it has stopped.
func TestByTurns(t *testing.T) {
	var a Answer
	a.Reset(finder(t), Hide, engine.LlamaCompletion, engine.Events, false, nothing)
	frame := func(n int, text string, stop bool) string {
		return fmt.Sprintf("data: {\"index\":%d,\"content\":%q,\"stop\":%v}\n\n", n, text, stop)
	}
	out := run(&a, frame(0, githubToken[:9], false), frame(1, "hello", false), frame(0, githubToken[9:], true), frame(1, " there", true))
	want := frame(0, "[redacted:github_token]", false) + frame(1, "hello", false) + frame(0, "", true) + frame(1, " there", true)
	if out != want {
		t.Errorf("got %s", out)
	}
}

// TestCumulative: SGLang's own route repeats the text so far in each frame.
func TestCumulative(t *testing.T) {
	f, text := finder(t), "the key: "+githubToken+" and "+mail+" too."
	var a Answer
	a.Reset(f, Hide, engine.SGLangGenerate, engine.Events, false, nothing)
	var frames []string
	for i := 3; i < len(text); i += 5 {
		frames = append(frames, "data: {\"text\":"+quote(text[:i], false)+"}\n\n")
	}
	frames = append(frames, "data: {\"text\":"+quote(text, false)+"}\n\n", "data: [DONE]\n\n")
	out := run(&a, frames...)
	if strings.Contains(out, "ghp_") || strings.Contains(out, "ada") || !strings.HasSuffix(out, "{\"text\":"+quote(masked(f, text), false)+"}\n\ndata: [DONE]\n\n") {
		t.Errorf("got %s", out)
	}
}

// TestTokensSaidTwice: where a frame repeats the text token by token, and something in it is hidden, it says null instead.
func TestTokensSaidTwice(t *testing.T) {
	f := func(framing engine.Framing, jsonBody bool, want string, pieces ...string) {
		t.Helper()
		var a Answer
		a.Reset(finder(t), Hide, engine.Chat, framing, jsonBody, nothing)
		if got := run(&a, pieces...); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	frame := func(text, probs string) string {
		return `data: {"choices":[{"index":0,"logprobs":` + probs + `,"delta":{"content":"` + text + `"}}]}` + "\n\n"
	}
	probs := `{"content":[{"token":"ghp_","bytes":[103],"top_logprobs":[]}]}`
	f(engine.Events, false, frame("[redacted:github_token]", "null")+frame(" ", "null")+frame("ok", probs), frame(githubToken, probs), frame(" ", "null"), frame("ok", probs))
	f(engine.Whole, true, `{"choices":[{"message":{"content":"[redacted:email]"},"logprobs":null}]}`, `{"choices":[{"message":{"content":"`+mail+`"},"logprobs":`+probs+`}]}`)
	f(engine.Lines, false, `{"response":"[redacted:email]"}`+"\n"+`{"response":"","done":true,"context":null}`+"\n", `{"response":"`+mail+`"}`+"\n", `{"response":"","done":true,"context":[1,2,3]}`+"\n")
}

// TestLongJSON: a JSON answer that is too long to be held comes out as it would whole, cut anywhere.
func TestLongJSON(t *testing.T) {
	f := finder(t)
	filler := strings.Repeat("lorem ipsum dolor, ", 60000)
	text := "key " + githubToken + " é\U0001F600\n\"" + mail + `" \ ` + privateKey
	body := `{"n":[4111111111111111],"a":` + quote(filler, false) + `,"b":` + quote(text, true) + `,"` + mail + `":"x","c":` + quote(text, false) + `}`
	want := `{"n":[4111111111111111],"a":` + quote(filler, false) + `,"b":` + quote(masked(f, text), false) + `,"[redacted:email]":"x","c":` + quote(masked(f, text), false) + `}`
	var a Answer
	for cut := len(body) - 1200; cut < len(body); cut += 41 {
		a.Reset(f, Hide, engine.Chat, engine.Whole, true, nothing)
		got := run(&a, body[:len(body)-1300], body[len(body)-1300:cut], body[cut:])
		var g, w map[string]any
		if err := json.Unmarshal([]byte(got), &g); err != nil {
			t.Fatalf("cut at %d: %v: %s", cut, err, got[len(got)-900:])
		}
		_ = json.Unmarshal([]byte(want), &w)
		if fmt.Sprint(g) != fmt.Sprint(w) {
			t.Fatalf("cut at %d: got %s", cut, got[len(got)-900:])
		}
	}
}

// TestText: an answer that is neither, cut anywhere.
func TestText(t *testing.T) {
	f, text := finder(t), "Dear "+mail+",\nthe card "+cardNumber+"; {\"k\":\""+webToken+"\"}"
	var a Answer
	for cut := range text {
		a.Reset(f, Hide, engine.Opaque, engine.Whole, false, nothing)
		if got := run(&a, text[:cut], text[cut:]); got != masked(f, text) {
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
}
