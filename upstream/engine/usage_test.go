package engine

import (
	"slices"
	"strings"
	"testing"
)

// settled is an answer as an engine's version sends it, in whole bodies with everything beside what is counted, and the
// tokens that an exchange is settled with.
type settled struct {
	name      string
	shape     Shape
	framing   Framing
	in, out   int64
	cached    int64
	estimated bool // the engine reports no usage: out is counted
	body      string
}

// events makes a stream of one event for each line; a line may begin with its event's name and a bar.
func events(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		line = strings.TrimSpace(line)
		if name, data, ok := strings.Cut(line, "|"); ok && !strings.HasPrefix(line, "{") {
			b.WriteString("event: " + name + "\n")
			line = data
		}
		b.WriteString("data: " + line + "\n\n")
	}
	return b.String()
}

func settlements() []settled {
	return slices.Concat(openAISettlements(), nativeSettlements(), llamacppSettlements(), agentSettlements())
}

// openAISettlements are answers in OpenAI's shapes, from the engines that speak them.
func openAISettlements() []settled {
	return []settled{
		{"vllm chat", Chat, Whole, 21, 9, 16, false, `{"id":"chatcmpl-9f1","object":"chat.completion","created":1762000000,"model":"meta-llama/Llama-3.1-8B-Instruct","choices":[{"index":0,"message":{"role":"assistant","content":"The capital of France is Paris.","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":[],"reasoning_content":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":null,"usage":{"prompt_tokens":21,"total_tokens":30,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":16}},"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null}`},
		{"vllm chat stream, include_usage", Chat, Events, 21, 3, 0, false, events(`
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","created":1762000000,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","created":1762000000,"model":"m","choices":[{"index":0,"delta":{"content":"Par"},"logprobs":null,"finish_reason":null,"token_ids":null}]}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","created":1762000000,"model":"m","choices":[{"index":0,"delta":{"content":"is"},"logprobs":null,"finish_reason":null,"token_ids":null}]}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","created":1762000000,"model":"m","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null}]}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","created":1762000000,"model":"m","choices":[],"usage":{"prompt_tokens":21,"total_tokens":24,"completion_tokens":3}}
			[DONE]`)},
		{"vllm chat stream, continuous_usage_stats", Chat, Events, 21, 3, 0, false, events(`
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"prompt_tokens":21,"total_tokens":21,"completion_tokens":0}}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"Par"},"finish_reason":null}],"usage":{"prompt_tokens":21,"total_tokens":22,"completion_tokens":1}}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"is"},"finish_reason":null}],"usage":{"prompt_tokens":21,"total_tokens":23,"completion_tokens":2}}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":21,"total_tokens":24,"completion_tokens":3}}
			{"id":"chatcmpl-9f1","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":21,"total_tokens":24,"completion_tokens":3}}
			[DONE]`)},
		{"usage that each frame adds", Chat, Events, 21, 3, 0, false, events(`
			{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Par"},"finish_reason":null}],"usage":{"prompt_tokens":21,"completion_tokens":1,"total_tokens":22}}
			{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"is"},"finish_reason":null}],"usage":{"prompt_tokens":21,"completion_tokens":1,"total_tokens":22}}
			{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"."},"finish_reason":"stop"}],"usage":{"prompt_tokens":21,"completion_tokens":1,"total_tokens":22}}
			[DONE]`)},
		{"vllm completions stream, no usage", Completions, Events, 0, 2, 0, true, events(`
			{"id":"cmpl-1","object":"text_completion","created":1762000000,"model":"m","choices":[{"index":0,"text":" Par","logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":null}
			{"id":"cmpl-1","object":"text_completion","created":1762000000,"model":"m","choices":[{"index":0,"text":"is","logprobs":null,"finish_reason":"stop","stop_reason":null}],"usage":null}
			[DONE]`)},
		{"sglang chat, reasoning and cache report", Chat, Whole, 40, 31, 32, false, `{"id":"5e0","object":"chat.completion","created":1762000000,"model":"qwen","choices":[{"index":0,"message":{"role":"assistant","content":"Paris.","reasoning_content":"The user asks for a capital.","tool_calls":null},"logprobs":null,"finish_reason":"stop","matched_stop":151645,"hidden_states":null}],"usage":{"prompt_tokens":40,"total_tokens":71,"completion_tokens":31,"prompt_tokens_details":{"cached_tokens":32},"reasoning_tokens":24},"metadata":{"weight_version":"default"}}`},
		{"tgi chat stream", Chat, Events, 17, 2, 0, false, events(`
			{"object":"chat.completion.chunk","id":"","created":1762000000,"model":"m","system_fingerprint":"3.3.4-native","choices":[{"index":0,"delta":{"role":"assistant","content":"Par"},"logprobs":null,"finish_reason":null}],"usage":null}
			{"object":"chat.completion.chunk","id":"","created":1762000000,"model":"m","system_fingerprint":"3.3.4-native","choices":[{"index":0,"delta":{"role":"assistant","content":"is"},"logprobs":null,"finish_reason":"stop"}],"usage":null}
			{"object":"chat.completion.chunk","id":"","created":1762000000,"model":"m","system_fingerprint":"3.3.4-native","choices":[],"usage":{"prompt_tokens":17,"completion_tokens":2,"total_tokens":19}}
			[DONE]`)},
		{"ollama chat stream in OpenAI's shape", Chat, Events, 26, 2, 0, false, events(`
			{"id":"chatcmpl-641","object":"chat.completion.chunk","created":1762000000,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Par"},"finish_reason":null}]}
			{"id":"chatcmpl-641","object":"chat.completion.chunk","created":1762000000,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"is"},"finish_reason":null}]}
			{"id":"chatcmpl-641","object":"chat.completion.chunk","created":1762000000,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}
			{"id":"chatcmpl-641","object":"chat.completion.chunk","created":1762000000,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":26,"completion_tokens":2,"total_tokens":28}}
			[DONE]`)},
		{"llama.cpp chat stream, timings beside usage", Chat, Events, 13, 2, 0, false, events(`
			{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1762000000,"id":"chatcmpl-a","model":"gguf","system_fingerprint":"b6700-1","object":"chat.completion.chunk"}
			{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Par"}}],"created":1762000000,"id":"chatcmpl-a","model":"gguf","system_fingerprint":"b6700-1","object":"chat.completion.chunk"}
			{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"is"}}],"created":1762000000,"id":"chatcmpl-a","model":"gguf","system_fingerprint":"b6700-1","object":"chat.completion.chunk"}
			{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1762000000,"id":"chatcmpl-a","model":"gguf","system_fingerprint":"b6700-1","object":"chat.completion.chunk"}
			{"choices":[],"created":1762000000,"id":"chatcmpl-a","model":"gguf","system_fingerprint":"b6700-1","object":"chat.completion.chunk","usage":{"completion_tokens":2,"prompt_tokens":13,"total_tokens":15},"timings":{"cache_n":0,"prompt_n":13,"prompt_ms":40.1,"predicted_n":2,"predicted_ms":21.5}}
			[DONE]`)},
		{"embeddings", Embeddings, Whole, 8, 0, 0, false, `{"id":"embd-1","object":"list","created":1762000000,"model":"bge-m3","data":[{"index":0,"object":"embedding","embedding":[0.0023,-0.0093,1.2e-3]}],"usage":{"prompt_tokens":8,"total_tokens":8,"completion_tokens":0,"prompt_tokens_details":null}}`},
	}
}

