package engine

// place is where in an engine's answer the reader stands.
type place uint8

const (
	nowhere    place = iota
	atTop            // the answer, or one element of a list of answers
	atUsage          // usage, meta_info, details
	atMeta           // SGLang's meta_info
	atCached         // usage.*_details
	atChoice         // choices[]
	atOutput         // what the model said: delta, message, content
	atMessage        // Anthropic's message, Ollama's message: output, and usage
	atResponse       // response of the responses API's events
)

// saying is what one frame of an answer says.
type saying struct {
	framing  Framing
	output   bool  // carries something that the model said
	bytes    int   // of it
	typed    bool  // an event with a type, whose top-level text only repeats what its deltas said
	loose    int   // bytes of a top-level text
	extra    bool  // of another choice than the first
	reported bool  // has usage
	meta     bool  // which is SGLang's, cumulative by definition
	input    int64 // tokens
	out      int64
	cached   int64
	beside   int64 // input that Anthropic counts beside input_tokens
	ended    bool
	failed   bool
	final    bool // the usage is that of the whole answer
	goesOn   bool // llama.cpp's own: the answer with this index is not over
	index    int64
}

// enter says where the object or array under key at p is.
func (f *saying) enter(p place, key []byte) place {
	switch p {
	case atTop:
		return f.enterTop(key)
	case atResponse:
		switch string(key) {
		case "usage":
			return atUsage
		case "error":
			f.failed = true
		}
	case atMessage:
		if string(key) == "usage" {
			return atUsage
		}
		return atOutput
	case atChoice:
		switch string(key) {
		case "delta", "message":
			return atOutput
		case "usage": // per choice, as some engines do besides the answer's own
			return nowhere
		}
	case atOutput:
		return atOutput
	case atUsage:
		switch string(key) {
		case "prompt_tokens_details", "input_tokens_details":
			return atCached
		}
	}
	return nowhere
}

func (f *saying) enterTop(key []byte) place {
	switch string(key) {
	case "usage", "details":
		return atUsage
	case "meta_info":
		f.meta = true
		return atMeta
	case "choices":
		return atChoice
	case "message":
		return atMessage
	case "delta", "content", "output", "token":
		return atOutput
	case "response":
		return atResponse
	case "error":
		f.failed = true
	}
	return nowhere
}

// scalar takes the string, number or word val (its first bytes; size is its length) under key at p.
func (f *saying) scalar(p place, key, val []byte, size int, str bool) {
	switch p {
	case atTop:
		f.top(key, val, size, str)
	case atUsage, atMeta, atCached:
		if !str {
			f.usage(p, key, val)
		}
	case atChoice:
		switch string(key) {
		case "text":
			f.say(size, str)
		case "index":
			f.extra = f.extra || !str && string(val) != "0"
		}
	case atOutput, atMessage:
		switch string(key) {
		case "content", "reasoning_content", "reasoning", "refusal", "arguments", "text", "partial_json", "thinking", "name", "":
			f.say(size, str)
		}
	case atResponse:
		if string(key) == "error" && !str && string(val) != "null" || string(key) == "error" && str {
			f.failed = true
		}
	}
}

func (f *saying) say(size int, str bool) {
	if str && size > 0 {
		f.output = true
		f.bytes += size
	}
}

// settle decides what the frame carried, once it has ended.
func (f *saying) settle() {
	f.say(f.loose, !f.typed || f.framing == Whole)
	f.loose = 0
}

// top takes what stands at the top of an answer or frame.
func (f *saying) top(key, val []byte, size int, str bool) {
	switch string(key) {
	case "type", "event":
		if str {
			f.event(val)
		}
	case "delta", "response", "text_output", "content":
		f.say(size, str)
	case "text":
		if str {
			f.loose += size
		}
	case "generated_text": // TGI's last frame repeats the whole text
		if str && f.framing == Whole {
			f.say(size, str)
		}
		f.ended = f.ended || str
	case "done":
		f.ended = f.ended || string(val) == "true"
		f.final = f.final || string(val) == "true"
	case "error":
		f.failed = f.failed || str || string(val) != "null"
	case "prompt_eval_count":
		f.reported, f.input = true, digits(val)
	case "eval_count":
		f.reported, f.out = true, digits(val)
	case "index":
		f.index = digits(val)
	case "tokens_evaluated": // answers in a list add up
		f.reported = true
		f.input += digits(val)
	case "tokens_predicted":
		f.reported = true
		f.out += digits(val)
	case "stop":
		f.goesOn = string(val) == "false"
	}
}

// event takes the type of an event of the Messages or Responses API.
func (f *saying) event(val []byte) {
	f.typed = true
	switch string(val) {
	case "message_stop", "response.completed", "response.incomplete", "speech.audio.done", "transcript.text.done", "image_generation.completed", "image_edit.completed":
		f.ended = true
	case "error", "response.failed":
		f.failed = true
	}
}

// usage takes one number of a usage object, under whichever name an engine gives it.
func (f *saying) usage(p place, key, val []byte) {
	n := digits(val)
	if p == atCached {
		if string(key) == "cached_tokens" {
			f.cached = n
		}
		return
	}
	switch string(key) {
	case "prompt_tokens", "input_tokens", "input_length":
		f.reported, f.input = true, n
	case "completion_tokens", "output_tokens", "generated_tokens":
		f.reported, f.out = true, n
	case "total_tokens":
		f.reported = true
	case "cached_tokens":
		f.cached = n
	case "cache_read_input_tokens":
		f.cached = n
		f.beside += n
	case "cache_creation_input_tokens":
		f.beside += n
	}
}

// digits reads a whole number, 0 for anything else.
func digits(val []byte) (n int64) {
	if len(val) > 15 {
		return 0
	}
	for _, c := range val {
		if c-'0' >= 10 {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
