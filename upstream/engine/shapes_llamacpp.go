package engine

// llamaCompletion is llama.cpp's own /completion, and /infill, which takes the same and what stands around the gap.
func llamaCompletion() *spec {
	return obj(merge(common(), sampling(), map[string]*spec{
		"prompt":       promptSpec(),
		"logprobs":     param(ParamLogprobs),
		"input_prefix": text(),
		"input_suffix": text(),
		"input_extra":  list(obj(map[string]*spec{"filename": kind(File), "text": text()})).as(ParamBatch),
	}, plains("response_fields echo parallel_tool_calls add_generation_prompt chat_template_kwargs")))
}

// llamaSampling are the members that llama.cpp adds to OpenAI's on every route that generates. Servers that it is built into
// take them too, and n_predict before any other bound.
func llamaSampling() map[string]*spec {
	return merge(map[string]*spec{
		"n_predict": param(ParamMaxTokens).to(toMaxTokens),
		"n_cmpl":    param(ParamN).to(toN),
		"n_probs":   param(ParamLogprobs),
		"grammar":   text().as(ParamGrammar),
		// Patterns among them are matched against the answer by std::regex.
		"grammar_triggers":           list(obj(map[string]*spec{"type": unknown, "value": text(), "token": unknown})).as(ParamRegex),
		"preserved_tokens":           texts(),
		"dry_sequence_breakers":      texts(),
		"samplers":                   list(unknown),
		"lora":                       list(unknown).as(ParamLoRA),
		"generation_prompt":          text(),
		"reasoning_budget_message":   text(),
		"reasoning_budget_start_tag": text(),
		"reasoning_budget_end_tag":   text(),
		"reasoning_budget_end_tags":  texts(),
		// What the server tells itself once it has rendered a template, and whose turn it is.
		"chat_format": param(ParamInternal),
		"chat_parser": param(ParamInternal),
		"id_slot":     param(ParamInternal),
	}, plains(`cache_prompt return_tokens return_progress sse_ping_interval n_indent n_keep n_discard n_cache_reuse
		t_max_predict_ms top_n_sigma xtc_probability xtc_threshold dynatemp_range dynatemp_exponent repeat_last_n repeat_penalty
		dry_multiplier dry_base dry_allowed_length dry_penalty_last_n mirostat mirostat_tau mirostat_eta adaptive_target
		adaptive_decay min_keep backend_sampling post_sampling_probs verbose timings_per_token grammar_lazy grammar_type
		parse_tool_calls reasoning_format reasoning_in_content reasoning_control reasoning_budget_tokens thinking_forced_open`))
}