// nativeSettlements are answers in the engines' own shapes.
func nativeSettlements() []settled {
	return []settled{
		{"sglang generate", SGLangGenerate, Whole, 6, 4, 5, false, `{"text":" Paris. It is","output_ids":[12366,13,1102,374],"meta_info":{"id":"1b2","finish_reason":{"type":"length","length":4},"prompt_tokens":6,"weight_version":"default","completion_tokens":4,"cached_tokens":5,"e2e_latency":0.07}}`},
		{"sglang generate stream, cumulative", SGLangGenerate, Events, 6, 3, 5, false, events(`
			{"text":" Paris","output_ids":[12366],"meta_info":{"id":"1b2","finish_reason":null,"prompt_tokens":6,"completion_tokens":1,"cached_tokens":5}}
			{"text":" Paris.","output_ids":[12366,13],"meta_info":{"id":"1b2","finish_reason":null,"prompt_tokens":6,"completion_tokens":2,"cached_tokens":5}}
			{"text":" Paris. It","output_ids":[12366,13,1102],"meta_info":{"id":"1b2","finish_reason":{"type":"length","length":3},"prompt_tokens":6,"completion_tokens":3,"cached_tokens":5}}
			[DONE]`)},
		{"tgi generate with details, which do not count the prompt", TGIGenerate, Whole, 0, 3, 0, false, `{"generated_text":" Paris.\n","details":{"finish_reason":"length","generated_tokens":3,"seed":null,"prefill":[{"id":1,"text":"<s>","logprob":null},{"id":2,"text":"The","logprob":-3.1},{"id":3,"text":" capital","logprob":-2.2},{"id":4,"text":" of","logprob":-0.2},{"id":5,"text":" France","logprob":-1.1}],"tokens":[{"id":12366,"text":" Paris","logprob":-0.4,"special":false},{"id":13,"text":".","logprob":-0.3,"special":false},{"id":198,"text":"\n","logprob":-0.6,"special":false}]}}`},
		{"tgi generate without details", TGIGenerate, Whole, 0, 6, 0, true, `{"generated_text":" Paris is a city on it."}`},
		{"tgi generate_stream", TGIGenerate, Events, 5, 3, 0, false, events(`
			{"index":1,"token":{"id":12366,"text":" Paris","logprob":-0.4,"special":false},"generated_text":null,"details":null}
			{"index":2,"token":{"id":13,"text":".","logprob":-0.3,"special":false},"generated_text":null,"details":null}
			{"index":3,"token":{"id":198,"text":"\n","logprob":-0.6,"special":false},"generated_text":" Paris.\n","details":{"finish_reason":"length","generated_tokens":3,"seed":null,"input_length":5}}`)},
		{"ollama generate", OllamaGenerate, Whole, 26, 298, 0, false, `{"model":"llama3.2","created_at":"2025-11-01T19:22:45.499127Z","response":"The sky is blue because of Rayleigh scattering.","done":true,"done_reason":"stop","context":[1,2,3],"total_duration":5043500667,"load_duration":5025959,"prompt_eval_count":26,"prompt_eval_duration":325953000,"eval_count":298,"eval_duration":4709213000}`},
		{"ollama chat stream", OllamaChat, Lines, 26, 282, 0, false, `{"model":"llama3.2","created_at":"2025-11-01T08:52:19.385Z","message":{"role":"assistant","content":"The","images":null},"done":false}` + "\n" +
			`{"model":"llama3.2","created_at":"2025-11-01T08:52:19.4Z","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}` + "\n" +
			`{"model":"llama3.2","created_at":"2025-11-01T19:22:45.499Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":4883583458,"load_duration":1334875,"prompt_eval_count":26,"prompt_eval_duration":342546000,"eval_count":282,"eval_duration":4535599000}` + "\n"},
		{"ollama chat of a cached prompt", OllamaChat, Whole, 0, 7, 0, false, `{"model":"llama3.2","created_at":"2025-11-01T19:22:45Z","message":{"role":"assistant","content":"Paris."},"done":true,"total_duration":1,"eval_count":7,"eval_duration":1}`},
		{"ollama embed", OllamaEmbed, Whole, 8, 0, 0, false, `{"model":"all-minilm","embeddings":[[0.010071029,-0.0017594862]],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}`},
		{"triton generate", TritonGenerate, Whole, 0, 4, 0, true, `{"model_name":"ensemble","model_version":"1","sequence_end":false,"sequence_id":0,"sequence_start":false,"text_output":"Paris, of course"}`},
		{"triton generate_stream", TritonGenerate, Events, 0, 3, 0, true, events(`
			{"model_name":"vllm_model","model_version":"1","text_output":" Par"}
			{"model_name":"vllm_model","model_version":"1","text_output":"is"}
			{"model_name":"vllm_model","model_version":"1","text_output":"."}`)},
		{"kserve infer", TritonInfer, Whole, 0, 0, 0, true, `{"model_name":"resnet","model_version":"1","outputs":[{"name":"text_output","datatype":"BYTES","shape":[1],"data":["Paris"]}]}`},
		{"llama.cpp completion", Completions, Whole, 11, 5, 0, false, `{"choices":[{"text":" Paris.","index":0,"logprobs":null,"finish_reason":"length"}],"created":1762000000,"model":"gguf","system_fingerprint":"b6700-1","object":"text_completion","usage":{"completion_tokens":5,"prompt_tokens":11,"total_tokens":16},"id":"chatcmpl-b","timings":{"prompt_n":11,"predicted_n":5}}`},
	}
}

