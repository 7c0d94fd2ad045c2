package engine

// llamacppRoutes are those of llama.cpp's server (tools/server/server.cpp), its router mode included. Its one key opens all of
// them. Slots and resumable streams are found by a number or a name that the client picks, and are not divided between tenants;
// /tools and /cors-proxy, where an operator has switched them on, run commands and fetch whatever they are told.
func llamacppRoutes() []Route {
	return append([]Route{
		stream("chat.completions", "/v1/chat/completions", Inference, Chat),
		stream("chat.completions.plain", "/chat/completions", Inference, Chat),
		// Ends the thinking of a running answer, which is found by its unguessable id.
		post("chat.completions.control", "/v1/chat/completions/control", Inference, Opaque),
		stream("completions", "/v1/completions", Inference, Completions),
		stream("completion", "/completion", Inference, LlamaCompletion),
		stream("completions.plain", "/completions", Inference, LlamaCompletion),
		stream("infill", "/infill", Inference, LlamaCompletion),
		stream("responses", "/v1/responses", Inference, Responses),
		stream("responses.plain", "/responses", Inference, Responses),
		stream("messages", "/v1/messages", Inference, Messages),
		post("embeddings", "/v1/embeddings", Inference, Embeddings),
		post("embeddings.plain", "/embeddings", Inference, Embeddings),
		post("embedding", "/embedding", Inference, Embeddings),
		post("rerank", "/v1/rerank", Inference, Rerank),
		post("reranking", "/v1/reranking", Inference, Rerank),
		post("rerank.plain", "/rerank", Inference, Rerank),
		post("reranking.plain", "/reranking", Inference, Rerank),
		stream("audio.transcriptions", "/v1/audio/transcriptions", Inference, Transcription),
		stream("audio.transcriptions.plain", "/audio/transcriptions", Inference, Transcription),

		get("models", "/v1/models", Utility),
		get("models.plain", "/models", Utility),
		get("props", "/props", Utility),
		get("lora_adapters", "/lora-adapters", Utility),
		post("tokenize", "/tokenize", Utility, Tokenize),
		post("detokenize", "/detokenize", Utility, Tokenize),
		post("apply_template", "/apply-template", Utility, Chat),
		post("chat.completions.input_tokens", "/v1/chat/completions/input_tokens", Utility, Chat),
		post("chat.completions.input_tokens.plain", "/chat/completions/input_tokens", Utility, Chat),
		post("responses.input_tokens", "/v1/responses/input_tokens", Utility, Responses),
		post("responses.input_tokens.plain", "/responses/input_tokens", Utility, Responses),
		post("messages.count_tokens", "/v1/messages/count_tokens", Utility, Messages),

		get("health", "/health", Health),
		get("health.v1", "/v1/health", Health),
		get("metrics", "/metrics", Metrics),
	}, llamacppAdmin()...)
}

// llamacppAdmin are the routes that change the server or show what its other callers do.
func llamacppAdmin() []Route {
	return []Route{
		post("props.set", "/props", Admin, Opaque),
		get("slots", "/slots", Admin), // what each slot works on; its prompt too, in debug mode
		post("slots.action", "/slots/{slot}", Admin, Opaque),
		post("lora_adapters.set", "/lora-adapters", Admin, Opaque),
		post("models.download", "/models", Admin, Opaque),
		{Name: "models.delete", Method: "DELETE", Path: "/models", Class: Admin, Shape: None},
		post("models.load", "/models/load", Admin, Opaque),
		post("models.unload", "/models/unload", Admin, Opaque),
		{Name: "models.events", Method: "GET", Path: "/models/sse", Class: Admin, Shape: None, Streams: true},
		{Name: "stream", Method: "GET", Path: "/v1/stream", Class: Admin, Shape: None, Streams: true},
		{Name: "stream.delete", Method: "DELETE", Path: "/v1/stream", Class: Admin, Shape: None},
		{Name: "stream.named", Method: "GET", Path: "/v1/stream/{conversation}", Class: Admin, Shape: None, Streams: true},
		{Name: "stream.named.delete", Method: "DELETE", Path: "/v1/stream/{conversation}", Class: Admin, Shape: None},
		get("streams", "/v1/streams", Admin),
		post("streams.lookup", "/v1/streams/lookup", Admin, Opaque),
		get("tools", "/tools", Admin),
		post("tools.call", "/tools", Admin, Opaque),
		get("cors_proxy", "/cors-proxy", Admin),
		post("cors_proxy.post", "/cors-proxy", Admin, Opaque),
		post("predict", "/predict", Admin, Opaque), // Vertex AI's door: it leads to every other route
	}
}
