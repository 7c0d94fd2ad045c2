package engine

// chatFields are the members of /v1/chat/completions besides messages.
func chatFields() map[string]*spec {
	return merge(common(), sampling(), map[string]*spec{
		"top_logprobs": param(ParamLogprobs),
		"logprobs":     unknown, // a switch here
		"tools":        toolsSpec(),
		"functions": list(obj(map[string]*spec{
			"name": kind(Tool), "description": text(), "parameters": freeText,
		})).as(ParamTools),
		"tool_choice":          toolChoice(),
		"function_call":        obj(map[string]*spec{"name": kind(Tool)}),
		"prediction":           obj(map[string]*spec{"type": unknown, "content": contentSpec()}),
		"chat_template_kwargs": plain(),
		"audio":                obj(map[string]*spec{"voice": unknown, "format": unknown}),
		"guideline":            text(), // TGI
		"tool_prompt":          text(), // TGI
		"options":              ollamaOptions(),
		"keep_alive":           param(ParamKeepAlive),
	}, plains(`parallel_tool_calls modalities reasoning_effort reasoning service_tier store safety_identifier prompt_cache_key
		prompt_cache_retention verbosity web_search_options echo add_generation_prompt continue_final_message
		include_reasoning separate_reasoning stream_reasoning think top_logprobs_num enable_thinking moderation prompt_cache_options`))
}

// chatMessages is messages, whose elements are of.
func chatMessages(of *spec) map[string]*spec {
	return map[string]*spec{"messages": list(of).as(ParamMessages)}
}

// messageSpec is one message in OpenAI's form, with the members that reasoning models and engines add.
func messageSpec() *spec {
	call := obj(map[string]*spec{"name": kind(Tool), "arguments": text()})
	return obj(map[string]*spec{
		"role": unknown, "name": unknown, "content": contentSpec(), "refusal": text(),
		"reasoning": text(), "reasoning_content": text(), "thinking": text(),
		"tool_call_id": unknown, "function_call": call,
		"tool_calls": list(obj(map[string]*spec{
			"id": unknown, "type": unknown, "index": unknown, "function": call,
			"custom": obj(map[string]*spec{"name": kind(Tool), "input": text()}),
		})),
		"audio":       obj(map[string]*spec{"id": kind(File)}),
		"tools":       toolsSpec(), // vLLM, per message
		"annotations": unknown, "cache_control": unknown,
	})
}

// contentSpec is a text, or a list of parts.
func contentSpec() *spec { return text().each(partSpec()) }

// partSpec is one part of a message: a text, or a medium by URL, by id or as data.
func partSpec() *spec {
	link := func() *spec { // vLLM takes the URL bare as well
		return obj(map[string]*spec{"url": kind(URL), "detail": unknown, "max_dynamic_patch": unknown}).of(URL)
	}
	return obj(map[string]*spec{
		"type": unknown, "text": text(), "refusal": text(), "thinking": text(), "reasoning": text(),
		"image_url": link(), "video_url": link(), "audio_url": link(), "image": kind(URL), "video": kind(URL).each(kind(URL)), "audio": kind(URL),
		"input_audio": obj(map[string]*spec{"data": kind(Data), "format": unknown, "url": kind(URL)}),
		"input_video": obj(map[string]*spec{"data": kind(Data), "url": kind(URL)}), // llama.cpp
		"file": obj(map[string]*spec{
			"file_id": kind(File), "filename": kind(File), "file_data": kind(URL),
		}),
		"image_embeds": kind(Data), "audio_embeds": kind(Data), "uuid": unknown, "detail": unknown,
		"modalities": unknown, "cache_control": unknown, "min_pixels": unknown, "max_pixels": unknown, "fps": unknown,
	})
}

// completions is /v1/completions; a prompt is a text, texts, token ids, or lists of these.
func completions() *spec {
	return obj(merge(common(), sampling(), map[string]*spec{
		"prompt":        promptSpec(),
		"suffix":        text(),
		"logprobs":      param(ParamLogprobs),
		"prompt_embeds": kind(Data).each(kind(Data)),
		"options":       ollamaOptions(),
		"keep_alive":    param(ParamKeepAlive),
	}, plains("echo store safety_identifier prompt_cache_key return_hidden_states_layers")))
}

// promptSpec is a prompt or a batch of prompts. llama.cpp takes texts among token ids, and media for the marks in a text.
func promptSpec() *spec {
	media := func() *spec {
		return obj(map[string]*spec{"prompt_string": text(), "multimodal_data": list(kind(Data))})
	}
	one := media().of(Text).to(toTokenIDs).each(text().to(toTokenIDs))
	return media().of(Text).each(one).as(ParamBatch)
}

