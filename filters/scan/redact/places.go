package redact

// repeatsTokens reports whether what stands under key says the text once more, token by token, and whether it may say the
// whole text so far.
func repeatsTokens(key []byte) (yes, always bool) {
	switch string(key) {
	case "logprobs", "token_ids", "output_ids", "output_token_logprobs", "output_top_logprobs", "top_tokens", "tokens",
		"completion_probabilities", "probs":
		return true, false
	case "context":
		return true, true
	}
	return false, false
}

// goesOn reports whether the key names a place where engines say a text piece by piece.
func goesOn(key []byte) bool {
	switch string(key) {
	case "content", "text", "arguments", "partial_json", "thinking", "reasoning_content", "reasoning", "refusal", "delta",
		"response", "text_output", "output_text", "completion", "transcript", "input":
		return true
	}
	return false
}

// dull reports whether the key names a place where the engine speaks for itself.
func dull(key []byte) bool {
	switch string(key) {
	case "id", "object", "model", "created_at", "system_fingerprint", "type", "role", "finish_reason", "stop_reason", "item_id",
		"response_id", "service_tier", "status", "done_reason", "b64_json", "embedding", "encrypted_content", "signature":
		return true
	}
	return false
}
