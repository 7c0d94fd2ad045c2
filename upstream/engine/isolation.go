package engine

// SaltField names the top-level member by which r's engine keeps the prefix caches of tenants apart, empty when it has
// none: what is cached under one salt is never found under another.
func (r *Route) SaltField() string {
	switch r.engine.Name {
	case "vllm":
		switch r.Shape {
		case Chat, ChatBatch, Completions, Responses, Messages, SGLangGenerate, Embeddings, Rerank:
			return "cache_salt"
		}
	case "sglang":
		switch r.Shape {
		case Chat, Completions:
			return "cache_salt"
		case SGLangGenerate:
			if r.Class == Inference {
				return "extra_key"
			}
		}
	}
	return ""
}

// PriorityOrder says how r's engine reads the top-level member priority: -1 when small values go first (vLLM), 1 when
// large ones do (SGLang), 0 when there is no such member. Both take it only when started with priority scheduling.
func (r *Route) PriorityOrder() int64 {
	switch r.Shape {
	case Chat, ChatBatch, Completions, Responses, SGLangGenerate, Embeddings, Rerank:
	default:
		return 0
	}
	switch {
	case r.Class != Inference:
		return 0
	case r.engine.Name == "vllm":
		return -1
	case r.engine.Name == "sglang" && (r.Shape == Chat || r.Shape == Completions || r.Shape == SGLangGenerate):
		return 1
	}
	return 0
}

// BoundsItself reports whether a request of r that names no bound on the output gets a short answer all the same, or
// is refused for it: there is no need to add one.
func (r *Route) BoundsItself() bool {
	switch r.Shape {
	case Messages:
		return r.engine.Name != "llamacpp" // where max_tokens is not required; 4096 without
	case Completions, SGLangGenerate:
		return r.engine.Name == "vllm" || r.engine.Name == "sglang" || r.engine.Name == "openai" // 16, 128
	}
	return false
}