// embeddings is /v1/embeddings, /v2/embed (Cohere), pooling, classification and moderation.
func embeddings() *spec {
	t := merge(common(), chatMessages(messageSpec()), map[string]*spec{
		"input":         inputSpec(),
		"texts":         texts().as(ParamBatch),
		"content":       promptSpec(), // llama.cpp
		"images":        list(kind(URL)),
		"inputs":        text().each(obj(map[string]*spec{"content": contentSpec(), "text": text(), "image": kind(URL)}).of(Text)).as(ParamBatch),
		"prompt":        text(),
		"chat_template": param(ParamChatTemplate), "priority": param(ParamPriority), "cache_salt": param(ParamCacheSalt),
		"lora_path": kind(File).as(ParamLoRA), "input_type": unknown, "embedding_types": unknown, "data": unknown,
		"input_ids": list(plain().to(toTokenIDs).each(plain().to(toTokenIDs))), "chat_template_kwargs": plain(), "mm_processor_kwargs": plain(),
	}, plains(`encoding_format dimensions truncate truncate_prompt_tokens truncation_side add_special_tokens add_generation_prompt
		continue_final_message normalize use_activation activation task request_id rid embed_dtype endianness output_dimension
		max_tokens softmax options keep_alive instruction embd_normalize`))
	return obj(t)
}

// inputSpec is what /v1/embeddings takes: as a prompt, and SGLang's and OpenAI's moderations' list of parts.
func inputSpec() *spec {
	part := obj(merge(partSpec().keys, map[string]*spec{"content": list(partSpec())}))
	part.str, part.sink, part.items = Text, toTokenIDs, plain().to(toTokenIDs)
	return text().each(part).as(ParamBatch)
}

// rerank is rerank and score, in all the spellings of Jina, Cohere, vLLM and SGLang.
func rerank() *spec {
	medium := func() *spec { // a text, or multimodal content
		s := obj(map[string]*spec{"content": list(partSpec()), "text": text(), "image": kind(URL)})
		return s.of(Text)
	}
	many := func() *spec { return medium().each(medium()).as(ParamBatch) }
	return obj(merge(common(), map[string]*spec{
		"query": medium().each(plain().to(toTokenIDs)), "documents": many(), "texts": many(), "items": many(), "queries": many(),
		"text_1": many(), "text_2": many(), "data_1": many(), "data_2": many(),
		"instruction": text(), "instruct": text(), "priority": param(ParamPriority), "cache_salt": param(ParamCacheSalt),
		"chat_template": param(ParamChatTemplate), "chat_template_kwargs": plain(), "mm_processor_kwargs": plain(),
	}, plains(`top_n return_documents rank_fields max_chunks_per_doc max_tokens_per_doc truncate_prompt_tokens truncation_side
		label_token_ids apply_softmax item_first use_activation activation add_special_tokens request_id rid`)))
}

// transcription is the multipart form of audio, as far as it may come as JSON.
func transcription() *spec {
	return obj(merge(common(), map[string]*spec{
		"prompt": text(), "file": kind(Data), "filename": kind(File), "hotwords": text(), "keywords": texts(),
	}, plains(`language to_language response_format temperature timestamp_granularities seed include chunking_strategy
		known_speaker_names known_speaker_references stream_include_usage stream_continuous_usage_stats
		top_p top_k min_p frequency_penalty repetition_penalty presence_penalty max_completion_tokens vad_filter languages`)))
}

// speech is /v1/audio/speech.
func speech() *spec {
	return obj(merge(common(), map[string]*spec{
		"input": text(), "instructions": text(), "ref_text": text(), "ref_audio": kind(URL),
		"voice": obj(map[string]*spec{"id": kind(File)}),
	}, plains("response_format speed stream_format language task_type max_new_tokens seed")))
}

// images is /v1/images/*.
func images() *spec {
	return obj(merge(common(), map[string]*spec{
		"prompt": text(), "negative_prompt": text(), "n": param(ParamN).to(toN),
		"image": kind(URL).each(kind(URL)), "mask": kind(URL),
		"images": list(obj(map[string]*spec{"image_url": kind(URL), "file_id": kind(File)}).of(URL)),
	}, plains(`size quality style response_format background moderation output_format output_compression partial_images
		input_fidelity seed safety_identifier frame_count frame_duration_ms complexity svg markup steps width height guidance_scale num_inference_steps`)))
}

// tokenize is tokenize and detokenize: a prompt, or a chat to be rendered.
func tokenize() *spec {
	return obj(merge(common(), chatMessages(messageSpec()), map[string]*spec{
		"prompt": text().each(text()), "text": texts(), "content": texts(), "tools": toolsSpec(), "tokens": plain(),
		"chat_template": param(ParamChatTemplate), "chat_template_kwargs": plain(), "mm_processor_kwargs": plain(),
	}, plains("add_special_tokens add_generation_prompt continue_final_message return_token_strs skip_special_tokens request_id add_special parse_special with_pieces")))
}
