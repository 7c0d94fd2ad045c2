package engine

// ollamaOptions are the runner's options. num_predict bounds the output; num_ctx sizes the memory that a model takes.
func ollamaOptions() *spec {
	return obj(merge(map[string]*spec{
		"num_predict": param(ParamMaxTokens).to(toMaxTokens),
		"num_ctx":     param(ParamContext),
		"stop":        texts().as(ParamStop),
	}, plains(`num_keep seed num_batch num_gpu main_gpu use_mmap num_thread top_k top_p min_p typical_p repeat_last_n temperature
		repeat_penalty presence_penalty frequency_penalty penalize_newline numa low_vram vocab_only use_mlock mirostat
		mirostat_tau mirostat_eta draft_num_predict`)))
}

// ollamaCommon are the members of Ollama's native bodies, which stream unless told not to.
func ollamaCommon() map[string]*spec {
	return map[string]*spec{
		"model": modelField(), "name": modelField(), "stream": plain().to(toStream),
		"options": ollamaOptions(), "keep_alive": param(ParamKeepAlive), "runner": unknown,
	}
}

func ollamaFormat() *spec { return freeText.of(0).as(ParamSchema) }

func ollamaGenerate() *spec {
	s := obj(merge(ollamaCommon(), map[string]*spec{
		"prompt": text(), "suffix": text(), "system": text(), "template": param(ParamChatTemplate), "raw": param(ParamChatTemplate),
		"images": list(kind(Data)), "format": ollamaFormat(), "context": list(plain().to(toTokenIDs)), "think": unknown,
		"top_logprobs": param(ParamLogprobs),
	}, plains("truncate shift logprobs width height steps _debug_render_only")))
	s.streams = true
	return s
}

func ollamaChat() *spec {
	message := obj(map[string]*spec{
		"role": unknown, "content": text(), "thinking": text(), "images": list(kind(Data)),
		"tool_calls": list(obj(map[string]*spec{
			"id": unknown, "type": unknown,
			"function": obj(map[string]*spec{"index": unknown, "name": kind(Tool), "arguments": freeText, "description": text()}),
		})),
		"tool_name": kind(Tool), "tool_call_id": kind(File),
	})
	s := obj(merge(ollamaCommon(), chatMessages(message), map[string]*spec{
		"tools": toolsSpec(), "format": ollamaFormat(), "think": unknown, "top_logprobs": param(ParamLogprobs),
	}, plains("truncate shift logprobs _debug_render_only")))
	s.streams = true
	return s
}

// ollamaEmbed is /api/embed and the older /api/embeddings.
func ollamaEmbed() *spec {
	return obj(merge(ollamaCommon(), map[string]*spec{
		"input": texts().as(ParamBatch), "prompt": text(),
	}, plains("truncate dimensions")))
}

// tgiGenerate is TGI's native body.
func tgiGenerate() *spec {
	return obj(map[string]*spec{
		"inputs": text(), "stream": plain().to(toStream), "parameters": tgiParameters(), "add_special_tokens": unknown,
		"model": modelField(),
	})
}

func tgiParameters() *spec {
	return obj(merge(map[string]*spec{
		"max_new_tokens":        param(ParamMaxTokens).to(toMaxTokens),
		"best_of":               param(ParamBestOf).to(toN),
		"stop":                  texts().as(ParamStop),
		"top_n_tokens":          param(ParamLogprobs),
		"decoder_input_details": param(ParamPromptLogprobs),
		"adapter_id":            kind(File).as(ParamLoRA),
		"grammar":               obj(map[string]*spec{"type": unknown, "value": freeText}).as(ParamGrammar),
	}, plains(`do_sample temperature top_k top_p typical_p repetition_penalty frequency_penalty return_full_text truncate watermark
		details seed`)))
}

