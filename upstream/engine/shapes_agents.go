package engine

// responses is OpenAI's /v1/responses.
func responses() *spec {
	// llama.cpp makes a chat of it, with whatever else it holds.
	return obj(merge(common(), llamaSampling(), map[string]*spec{
		"max_tokens": param(ParamMaxTokens).to(toMaxTokens), "max_completion_tokens": param(ParamMaxTokens).to(toMaxTokens),
		"input":             text().each(responseItem()).as(ParamMessages),
		"instructions":      text(),
		"max_output_tokens": param(ParamMaxTokens).to(toMaxTokens),
		"top_logprobs":      param(ParamLogprobs),
		"tools":             toolsSpec(),
		"tool_choice":       toolChoice(),
		"text":              obj(map[string]*spec{"format": responseFormatFlat(), "verbosity": unknown}),
		"prompt": obj(map[string]*spec{
			"id": kind(File), "version": unknown, "variables": freeText,
		}),
		"previous_response_id": kind(File),
		"conversation":         obj(map[string]*spec{"id": kind(File)}).of(File),
		"metadata":             plain(),
		"priority":             param(ParamPriority),
		"cache_salt":           param(ParamCacheSalt),
		"n":                    param(ParamN).to(toN),
		"stop":                 texts().as(ParamStop),
		"logit_bias":           param(ParamLogitBias),
		"mm_processor_kwargs":  plain(),
		"reasoning":            obj(map[string]*spec{"effort": unknown, "summary": unknown, "generate_summary": unknown}),
		"structured_outputs":   structuredOutputs(),
		"kv_transfer_params":   param(ParamInternal),
	}, plains(`background include max_tool_calls parallel_tool_calls prompt_cache_key prompt_cache_retention safety_identifier
		service_tier store temperature top_p top_k min_p truncation request_id seed presence_penalty frequency_penalty
		repetition_penalty ignore_eos include_stop_str_in_output skip_special_tokens enable_response_messages context_management
		previous_input_messages vllm_xargs rid moderation access_programs prompt_cache_options`)))
}

// responseFormatFlat is text.format, in which the schema stands one level higher than in chat.
func responseFormatFlat() *spec {
	s := responseFormat()
	return obj(merge(s.keys, map[string]*spec{
		"name": kind(Tool), "description": text(), "strict": unknown,
	})).as(ParamSchema)
}

// responseItem is one item of a response's input: a message, a call, a call's output, a reference.
func responseItem() *spec {
	part := obj(merge(map[string]*spec{
		"type": unknown, "text": text(), "refusal": text(), "detail": unknown,
		"image_url": obj(map[string]*spec{"url": kind(URL), "detail": unknown}).of(URL),
		"file_url":  kind(URL), "file_id": kind(File), "filename": kind(File), "file_data": kind(URL),
		"input_audio": obj(map[string]*spec{"data": kind(Data), "format": unknown}),
		"annotations": unknown, "logprobs": unknown,
	}))
	content := text().each(part)
	return obj(map[string]*spec{
		"type": unknown, "role": unknown, "status": unknown, "id": kind(File), "phase": unknown,
		"content": content, "summary": list(part), "encrypted_content": kind(Data),
		"call_id": kind(File), "name": kind(Tool), "arguments": text(), "input": text(), "output": content,
		"server_label": kind(Tool), "error": text(), "tools": toolsSpec(), "approval_request_id": kind(File),
		"approve": unknown, "reason": text(), "queries": texts(), "action": unknown, "code": text(), "container_id": kind(File),
		"result": kind(Data), "results": freeText, "outputs": freeText,
	})
}

// messages is Anthropic's /v1/messages and count_tokens.
func messages() *spec {
	return obj(merge(common(), map[string]*spec{
		"messages":       list(anthropicMessage()).as(ParamMessages),
		"system":         text().each(obj(map[string]*spec{"type": unknown, "text": text(), "cache_control": unknown, "citations": unknown})),
		"max_tokens":     param(ParamMaxTokens).to(toMaxTokens),
		"n_predict":      param(ParamMaxTokens).to(toMaxTokens),
		"stop_sequences": texts().as(ParamStop),
		"tools":          toolsSpec(),
		"tool_choice":    toolChoice(),
		"metadata":       obj(map[string]*spec{"user_id": userField()}),
		"thinking":       obj(plains("type budget_tokens display")),
		"mcp_servers":    list(obj(map[string]*spec{"type": unknown, "url": kind(URL), "name": kind(Tool), "authorization_token": unknown, "tool_configuration": unknown})),
		"output_format":  responseFormat(),
		"output_config":  obj(map[string]*spec{"effort": unknown, "format": responseFormat()}),
		"cache_salt":     param(ParamCacheSalt), "priority": param(ParamPriority), "kv_transfer_params": param(ParamInternal),
		"chat_template_kwargs": plain(),
	}, plains("temperature top_p top_k service_tier container context_management betas inference_geo cache_control")))
}

func anthropicMessage() *spec {
	source := func() *spec {
		return obj(map[string]*spec{
			"type": unknown, "media_type": unknown, "url": kind(URL), "data": kind(Data), "file_id": kind(File), "content": text(),
		})
	}
	inner := obj(map[string]*spec{
		"type": unknown, "text": text(), "source": source(), "title": text(), "context": text(), "cache_control": unknown,
		"citations": unknown, "tool_name": kind(Tool),
	})
	block := obj(merge(inner.keys, map[string]*spec{
		"id": kind(File), "name": kind(Tool), "input": freeText, "tool_use_id": kind(File), "is_error": unknown,
		"content": text().each(inner), "thinking": text(), "signature": kind(Data), "data": kind(Data), "server_name": kind(Tool),
	}))
	return obj(map[string]*spec{"role": unknown, "content": text().each(block)})
}
