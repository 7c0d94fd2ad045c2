package engine

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// reading is all that a Meter says of an answer.
type reading struct {
	usage         Usage
	frames        int64
	ended, failed bool
}

func (r reading) String() string {
	return fmt.Sprintf("%d in, %d out, %d cached, reported %v; %d frames, ended %v, failed %v",
		r.usage.Input, r.usage.Output, r.usage.Cached, r.usage.Reported, r.frames, r.ended, r.failed)
}

func meter(shape Shape, framing Framing, pieces ...string) reading {
	var m Meter
	m.Reset(shape, framing)
	for _, p := range pieces {
		m.Feed([]byte(p))
		m.Usage() // looking must not change what is read
	}
	return reading{m.Usage(), m.Frames(), m.Ended(), m.Failed()}
}

type answer struct {
	name    string
	shape   Shape
	framing Framing
	body    string
	want    reading
}

func chunk(content, rest string) string {
	return `data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"` + content + `"},"finish_reason":null}]` + rest + "}\n\n"
}

// answers are what the engines send, one of each form of stream and of usage.
func answers() []answer {
	usage := func(in, out int) string {
		return fmt.Sprintf(`"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":3}}`, in, out, in+out)
	}
	said := func(in, out, cached, frames int64) reading {
		return reading{Usage{Input: in, Output: out, Cached: cached, Reported: true}, frames, true, false}
	}
	role := `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}` + "\n\n"
	done := "data: [DONE]\n\n"
	sgl := func(text string, n int) string {
		return fmt.Sprintf(`data: {"text":%q,"meta_info":{"id":"x","finish_reason":null,"prompt_tokens":5,"completion_tokens":%d,"cached_tokens":1}}`+"\n\n", text, n)
	}
	typed := func(kind, rest string) string {
		return "event: " + kind + "\ndata: {\"type\":\"" + kind + "\"" + rest + "}\n\n"
	}
	return []answer{
		{"usage at the end", Chat, Events, role + chunk("Hel", "") + chunk("lo", "") + `data: {"choices":[],` + usage(9, 2) + "}\n\n" + done, said(9, 2, 3, 2)},
		{"usage summed up in every frame", Chat, Events, chunk("a", ","+usage(9, 1)) + chunk("b", ","+usage(9, 4)) + `data: {"choices":[],` + usage(9, 4) + "}\n\n" + done, said(9, 4, 3, 2)},
		{"usage as increments", Chat, Events, chunk("a", ","+usage(9, 1)) + chunk("b", ","+usage(9, 1)) + chunk("c", ","+usage(9, 1)) + done, said(9, 3, 3, 3)},
		{"usage null until the end", Chat, Events, chunk("a", `,"usage":null`) + `data: {"choices":[],` + usage(9, 7) + "}\n\n" + done, said(9, 7, 3, 1)},
		{"two choices with usage of their own", Chat, Events, chunk("a", ","+usage(9, 1)) + strings.Replace(chunk("b", ","+usage(9, 1)), `"index":0`, `"index":1`, 1) + strings.Replace(chunk("b", ","+usage(9, 2)), `"index":0`, `"index":1`, 1) + `data: {"choices":[],` + usage(9, 5) + "}\n\n" + done, said(9, 5, 3, 3)},
		{"no usage", Chat, Events, role + chunk("one", "") + chunk(" two", "") + chunk("", "") + done, reading{Usage{Output: 2}, 2, true, false}},
		{"several tokens in a frame", Chat, Events, chunk(strings.Repeat("word ", 10), "") + done, reading{Usage{Output: 13}, 1, true, false}},
		{"cut off", Chat, Events, chunk("one", "") + "data: {\"choices\":[{\"delta\":{\"con", reading{Usage{Output: 1}, 1, false, false}},
		{"broken frame", Chat, Events, chunk("one", "") + "data: {\"choices\":[}\n\n" + done, reading{Usage{Output: 1}, 1, true, true}},
		{"error in the stream", Chat, Events, chunk("one", "") + `data: {"error":{"message":"out of memory","code":500}}` + "\n\n", reading{Usage{Output: 1}, 1, false, true}},
		{"error event", Messages, Events, "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"x\"}}\n\n", reading{failed: true}},
		{"error null is none", Responses, Events, `data: {"type":"response.created","response":{"error":null,"usage":null}}` + "\n\n", reading{}},
		{"reasoning and tool calls", Chat, Events, `data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}` + "\n\n" + `data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"a\""}}]}}]}` + "\n\n" + done, reading{Usage{Output: 2}, 2, true, false}},
		{"completions", Completions, Events, `data: {"choices":[{"text":"x","index":0}]}` + "\n\n" + done, reading{Usage{Output: 1}, 1, true, false}},
		{"responses", Responses, Events, typed("response.created", `,"response":{"id":"r","usage":null}`) + typed("response.output_text.delta", `,"delta":"Hi"`) + typed("response.output_text.done", `,"text":"Hi"`) +
			typed("response.completed", `,"response":{"output":[{"content":[{"text":"Hi"}]}],"usage":{"input_tokens":4,"input_tokens_details":{"cached_tokens":2},"output_tokens":6}}`), said(4, 6, 2, 1)},
		{"responses failed", Responses, Events, typed("response.failed", `,"response":{"error":{"code":"server_error"}}`), reading{failed: true}},
		{"messages", Messages, Events, typed("message_start", `,"message":{"role":"assistant","content":[],"usage":{"input_tokens":4,"cache_read_input_tokens":2,"cache_creation_input_tokens":1,"output_tokens":1}}`) +
			typed("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`) + typed("ping", "") + typed("content_block_delta", `,"delta":{"type":"text_delta","text":"Hel"}`) + typed("content_block_delta", `,"delta":{"type":"text_delta","text":"lo"}`) +
			typed("message_delta", `,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":8}`) + typed("message_stop", ""), said(7, 8, 2, 2)},
		{"tgi", TGIGenerate, Events, `data:{"index":1,"token":{"id":5,"text":"Hi","special":false},"generated_text":null,"details":null}` + "\n\n" +
			`data:{"index":2,"token":{"id":6,"text":"!","special":false},"generated_text":"Hi!","details":{"finish_reason":"length","generated_tokens":2,"input_length":3}}` + "\n\n", said(3, 2, 0, 2)},
		{"sglang", SGLangGenerate, Events, sgl("Hi", 1) + sgl("Hi there", 2) + sgl("Hi there", 2) + done, said(5, 2, 1, 3)},
		{"triton", TritonGenerate, Events, `data: {"model_name":"m","text_output":"Hi"}` + "\n\n", reading{Usage{Output: 1}, 1, false, false}},
		{"ollama chat", OllamaChat, Lines, `{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}` + "\n" + `{"model":"m","message":{"role":"assistant","content":""},"done":true,"prompt_eval_count":7,"eval_count":2}` + "\n", said(7, 2, 0, 1)},
		{"ollama generate", OllamaGenerate, Lines, `{"response":"Hi","done":false}` + "\r\n" + `{"response":"","done":true,"eval_count":2}` + "\n", said(0, 2, 0, 1)},
		{"ollama error", OllamaGenerate, Lines, `{"response":"Hi","done":false}` + "\n" + `{"error":"boom"}` + "\n", reading{Usage{Output: 1}, 1, false, true}},
		{"whole chat", Chat, Whole, `{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \"there\" \u00e9"}}],` + usage(9, 4) + "}", reading{Usage{9, 4, 3, true}, 0, false, false}},
		{"whole without usage", Chat, Whole, `{"choices":[{"message":{"content":"twelve bytes"}}]}`, reading{Usage{Output: 3}, 0, false, false}},
		{"whole messages", Messages, Whole, `{"content":[{"type":"text","text":"Hi"}],"usage":{"input_tokens":4,"output_tokens":2}}`, reading{Usage{4, 2, 0, true}, 0, false, false}},
		{"whole responses", Responses, Whole, `{"error":null,"output":[{"content":[{"text":"Hi"}]}],"usage":{"input_tokens":4,"output_tokens":2}}`, reading{Usage{4, 2, 0, true}, 0, false, false}},
		{"whole embeddings", Embeddings, Whole, `{"data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":4,"total_tokens":4}}`, reading{Usage{Input: 4, Reported: true}, 0, false, false}},
		{"whole embeddings without usage", Embeddings, Whole, `{"data":[{"embedding":"YWJj"}],"text":"x"}`, reading{}},
		{"whole tgi list", TGIGenerate, Whole, `[{"generated_text":"Hi","details":{"generated_tokens":2}}]`, reading{Usage{Output: 2, Reported: true}, 0, false, false}},
		{"whole text", Transcription, Whole, "Hello {\"usage\":{\"prompt_tokens\":9}}", reading{}},
		{"whole nothing", Chat, Whole, "", reading{}},
		{"crlf, comments, no blank", Chat, Events, ": hello\r\nevent:x\r\nid: 7\r\nretry: 10\r\ndata:{\"choices\":[{\"delta\":\r\ndata: {\"content\":\"a\"}}]}\r\n\r\n:\r\n\r\ndata:[DONE]\r\n\r\n", reading{Usage{Output: 1}, 1, true, false}},
		{"cr alone and a byte order mark", Chat, Events, "\xef\xbb\xbfdata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\rdata: [DONE]\r\r", reading{Usage{Output: 1}, 1, true, false}},
		{"no blank lines", Chat, Events, strings.ReplaceAll(chunk("a", "")+chunk("b", "")+done, "\n\n", "\n"), reading{Usage{Output: 2}, 2, true, false}},
		{"done as data of another kind", Chat, Events, "data: [DONE]x\n\ndata:  [DONE]\n\n", reading{failed: true}},
	}
}

func TestMeter(t *testing.T) {
	for _, a := range answers() {
		if got := meter(a.shape, a.framing, a.body); got != a.want {
			t.Errorf("%s:\nwant %v\ngot  %v", a.name, a.want, got)
		}
	}
}

func TestMeterSplitAnywhere(t *testing.T) {
	for _, a := range answers() {
		for i := 1; i < len(a.body); i++ {
			if got := meter(a.shape, a.framing, a.body[:i], a.body[i:]); got != a.want {
				t.Fatalf("%s split at %d:\nwant %v\ngot  %v", a.name, i, a.want, got)
			}
		}
		if got := meter(a.shape, a.framing, strings.Split(a.body, "")...); got != a.want {
			t.Errorf("%s byte by byte:\nwant %v\ngot  %v", a.name, a.want, got)
		}
	}
}

func TestMeterSplitInManyPieces(t *testing.T) {
	all := answers()
	rapid.Check(t, func(t *rapid.T) {
		a := all[rapid.IntRange(0, len(all)-1).Draw(t, "answer")]
		var pieces []string
		for rest := a.body; rest != ""; {
			n := rapid.IntRange(1, min(len(rest), 40)).Draw(t, "length")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := meter(a.shape, a.framing, pieces...); got != a.want {
			t.Fatalf("%s: want %v; got %v", a.name, a.want, got)
		}
	})
}

func TestMeterAllocatesNothing(t *testing.T) {
	for _, a := range answers() {
		body := []byte(a.body)
		var m Meter
		if n := testing.AllocsPerRun(20, func() {
			m.Reset(a.shape, a.framing)
			for i := range body {
				m.Feed(body[i : i+1])
			}
			m.Usage()
		}); n != 0 {
			t.Errorf("%s: want no allocation; got %v", a.name, n)
		}
	}
}

func FuzzMeter(f *testing.F) {
	for i, a := range answers() {
		f.Add([]byte(a.body), uint8(a.shape), uint8(a.framing), uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, body []byte, shape, framing uint8, at uint16) {
		s, fr := Shape(int(shape)%len(specs)), Framing(framing%3)
		whole := meter(s, fr, string(body))
		cut := int(at) % (len(body) + 1)
		if got := meter(s, fr, string(body[:cut]), string(body[cut:])); got != whole {
			t.Fatalf("split at %d: want %v; got %v", cut, whole, got)
		}
		if got := meter(s, fr, strings.Split(string(body), "")...); len(body) < 500 && validUTF8(body) && got != whole {
			t.Fatalf("byte by byte: want %v; got %v", whole, got)
		}
		if whole.usage.Output < 0 || whole.usage.Input < 0 {
			t.Fatalf("negative usage: %v", whole)
		}
	})
}

func validUTF8(b []byte) bool { return strings.ToValidUTF8(string(b), "") == string(b) }
