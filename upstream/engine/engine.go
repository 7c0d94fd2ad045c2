// Package engine knows what each model engine's HTTP API looks like: which routes exist and how risky each is, which
// parts of a request body are prompt text and which are structure, how usage is reported, and how a stream ends.
// It is knowledge as data; it judges nobody and talks to nothing.
package engine

// Class says what a route can do to the engine, and so who may call it.
type Class uint8

// The classes of routes, from harmless to dangerous. The zero Class is none: a route without a class is a bug.
const (
	Inference Class = iota + 1 // generates, embeds, scores
	Utility                    // reads or computes without generating: models, tokenize
	Health                     // liveness of the engine
	Metrics                    // the engine's own metrics
	Admin                      // changes the engine: load, unload, sleep, flush, pull, delete
)

// Shape says how a route's request body and answer are built.
type Shape uint8

// The known shapes. Opaque means that the body is not understood: it is scanned whole, as structure.
const (
	Opaque Shape = iota
	None         // no request body expected
	Chat
	Completions
	Responses
	Embeddings
	Rerank
	Transcription // multipart audio
	Speech
	Images
	Messages // Anthropic
	Tokenize
	OllamaGenerate
	OllamaChat
	OllamaEmbed
	TGIGenerate
	SGLangGenerate
	TritonInfer
	TritonGenerate
	ChatBatch // a list of conversations
	Vertex    // instances and parameters of SGLangGenerate or TGIGenerate
	LlamaCompletion
)

// Pure reports whether a request of the shape computes and generates nothing: run twice it does no harm but the cost.
func (s Shape) Pure() bool {
	return s == Embeddings || s == OllamaEmbed || s == Rerank || s == Tokenize
}

// Route is one path and method of an engine. Immutable.
type Route struct {
	Name    string // the field's word for it, unique within the engine: "chat.completions"; bounded, fit for a label
	Method  string
	Path    string // "/v1/models/{model}": one {parameter} is one path segment
	Class   Class
	Shape   Shape
	Upgrade bool // a WebSocket may be opened here
	// Streams says that the answer may be an event stream or a stream of JSON lines.
	Streams bool

	engine             *Engine
	modelFrom, modelTo int // the segments of Path that name a model; -1 when none does
}

// Engine is one engine's API. Immutable, safe for concurrent use.
type Engine struct {
	// Name is the policy's word: vllm, sglang, tgi, triton, ollama, llamacpp, openai, none.
	Name    string
	Version string // the engine's version the table was read from
	Routes  []Route
	// HealthPath answers 200 when the engine is able to serve; empty when no such path is known.
	HealthPath string
	// IncludeUsage says that the engine takes stream_options.include_usage.
	IncludeUsage bool
	// Withheld are fields of a request's head, in lower case, that the engine must not get from a client.
	Withheld []string

	tree *node  // the compiled Routes
	any  *Route // takes every path; the engine none
}
