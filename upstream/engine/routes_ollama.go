package engine

// ollamaRoutes are Ollama's (server/routes.go). It asks for no credentials at all: whoever reaches it may pull, push,
// replace and delete models, and through the blobs write to its disk.
func ollamaRoutes() []Route {
	return []Route{
		stream("chat", "/api/chat", Inference, OllamaChat),
		stream("generate", "/api/generate", Inference, OllamaGenerate),
		post("embed", "/api/embed", Inference, OllamaEmbed),
		post("embeddings.native", "/api/embeddings", Inference, OllamaEmbed),
		stream("chat.completions", "/v1/chat/completions", Inference, Chat),
		stream("completions", "/v1/completions", Inference, Completions),
		post("embeddings", "/v1/embeddings", Inference, Embeddings),
		stream("responses", "/v1/responses", Inference, Responses),
		stream("messages", "/v1/messages", Inference, Messages),
		post("images.generations", "/v1/images/generations", Inference, Images),
		post("images.edits", "/v1/images/edits", Inference, Images),
		stream("audio.transcriptions", "/v1/audio/transcriptions", Inference, Transcription),

		get("tags", "/api/tags", Utility),
		get("ps", "/api/ps", Utility),
		post("show", "/api/show", Utility, Opaque),
		get("models", "/v1/models", Utility),
		get("models.retrieve", "/v1/models/{model}", Utility),

		get("root", "/", Health),
		get("version", "/api/version", Health),

		get("status", "/api/status", Admin),
		post("pull", "/api/pull", Admin, Opaque),
		post("push", "/api/push", Admin, Opaque),
		post("create", "/api/create", Admin, Opaque),
		post("copy", "/api/copy", Admin, Opaque),
		{Name: "delete", Method: "DELETE", Path: "/api/delete", Class: Admin, Shape: Opaque},
		post("blobs.create", "/api/blobs/{digest}", Admin, Opaque),
		{Name: "blobs.head", Method: "HEAD", Path: "/api/blobs/{digest}", Class: Admin, Shape: None},
		post("me", "/api/me", Admin, Opaque),
		post("signout", "/api/signout", Admin, Opaque),
		{Name: "keys.delete", Method: "DELETE", Path: "/api/user/keys/{key}", Class: Admin, Shape: None},
		post("web_search", "/api/experimental/web_search", Admin, Opaque),
		post("web_fetch", "/api/experimental/web_fetch", Admin, Opaque),
	}
}