// sglangFields are the members of SGLang's native /generate and /encode, and of vLLM's /inference/v1/generate.
func sglangFields() map[string]*spec {
	ids := func() *spec { return list(plain().to(toTokenIDs).each(plain().to(toTokenIDs))) }
	return merge(map[string]*spec{
		"model": modelField(), "stream": plain().to(toStream),
		"stream_options": obj(map[string]*spec{"include_usage": plain().to(toIncludeUsage)}).as(ParamStreamOptions),
		"text":           text().each(text()).as(ParamBatch), "prompt": text().each(text()).as(ParamBatch),
		"input_ids": ids(), "token_ids": ids(), "input_embeds": unknown,
		"image_data": mediaSpec(), "video_data": mediaSpec(), "audio_data": mediaSpec(),
		"sampling_params": sglangSampling().each(sglangSampling()).as(ParamBatch),
		"lora_path":       kind(File).each(kind(File)).as(ParamLoRA), "lora_id": kind(File).each(kind(File)).as(ParamLoRA),
		"priority": param(ParamPriority), "cache_salt": param(ParamCacheSalt), "extra_key": param(ParamCacheSalt),
		"top_logprobs_num":       param(ParamLogprobs),
		"custom_logit_processor": param(ParamInternal), "kv_transfer_params": param(ParamInternal), "bootstrap_host": param(ParamInternal),
		"bootstrap_port": param(ParamInternal), "bootstrap_room": param(ParamInternal), "features": unknown,
		"tools": toolsSpec(), "tool_call_parser": unknown, "reasoning_parser": unknown,
	}, plains(`rid return_logprob return_text_in_logprobs return_hidden_states return_bytes return_routed_experts log_metrics
		modalities session_params data_parallel_rank routed_dp_rank background conversation_id dimensions logprob_start_len token_ids_logprob no_logs
		is_cross_encoder_request require_reasoning custom_labels return_entropy session_id`))
}

// mediaSpec is a medium by URL or data, a list of them, or lists for a batch.
func mediaSpec() *spec { return kind(URL).each(kind(URL).each(kind(URL))) }

func sglangSampling() *spec {
	t := sampling()
	t["max_new_tokens"] = param(ParamMaxTokens).to(toMaxTokens)
	t["min_new_tokens"] = param(ParamMinTokens)
	t["logprobs"] = param(ParamLogprobs)
	t["custom_logit_processor"] = param(ParamInternal)
	return obj(t)
}

// tritonInfer is KServe v2's inference request. An input of type BYTES carries the prompt, and sampling parameters as
// JSON in an input of its own, so that the data of every input is text.
func tritonInfer() *spec {
	input := obj(map[string]*spec{
		"name": kind(Tool), "datatype": unknown, "shape": unknown, "data": freeText, "parameters": plain(),
	})
	return obj(map[string]*spec{
		"id": kind(File), "parameters": obj(map[string]*spec{"priority": param(ParamPriority)}), "inputs": list(input).as(ParamBatch),
		"outputs": list(obj(map[string]*spec{"name": kind(Tool), "parameters": plain()})),
	})
}

// tritonGenerate is the generate extension: members are the model's inputs by name, the usual ones of the vLLM and
// TensorRT-LLM backends among them.
func tritonGenerate() *spec {
	return obj(merge(map[string]*spec{
		"text_input": texts().as(ParamBatch), "id": kind(File), "stream": plain().to(toStream),
		"max_tokens": param(ParamMaxTokens).to(toMaxTokens), "request_output_len": param(ParamMaxTokens).to(toMaxTokens),
		"min_length": param(ParamMinTokens), "bad_words": texts().as(ParamBadWords), "stop_words": texts().as(ParamStop), "stop": texts().as(ParamStop),
		"num_return_sequences": param(ParamN).to(toN), "image": kind(Data).each(kind(Data)), "image_url_input": kind(URL),
		"parameters": tritonParameters(), "sampling_parameters": text().as(ParamInternal),
		"lora_task_id": param(ParamLoRA), "return_log_probs": param(ParamLogprobs),
	}, plains(`exclude_input_in_output temperature top_k top_p beam_width repetition_penalty presence_penalty frequency_penalty
		random_seed length_penalty end_id pad_id return_context_logits return_generation_logits return_finish_reason
		return_cumulative_logprob return_num_input_tokens return_num_output_tokens return_num_token_ids`)))
}

func tritonParameters() *spec {
	t := sampling()
	t["lora_name"] = kind(File).as(ParamLoRA)
	t["stream"] = plain().to(toStream)
	t["logprobs"] = param(ParamLogprobs)
	t["exclude_input_in_output"] = unknown
	return obj(t)
}

// vertex is Vertex AI's envelope round SGLang's and TGI's bodies.
func vertex() *spec {
	instance := sglangFields()
	instance["inputs"] = text()
	instance["parameters"] = tgiParameters()
	return obj(map[string]*spec{
		"instances":  list(obj(instance)).as(ParamBatch),
		"parameters": obj(merge(map[string]*spec{"sampling_params": sglangSampling()}, plains("stream return_logprob"))),
	})
}
