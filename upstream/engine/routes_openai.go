package engine

// openaiRoutes are those of OpenAI's HTTP API that generate or describe models, and of its compatible servers
// (LM Studio, LiteLLM and their like). What keeps state in the account behind the one key that Blaze holds
// (files, batches, fine-tuning, vector stores, stored conversations) is admin: it is not divided between Blaze's tenants.
func openaiRoutes() []Route {
	routes := []Route{
		stream("chat.completions", "/v1/chat/completions", Inference, Chat),
		stream("completions", "/v1/completions", Inference, Completions),
		stream("responses", "/v1/responses", Inference, Responses),
		{Name: "responses.retrieve", Method: "GET", Path: "/v1/responses/{response}", Class: Inference, Shape: None, Streams: true},
		post("responses.cancel", "/v1/responses/{response}/cancel", Inference, None),
		{Name: "responses.delete", Method: "DELETE", Path: "/v1/responses/{response}", Class: Inference, Shape: None},
		get("responses.input_items", "/v1/responses/{response}/input_items", Inference),
		post("responses.input_tokens", "/v1/responses/input_tokens", Utility, Responses),
		stream("messages", "/v1/messages", Inference, Messages),
		post("messages.count_tokens", "/v1/messages/count_tokens", Utility, Messages),
		post("embeddings", "/v1/embeddings", Inference, Embeddings),
		post("moderations", "/v1/moderations", Inference, Embeddings),
		post("rerank", "/v1/rerank", Inference, Rerank),
		stream("audio.transcriptions", "/v1/audio/transcriptions", Inference, Transcription),
		stream("audio.translations", "/v1/audio/translations", Inference, Transcription),
		stream("audio.speech", "/v1/audio/speech", Inference, Speech),
		stream("images.generations", "/v1/images/generations", Inference, Images),
		stream("images.edits", "/v1/images/edits", Inference, Images),
		post("images.variations", "/v1/images/variations", Inference, Images),
		{Name: "realtime", Method: "GET", Path: "/v1/realtime", Class: Inference, Shape: None, Upgrade: true},

		get("models", "/v1/models", Utility),
		get("models.retrieve", "/v1/models/{model}", Utility),
		get("models.retrieve.slash", "/v1/models/{org}/{model}", Utility),
		get("health", "/health", Health),
		get("metrics", "/metrics", Metrics),

		{Name: "models.delete", Method: "DELETE", Path: "/v1/models/{model}", Class: Admin, Shape: None},
		get("chat.completions.list", "/v1/chat/completions", Admin),
		get("chat.completions.retrieve", "/v1/chat/completions/{completion}", Admin),
		get("chat.completions.messages", "/v1/chat/completions/{completion}/messages", Admin),
		post("chat.completions.update", "/v1/chat/completions/{completion}", Admin, Opaque),
		{Name: "chat.completions.delete", Method: "DELETE", Path: "/v1/chat/completions/{completion}", Class: Admin, Shape: None},
		post("realtime.client_secrets", "/v1/realtime/client_secrets", Admin, Opaque),
		get("files.content", "/v1/files/{file}/content", Admin),
		post("batches.cancel", "/v1/batches/{batch}/cancel", Admin, None),
		post("fine_tuning.cancel", "/v1/fine_tuning/jobs/{job}/cancel", Admin, None),
		get("fine_tuning.events", "/v1/fine_tuning/jobs/{job}/events", Admin),
	}
	for _, name := range []string{"files", "batches", "fine_tuning/jobs", "vector_stores", "conversations", "videos", "containers"} {
		routes = append(routes, collection(name)...)
	}
	return routes
}

// collection are the routes of one kind of stored object.
func collection(name string) []Route {
	path := "/v1/" + name
	return []Route{
		get(name+".list", path, Admin),
		post(name+".create", path, Admin, Opaque),
		get(name+".retrieve", path+"/{id}", Admin),
		post(name+".update", path+"/{id}", Admin, Opaque),
		{Name: name + ".delete", Method: "DELETE", Path: path + "/{id}", Class: Admin, Shape: None},
	}
}
