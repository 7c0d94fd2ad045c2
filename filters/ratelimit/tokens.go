package ratelimit

import (
	"blaze/filters"
	"blaze/upstream/engine"
)

// readWhole is how much prompt text is estimated word by word; what is beyond is taken to be like it.
const readWhole = 64 << 10

// promptTokens estimates the tokens of x's prompt.
func promptTokens(x *filters.Exchange) int64 {
	if !x.HasDocument {
		return 0
	}
	d := &x.Document
	read, tokens := 0, 0
	for _, v := range d.Values {
		if v.Kind != engine.Text {
			continue
		}
		text := d.Text(v)
		text = text[:min(len(text), readWhole-read)]
		tokens += engine.EstimateTokens(text)
		if read += len(text); read >= readWhole {
			break
		}
	}
	if read > 0 && read < d.TextBytes {
		tokens = int(float64(tokens) * float64(d.TextBytes) / float64(read))
	}
	return int64(tokens + d.TokenIDs)
}

// inference says whether x may cost tokens at all; what it costs is not always known before.
func inference(x *filters.Exchange) bool {
	return x.Endpoint != nil && x.Endpoint.Class == engine.Inference
}

// generates says whether an answer to x has tokens that a model wrote.
func generates(x *filters.Exchange) bool {
	if !inference(x) || !x.HasDocument {
		return false
	}
	switch x.Endpoint.Shape {
	case engine.None, engine.Embeddings, engine.OllamaEmbed, engine.Rerank, engine.Tokenize, engine.Speech, engine.Images, engine.TritonInfer:
		return false
	}
	return true
}

// answerTokens is what to set aside for x's answer: what the client allows, or, if that is less, what this caller's
// answers used to cost. For somebody unknown who names no bound it is the policy's reserve.
func (l *limit) answerTokens(x *filters.Exchange, key uint64) int64 {
	if !generates(x) {
		return 0
	}
	asked := asksFor(x)
	out := asked
	if asked < 0 {
		out = l.reserve
	}
	if guess, known := l.history.guess(key); known && (asked < 0 || guess < out) {
		out = guess
	}
	return min(max(out, 1), maxLimit) * min(max(x.Document.N, 1), 1<<16)
}

// price is what x is to pay, for its prompt or itself and for its answer, before that is known.
func (l *limit) price(x *filters.Exchange, key uint64) (in, out int64) {
	switch l.count {
	case Requests:
		return 1, 0
	case InputTokens:
		return promptTokens(x), 0
	case OutputTokens:
		return 0, l.answerTokens(x, key)
	default:
		return promptTokens(x), l.answerTokens(x, key)
	}
}

// spent is what x really used: what the engine said, or, where it said nothing, the deltas that went by and the estimate
// of a prompt that was answered. Some engines count what they generated and not the prompt (TGI without
// decoder_input_details, Ollama of a prompt that it has cached): that is estimated too. A request that no model answered costs
// nothing.
func (l *limit) spent(x *filters.Exchange) int64 {
	u := x.Usage
	served := x.Status >= 200 && x.Status < 300 || u.Output > 0
	if served && !u.Reported && u.Output == 0 && hidesUsage(x) {
		u.Output = max(asksFor(x), l.reserve)
	}
	if u.Input == 0 && (!u.Reported || u.Output > 0) && served && l.count != OutputTokens {
		u.Input = promptTokens(x)
	}
	switch l.count {
	case InputTokens:
		return u.Input
	case OutputTokens:
		return u.Output
	default:
		return u.Input + u.Output
	}
}

// hidesUsage reports whether the client has picked the members of the answer, so that neither a text nor a count of tokens need
// be among them.
func hidesUsage(x *filters.Exchange) bool {
	if x.Endpoint == nil || x.Endpoint.Shape != engine.LlamaCompletion || !x.HasDocument {
		return false
	}
	_, picks := x.Document.Field("response_fields")
	return picks
}

// learn remembers what a whole answer did cost, for the next reservation.
func (l *limit) learn(x *filters.Exchange, key uint64) {
	if x.Status == 200 && x.Abort == "" && generates(x) && x.Usage.Output > 0 {
		l.history.learn(key, x.Usage.Output/max(x.Document.N, 1))
	}
}
