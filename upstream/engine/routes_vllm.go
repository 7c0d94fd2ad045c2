package engine

// vllmRoutes are vLLM's (vllm/entrypoints, docs/usage/security.md and docs/serving/online_serving). Only those under
// /v1, /v2 and /inference ask for vLLM's own key; the routes that exist in development mode, with profiling or with
// runtime LoRA updating alone are listed too, since what an operator switches on must not be open to all.
func vllmRoutes() []Route {
	return append(append([]Route{
		stream("chat.completions", "/v1/chat/completions", Inference, Chat),
		post("chat.completions.batch", "/v1/chat/completions/batch", Inference, ChatBatch),
		post("chat.completions.render", "/v1/chat/completions/render", Utility, Chat),
		stream("completions", "/v1/completions", Inference, Completions),
		post("completions.render", "/v1/completions/render", Utility, Completions),
		stream("responses", "/v1/responses", Inference, Responses),
		{Name: "responses.retrieve", Method: "GET", Path: "/v1/responses/{response}", Class: Inference, Shape: None, Streams: true},
		post("responses.cancel", "/v1/responses/{response}/cancel", Inference, None),
		stream("messages", "/v1/messages", Inference, Messages),
		post("messages.count_tokens", "/v1/messages/count_tokens", Utility, Messages),
		post("embeddings", "/v1/embeddings", Inference, Embeddings),
		post("embed", "/v2/embed", Inference, Embeddings),
		post("pooling", "/pooling", Inference, Embeddings),
		post("classify", "/classify", Inference, Embeddings),
		post("score", "/v1/score", Inference, Rerank),
		post("score.plain", "/score", Inference, Rerank),
		post("rerank", "/v1/rerank", Inference, Rerank),
		post("rerank.v2", "/v2/rerank", Inference, Rerank),
		post("rerank.plain", "/rerank", Inference, Rerank),
		post("generative_scoring", "/generative_scoring", Inference, Rerank),
		stream("audio.transcriptions", "/v1/audio/transcriptions", Inference, Transcription),
		stream("audio.translations", "/v1/audio/translations", Inference, Transcription),
		{Name: "realtime", Method: "GET", Path: "/v1/realtime", Class: Inference, Shape: None, Upgrade: true},
		stream("tokens.generate", "/inference/v1/generate", Inference, SGLangGenerate),
		// SageMaker's door takes the body of any of the above; it is read as chat, the widest of them.
		stream("invocations", "/invocations", Inference, Chat),

		get("models", "/v1/models", Utility),
		get("models.retrieve", "/v1/models/{model}", Utility),
		get("models.retrieve.slash", "/v1/models/{org}/{model}", Utility),
		post("tokenize", "/tokenize", Utility, Tokenize),
		post("detokenize", "/detokenize", Utility, Tokenize),
		get("version", "/version", Utility),

		get("health", "/health", Health),
		get("ping", "/ping", Health),
		post("ping.post", "/ping", Health, None),
		get("metrics", "/metrics", Metrics),
		get("load", "/load", Metrics),
	}, vllmAdmin()...), fastAPI()...)
}

// vllmAdmin are the routes that stop, reconfigure or expose the engine.
func vllmAdmin() []Route {
	routes := []Route{
		get("tokenizer_info", "/tokenizer_info", Admin),
		get("server_info", "/server_info", Admin),
		get("is_paused", "/is_paused", Admin),
		get("is_sleeping", "/is_sleeping", Admin),
		get("get_world_size", "/get_world_size", Admin),
		get("weight_info", "/weight_info", Admin),
		post("lora.load", "/v1/load_lora_adapter", Admin, Opaque),
		post("lora.unload", "/v1/unload_lora_adapter", Admin, Opaque),
	}
	for _, name := range []string{
		"pause", "resume", "abort_requests", "sleep", "wake_up", "collective_rpc", "reset_prefix_cache", "reset_mm_cache",
		"reset_encoder_cache", "scale_elastic_ep", "is_scaling_elastic_ep", "init_weight_transfer_engine",
		"start_weight_update", "start_draft_weight_update", "update_weights", "finish_weight_update",
		"update_weight_version", "weight_checker", "start_profile", "stop_profile",
	} {
		routes = append(routes, post(name, "/"+name, Admin, Opaque))
	}
	return routes
}
