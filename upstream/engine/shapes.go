package engine

// specs are the shapes' tables, by Shape. Built once, never changed.
var specs = [...]*spec{
	Opaque:         opaque(),
	None:           opaque(),
	Chat:           obj(merge(chatFields(), chatMessages(messageSpec()))),
	ChatBatch:      obj(merge(chatFields(), chatMessages(list(messageSpec())))),
	Completions:    completions(),
	Responses:      responses(),
	Embeddings:     embeddings(),
	Rerank:         rerank(),
	Transcription:  transcription(),
	Speech:         speech(),
	Images:         images(),
	Messages:       messages(),
	Tokenize:       tokenize(),
	OllamaGenerate: ollamaGenerate(),
	OllamaChat:     ollamaChat(),
	OllamaEmbed:    ollamaEmbed(),
	TGIGenerate:    tgiGenerate(),
	SGLangGenerate: obj(sglangFields()),
	TritonInfer:    tritonInfer(),
	TritonGenerate: tritonGenerate(),
	Vertex:         vertex(),

	LlamaCompletion: llamaCompletion(),
}

// opaque knows no position, but finds what the other filters ask of every body, where nearly every API has it.
func opaque() *spec {
	s := obj(common())
	s.keys["max_tokens"] = plain().to(toMaxTokens)
	s.keys["n"] = plain().to(toN)
	s.keys["model"] = plain().to(toModel)
	s.keys["user"] = plain().to(toUser)
	// An unknown API may well tell names apart by case.
	s.folded = nil
	return s
}

// common are the members that all of OpenAI's bodies share.
func common() map[string]*spec {
	return map[string]*spec{
		"model":          modelField(),
		"user":           userField(),
		"stream":         plain().to(toStream),
		"stream_options": obj(map[string]*spec{"include_usage": plain().to(toIncludeUsage)}).as(ParamStreamOptions),
	}
}

// sampling are the members that bound or steer a generation under OpenAI's names, with what vLLM, SGLang and llama.cpp add.
func sampling() map[string]*spec {
	return merge(llamaSampling(), map[string]*spec{
		"max_tokens":            param(ParamMaxTokens).to(toMaxTokens),
		"max_completion_tokens": param(ParamMaxTokens).to(toMaxTokens),
		"min_tokens":            param(ParamMinTokens),
		"n":                     param(ParamN).to(toN),
		"best_of":               param(ParamBestOf).to(toN),
		"prompt_logprobs":       param(ParamPromptLogprobs),
		"stop":                  texts().as(ParamStop),
		"stop_token_ids":        param(ParamStop),
		"bad_words":             texts().as(ParamBadWords),
		"logit_bias":            param(ParamLogitBias),
		"response_format":       responseFormat(),
		"guided_json":           freeText.as(ParamSchema),
		"guided_regex":          text().as(ParamRegex),
		"guided_grammar":        text().as(ParamGrammar),
		"guided_choice":         texts().as(ParamSchema),
		"json_schema":           freeText.as(ParamSchema),
		"regex":                 text().as(ParamRegex),
		"ebnf":                  text().as(ParamGrammar),
		"structural_tag":        freeText.as(ParamSchema),
		"structured_outputs":    structuredOutputs(),
		"priority":              param(ParamPriority),
		"cache_salt":            param(ParamCacheSalt),
		"extra_key":             param(ParamCacheSalt), // SGLang's older name
		"lora_path":             kind(File).each(kind(File)).as(ParamLoRA),
		"chat_template":         param(ParamChatTemplate),
		"kv_transfer_params":    param(ParamInternal),
		"ec_transfer_params":    param(ParamInternal),
		"bootstrap_host":        param(ParamInternal),
		"bootstrap_port":        param(ParamInternal),
		"bootstrap_room":        param(ParamInternal),
		"data_parallel_rank":    param(ParamInternal),
		"prompt_token_ids":      list(plain().to(toTokenIDs)),
		"input_ids":             list(plain().to(toTokenIDs).each(plain().to(toTokenIDs))),
		"documents":             list(freeText),
		"metadata":              plain(),
		"mm_processor_kwargs":   plain(),
	}, plains(`temperature top_p top_k min_p typical_p seed frequency_penalty presence_penalty repetition_penalty
		length_penalty ignore_eos skip_special_tokens spaces_between_special_tokens use_beam_search early_stopping
		include_stop_str_in_output no_stop_trim truncate_prompt_tokens truncation_side allowed_token_ids add_special_tokens
		return_tokens_as_token_ids return_token_ids return_hidden_states return_routed_experts request_id rid session_params
		custom_logit_processor custom_params guided_decoding_backend guided_whitespace_pattern logits_processors vllm_xargs
		stop_regex stream_interval repetition_detection prompt_is_token_ids bypass_prefix_cache skip_reading_prefix_cache
		thinking_token_budget min_new_tokens no_repeat_ngram_size extra_body return_meta_info return_cached_tokens_details`))
}

// structuredOutputs is vLLM's newer home of the guided_* members.
func structuredOutputs() *spec {
	return obj(map[string]*spec{
		"json":                          freeText.as(ParamSchema),
		"regex":                         text().as(ParamRegex),
		"choice":                        texts().as(ParamSchema),
		"grammar":                       text().as(ParamGrammar),
		"structural_tag":                freeText.as(ParamSchema),
		"json_object":                   unknown,
		"whitespace_pattern":            text().as(ParamRegex),
		"disable_any_whitespace":        unknown,
		"disable_fallback":              unknown,
		"disable_additional_properties": unknown,
	})
}

// responseFormat is OpenAI's, with TGI's value and XGrammar's structural tags.
func responseFormat() *spec {
	return obj(map[string]*spec{
		"type": unknown,
		"json_schema": obj(map[string]*spec{
			"name": kind(Tool), "description": text(), "schema": freeText, "strict": unknown,
		}),
		"schema": freeText, "value": freeText, "structures": freeText, "triggers": freeText, "format": freeText,
	}).as(ParamSchema)
}

// toolsSpec is the list of tools: names strict, descriptions and schemas free.
func toolsSpec() *spec {
	function := obj(map[string]*spec{
		"name": kind(Tool), "description": text(), "parameters": freeText, "strict": unknown,
	})
	format := obj(map[string]*spec{
		"type": unknown, "syntax": unknown, "definition": text().as(ParamGrammar),
		"grammar": obj(map[string]*spec{"syntax": unknown, "definition": text().as(ParamGrammar)}),
	})
	custom := map[string]*spec{"name": kind(Tool), "description": text(), "format": format}
	tool := merge(custom, map[string]*spec{
		"type": unknown, "function": function, "parameters": freeText, "input_schema": freeText, "strict": unknown,
		"custom":     obj(custom),
		"server_url": kind(URL), "url": kind(URL), "server_label": kind(Tool), "server_name": kind(Tool), "server_description": text(),
		"allowed_tools": list(kind(Tool)), "vector_store_ids": list(kind(File)), "cache_control": unknown,
	})
	return list(obj(tool)).as(ParamTools)
}

// toolChoice is a word, or names one tool or several.
func toolChoice() *spec {
	named := func() *spec { return obj(map[string]*spec{"name": kind(Tool)}) }
	return obj(map[string]*spec{
		"type": unknown, "name": kind(Tool), "function": named(), "custom": named(), "mode": unknown,
		"disable_parallel_tool_use": unknown,
	})
}
