package engine

// tritonRoutes are those of NVIDIA Triton (src/http_server.cc: KServe v2 and the extensions generate, statistics,
// model repository, shared memory, trace, logging), and of its OpenAI frontend. Triton asks for no credentials at all.
func tritonRoutes() []Route {
	routes := []Route{
		stream("chat.completions", "/v1/chat/completions", Inference, Chat),
		stream("completions", "/v1/completions", Inference, Completions),
		post("embeddings", "/v1/embeddings", Inference, Embeddings),
		get("models", "/v1/models", Utility),
		get("models.retrieve", "/v1/models/{model}", Utility),

		get("server", "/v2", Utility),
		get("stats", "/v2/models/stats", Metrics),
		get("live", "/v2/health/live", Health),
		get("ready", "/v2/health/ready", Health),
		get("ready.openai", "/health/ready", Health),
		get("metrics", "/metrics", Metrics),

		get("trace", "/v2/trace/setting", Admin),
		post("trace.set", "/v2/trace/setting", Admin, Opaque),
		get("logging", "/v2/logging", Admin),
		post("logging.set", "/v2/logging", Admin, Opaque),
		post("repository.index", "/v2/repository/index", Admin, Opaque),
		post("repository.index.named", "/v2/repository/{repository}/index", Admin, Opaque),
	}
	for _, action := range []string{"load", "unload"} {
		routes = append(routes,
			post("models."+action, "/v1/models/{model}/"+action, Admin, None),
			post("repository."+action, "/v2/repository/models/{model}/"+action, Admin, Opaque),
			post("repository."+action+".named", "/v2/repository/{repository}/models/{model}/"+action, Admin, Opaque))
	}
	for _, kind := range []string{"systemsharedmemory", "cudasharedmemory"} {
		routes = append(routes,
			get(kind+".status", "/v2/"+kind+"/status", Admin),
			get(kind+".status.region", "/v2/"+kind+"/region/{region}/status", Admin),
			post(kind+".register", "/v2/"+kind+"/region/{region}/register", Admin, Opaque),
			post(kind+".unregister.all", "/v2/"+kind+"/unregister", Admin, Opaque),
			post(kind+".unregister", "/v2/"+kind+"/region/{region}/unregister", Admin, Opaque))
	}
	routes = append(routes, tritonModel("model", "/v2/models/{model}")...)
	return append(routes, tritonModel("version", "/v2/models/{model}/versions/{version}")...)
}

// tritonModel are the routes of one model, or of one of its versions.
func tritonModel(name, path string) []Route {
	return []Route{
		post(name+".infer", path+"/infer", Inference, TritonInfer),
		post(name+".generate", path+"/generate", Inference, TritonGenerate),
		stream(name+".generate_stream", path+"/generate_stream", Inference, TritonGenerate),
		get(name, path, Utility),
		get(name+".config", path+"/config", Utility),
		get(name+".ready", path+"/ready", Health),
		get(name+".stats", path+"/stats", Metrics),
		get(name+".trace", path+"/trace/setting", Admin),
		post(name+".trace.set", path+"/trace/setting", Admin, Opaque),
	}
}