// llamacppSettlements are answers of llama.cpp's own routes. A stream of several has a count for each; the members that an answer
// has are the client's to pick.
func llamacppSettlements() []settled {
	const rest = `"id_slot":0,"stop":true,"model":"gguf","generation_settings":{"seed":4294967295,"max_tokens":3,"n_predict":3,"stop":["\n"],"stream":true},"prompt":"<s> The capital","has_new_line":false,"truncated":false,"stop_type":"limit","stopping_word":"","tokens_cached":7,"timings":{"cache_n":0,"prompt_n":5,"prompt_ms":41.2,"predicted_n":3,"predicted_ms":95.1}`
	return []settled{
		{"llama.cpp completion, its own", LlamaCompletion, Whole, 5, 3, 0, false, `{"index":0,"content":" Paris.","tokens":[],"tokens_predicted":3,"tokens_evaluated":5,` + rest + `}`},
		{"llama.cpp completion of two prompts", LlamaCompletion, Whole, 9, 7, 0, false, `[{"index":0,"content":" Paris.","tokens":[],"tokens_predicted":3,"tokens_evaluated":5,` + rest + `},{"index":1,"content":" Rome, too","tokens":[],"tokens_predicted":4,"tokens_evaluated":4,` + rest + `}]`},
		{"llama.cpp completion without counts", LlamaCompletion, Whole, 0, 2, 0, true, `{"content":" Paris."}`},
		{"llama.cpp completion stream", LlamaCompletion, Events, 5, 3, 0, false, events(`
			{"index":0,"content":" Par","tokens":[3681],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":5}
			{"index":0,"content":"is","tokens":[285],"stop":false,"id_slot":-1,"tokens_predicted":2,"tokens_evaluated":5}
			{"index":0,"content":"","tokens":[],"tokens_predicted":3,"tokens_evaluated":5,` + rest + `}`)},
		{"llama.cpp completion stream of two prompts, by turns", LlamaCompletion, Events, 9, 4, 0, false, events(`
			{"index":0,"content":" Par","tokens":[3681],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":5}
			{"index":1,"content":" Ro","tokens":[3],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":4}
			{"index":0,"content":"is","tokens":[285],"stop":false,"id_slot":-1,"tokens_predicted":2,"tokens_evaluated":5}
			{"index":0,"content":"","tokens":[],"tokens_predicted":2,"tokens_evaluated":5,` + rest + `}
			{"index":1,"content":"me","tokens":[3],"stop":false,"id_slot":-1,"tokens_predicted":2,"tokens_evaluated":4}
			{"index":1,"content":"","tokens":[],"tokens_predicted":2,"tokens_evaluated":4,` + rest + `}`)},
		{"llama.cpp completion stream that is cut", LlamaCompletion, Events, 5, 2, 0, true, events(`
			{"index":0,"content":" Par","tokens":[3681],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":5}
			{"index":0,"content":"is","tokens":[285],"stop":false,"id_slot":-1,"tokens_predicted":2,"tokens_evaluated":5}`)},
	}
}

