package engine

var classNames = [...]string{Inference: "inference", Utility: "utility", Health: "health", Metrics: "metrics", Admin: "admin"}

// String is the policy's word for c.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return ""
}

// Classes lists the classes from harmless to dangerous.
func Classes() []Class { return []Class{Inference, Utility, Health, Metrics, Admin} }

var shapeNames = [...]string{
	Opaque: "opaque", None: "none", Chat: "chat", Completions: "completions", Responses: "responses",
	Embeddings: "embeddings", Rerank: "rerank", Transcription: "transcription", Speech: "speech", Images: "images",
	Messages: "messages", Tokenize: "tokenize", OllamaGenerate: "ollama.generate", OllamaChat: "ollama.chat",
	OllamaEmbed: "ollama.embed", TGIGenerate: "tgi.generate", SGLangGenerate: "sglang.generate",
	TritonInfer: "triton.infer", TritonGenerate: "triton.generate", ChatBatch: "chat.batch", Vertex: "vertex",
	LlamaCompletion: "llamacpp.completion",
}

// String names s for logs and documentation.
func (s Shape) String() string {
	if int(s) < len(shapeNames) {
		return shapeNames[s]
	}
	return ""
}

var kindNames = [...]string{Structure: "structure", Text: "text", Key: "key", URL: "url", Model: "model", Tool: "tool", File: "file", Data: "data"}

// String names k for logs and documentation.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}
