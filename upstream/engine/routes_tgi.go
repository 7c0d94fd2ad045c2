package engine

// tgiRoutes are those of Hugging Face's Text Generation Inference (router/src/server.rs), the kserve and google builds
// included.
func tgiRoutes() []Route {
	return []Route{
		stream("generate.compat", "/", Inference, TGIGenerate),
		post("generate", "/generate", Inference, TGIGenerate),
		stream("generate_stream", "/generate_stream", Inference, TGIGenerate),
		stream("chat.completions", "/v1/chat/completions", Inference, Chat),
		stream("completions", "/v1/completions", Inference, Completions),
		// SageMaker's door takes the body of generate, chat or completions.
		stream("invocations", "/invocations", Inference, Chat),
		post("vertex", "/vertex", Inference, Vertex),
		post("kserve.infer", "/v2/models/{model}/versions/{version}/infer", Inference, TritonInfer),

		post("tokenize", "/tokenize", Utility, TGIGenerate),
		post("chat_tokenize", "/chat_tokenize", Utility, Chat),
		get("info", "/info", Utility),
		get("models", "/v1/models", Utility),
		get("kserve.metadata", "/v2", Utility),
		get("kserve.model", "/v2/models/{model}/versions/{version}", Utility),

		get("root", "/", Health),
		get("health", "/health", Health),
		get("ping", "/ping", Health),
		get("kserve.ready", "/v2/health/ready", Health),
		get("kserve.live", "/v2/health/live", Health),
		get("kserve.model.ready", "/v2/models/{model}/versions/{version}/ready", Health),
		get("metrics", "/metrics", Metrics),

		get("docs", "/docs", Admin),
		get("openapi", "/api-doc/openapi.json", Admin),
	}
}
