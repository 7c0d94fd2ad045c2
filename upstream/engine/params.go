package engine

// ParamID names a parameter that bounds or steers a generation, whatever each engine calls it and wherever it stands.
type ParamID uint8

// The parameters. What each is called in which shape is in the shape tables.
const (
	ParamMaxTokens      ParamID = iota + 1 // max_tokens, max_completion_tokens, max_output_tokens, max_new_tokens, num_predict
	ParamMinTokens                         // min_tokens, min_new_tokens
	ParamN                                 // n, num_return_sequences
	ParamBestOf                            // best_of
	ParamLogprobs                          // top_logprobs; logprobs where it is a number; top_n_tokens
	ParamPromptLogprobs                    // prompt_logprobs, decoder_input_details, logprob_start_len
	ParamStop                              // stop, stop_sequences, stop_token_ids
	ParamBadWords                          // bad_words
	ParamLogitBias                         // logit_bias
	ParamGrammar                           // guided_grammar, ebnf, structured_outputs.grammar
	ParamRegex                             // guided_regex, regex, structured_outputs.regex
	ParamSchema                            // response_format, guided_json, json_schema, format
	ParamMessages                          // messages, conversations
	ParamTools                             // tools, functions
	ParamPriority                          // priority
	ParamCacheSalt                         // cache_salt
	ParamLoRA                              // lora_path, adapter_id
	ParamStreamOptions                     // stream_options
	ParamContext                           // options.num_ctx
	ParamKeepAlive                         // keep_alive
	ParamBatch                             // a prompt, input, texts or their settings sent as a list: how many
	ParamChatTemplate                      // chat_template, template, raw
	ParamInternal                          // what only the engine's own parts send each other: kv_transfer_params, bootstrap_host
	ParamCount                             // how many there are, zero included
)

// Param is one such value: Off and Len span the JSON value, Type is its first byte as in Field, and Count how many
// elements an array or members an object has, 1 for any other value.
type Param struct {
	ID       ParamID
	Type     byte
	Count    int32
	Off, Len uint32
}

// Raw is the value of p as sent.
func (d *Document) Raw(p Param) []byte { return d.Body[p.Off : p.Off+p.Len] }
