package engine

// sglangRoutes are SGLang's (python/sglang/srt/entrypoints/http_server.py). Without its admin key every one of them is
// open to whoever has the API key, and without an API key to all.
func sglangRoutes() []Route {
	routes := []Route{
		stream("chat.completions", "/v1/chat/completions", Inference, Chat),
		stream("completions", "/v1/completions", Inference, Completions),
		stream("responses", "/v1/responses", Inference, Responses),
		{Name: "responses.retrieve", Method: "GET", Path: "/v1/responses/{response}", Class: Inference, Shape: None, Streams: true},
		post("responses.cancel", "/v1/responses/{response}/cancel", Inference, None),
		stream("messages", "/v1/messages", Inference, Messages),
		post("messages.count_tokens", "/v1/messages/count_tokens", Utility, Messages),
		post("embeddings", "/v1/embeddings", Inference, Embeddings),
		post("classify.v1", "/v1/classify", Inference, Embeddings),
		post("score", "/v1/score", Inference, Rerank),
		post("rerank", "/v1/rerank", Inference, Rerank),
		post("rerank", "/v1/rerank", Inference, Rerank).with("PUT", "put"),
		stream("audio.transcriptions", "/v1/audio/transcriptions", Inference, Transcription),
		stream("generate", "/generate", Inference, SGLangGenerate),
		stream("generate", "/generate", Inference, SGLangGenerate).with("PUT", "put"),
		post("generate_from_file", "/generate_from_file", Inference, Transcription),
		post("encode", "/encode", Inference, SGLangGenerate),
		post("encode", "/encode", Inference, SGLangGenerate).with("PUT", "put"),
		post("classify", "/classify", Inference, SGLangGenerate),
		post("classify", "/classify", Inference, SGLangGenerate).with("PUT", "put"),
		stream("invocations", "/invocations", Inference, Chat),
		post("vertex", "/vertex_generate", Inference, Vertex),
		stream("ollama.chat", "/api/chat", Inference, OllamaChat),
		stream("ollama.generate", "/api/generate", Inference, OllamaGenerate),

		get("ollama.tags", "/api/tags", Utility),
		post("ollama.show", "/api/show", Utility, Opaque),
		get("models", "/v1/models", Utility),
		get("models.retrieve", "/v1/models/{model}", Utility),
		get("models.retrieve.slash", "/v1/models/{org}/{model}", Utility),
		get("model_info", "/model_info", Utility),
		get("get_model_info", "/get_model_info", Utility),
		get("weight_version", "/weight_version", Utility),
		get("get_weight_version", "/get_weight_version", Utility),
		post("tokenize.v1", "/v1/tokenize", Utility, Tokenize),
		post("tokenize", "/tokenize", Utility, Tokenize),
		post("detokenize.v1", "/v1/detokenize", Utility, Tokenize),
		post("detokenize", "/detokenize", Utility, Tokenize),
		post("parse_function_call", "/parse_function_call", Utility, SGLangGenerate),
		post("separate_reasoning", "/separate_reasoning", Utility, SGLangGenerate),

		get("health", "/health", Health),
		get("health_generate", "/health_generate", Health),
		get("ping", "/ping", Health),
		get("root", "/", Health),
		get("metrics", "/metrics", Metrics),
		get("loads", "/v1/loads", Metrics),
		get("get_load", "/get_load", Metrics),
	}
	return append(append(routes, sglangAdmin()...), fastAPI()...)
}

// sglangAdmin are the routes that change, stop or expose the engine; many take GET as well as POST.
func sglangAdmin() []Route {
	routes := []Route{
		get("server_info", "/server_info", Admin),
		get("get_server_info", "/get_server_info", Admin),
		get("parallelism_config", "/parallelism_config", Admin),
		get("list_external_corpora", "/list_external_corpora", Admin),
		get("remote_instance_transfer_engine_info", "/remote_instance_transfer_engine_info", Admin),
		get("get_remote_instance_transfer_engine_info", "/get_remote_instance_transfer_engine_info", Admin),
		post("hicache.clear", "/hicache/storage-backend/clear", Admin, Opaque),
		get("hicache.status", "/hicache/storage-backend", Admin),
		{Name: "hicache.attach", Method: "PUT", Path: "/hicache/storage-backend", Class: Admin, Shape: Opaque},
		{Name: "hicache.detach", Method: "DELETE", Path: "/hicache/storage-backend", Class: Admin, Shape: None},
		post("dumper", "/dumper/{method}", Admin, Opaque),
		post("set_internal_state", "/set_internal_state", Admin, Opaque),
		post("set_internal_state", "/set_internal_state", Admin, Opaque).with("PUT", "put"),
	}
	for _, name := range []string{
		"update_weights_from_disk", "update_weights_from_tensor", "update_weights_from_distributed", "update_weights_from_ipc",
		"update_weight_version", "init_weights_update_group", "destroy_weights_update_group",
		"init_weights_send_group_for_remote_instance", "send_weights_to_remote_instance", "weights_checker",
		"load_lora_adapter", "load_lora_adapter_from_tensors", "unload_lora_adapter", "abort_request", "pause_generation",
		"continue_generation", "add_external_corpus", "remove_external_corpus", "scale_elastic_ep",
	} {
		routes = append(routes, post(name, "/"+name, Admin, Opaque))
	}
	for _, name := range []string{
		"flush_cache", "clear_hicache_storage_backend", "start_profile", "stop_profile", "freeze_gc",
		"start_expert_distribution_record", "stop_expert_distribution_record", "dump_expert_distribution_record",
		"get_weights_by_name", "release_memory_occupation", "resume_memory_occupation", "slow_down", "open_session",
		"close_session", "configure_logging",
	} {
		routes = append(routes, both(name, "/"+name, Admin, Opaque)...)
	}
	return routes
}