// A stream of llama.cpp's own is whole when each of its answers is, whatever members the client has picked for its end.
func TestLlamacppStreamEnds(t *testing.T) {
	f := func(want bool, frames ...string) {
		t.Helper()
		if got := meter(LlamaCompletion, Events, events(strings.Join(frames, "\n"))); got.ended != want || got.failed {
			t.Errorf("%q: want ended %v; got %v, failed %v", frames, want, got.ended, got.failed)
		}
	}
	piece := func(i string) string { return `{"index":` + i + `,"content":"x","stop":false}` }
	end := func(i string) string { return `{"index":` + i + `,"content":"","stop":true}` }
	f(false, piece("0"))
	f(true, piece("0"), end("0"))
	f(false, piece("0"), piece("1"), end("0"))
	f(false, piece("0"), end("0"), piece("1"))
	f(true, piece("0"), end("0"), piece("1"), end("1"))
	f(true, piece("0"), `{"content":""}`)
}

// agentSettlements are answers of the Responses and Messages APIs.
func agentSettlements() []settled {
	return []settled{
		{"responses", Responses, Whole, 36, 87, 12, false, `{"id":"resp_1","object":"response","created_at":1762000000,"status":"completed","error":null,"incomplete_details":null,"model":"gpt-oss-20b","output":[{"type":"reasoning","id":"rs_1","content":[{"type":"reasoning_text","text":"A capital."}]},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Paris.","annotations":[]}]}],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":12},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":80},"total_tokens":123}}`},
		{"responses stream", Responses, Events, 37, 11, 0, false, events(`
			response.created|{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"output":[],"usage":null}}
			response.output_item.added|{"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}
			response.output_text.delta|{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Par","logprobs":[]}
			response.output_text.delta|{"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"is","logprobs":[]}
			response.output_text.done|{"type":"response.output_text.done","sequence_number":6,"item_id":"msg_1","output_index":0,"content_index":0,"text":"Paris"}
			response.completed|{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","object":"response","status":"completed","error":null,"output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Paris","annotations":[]}]}],"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":0},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":48}}}`)},
		{"messages", Messages, Whole, 2095, 503, 2051, false, `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Paris."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":40,"cache_creation_input_tokens":4,"cache_read_input_tokens":2051,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":0},"output_tokens":503,"service_tier":"standard"}}`},
		{"messages stream", Messages, Events, 25, 15, 0, false, events(`
			message_start|{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"output_tokens":1}}}
			content_block_start|{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}
			ping|{"type":"ping"}
			content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}
			content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"!"}}
			content_block_stop|{"type":"content_block_stop","index":0}
			message_delta|{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}
			message_stop|{"type":"message_stop"}`)},
		{"messages stream whose input is known at the end", Messages, Events, 472, 89, 0, false, events(`
			message_start|{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"usage":{"input_tokens":0,"output_tokens":0}}}
			content_block_start|{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}
			content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"location\":"}}
			content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":" \"Paris\"}"}}
			content_block_stop|{"type":"content_block_stop","index":0}
			message_delta|{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":472,"output_tokens":89}}
			message_stop|{"type":"message_stop"}`)},
	}
}

// TestEveryEngineIsSettled: of every engine's real answers, whole and streamed, the tokens that limits are settled with.
func TestEveryEngineIsSettled(t *testing.T) {
	all := settlements()
	for _, s := range all {
		want := Usage{Input: s.in, Output: s.out, Cached: s.cached, Reported: !s.estimated}
		for _, pieces := range [][]string{{s.body}, strings.SplitAfter(s.body, ","), strings.Split(s.body, "")} {
			if got := meter(s.shape, s.framing, pieces...); got.usage != want || got.failed {
				t.Errorf("%s in %d pieces:\nwant %+v\ngot  %+v, failed %v", s.name, len(pieces), want, got.usage, got.failed)
			}
		}
	}
	if len(all) < 25 {
		t.Errorf("%d answers are left", len(all))
	}
}
