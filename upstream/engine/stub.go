package engine

// Lookup returns the engine with that name, and whether it exists.
func Lookup(name string) (*Engine, bool) { return nil, false }

// Names lists the engines in the order the documentation names them.
func Names() []string { return nil }

type node struct{}

// Path is a request target's path in its one canonical form. Raw is what is matched, authorized and forwarded; it is
// a part of the bytes that were received and lives as long as they do.
type Path struct {
	Raw []byte
	// Segments are the decoded segments. A decoded slash in one is legal only in a {parameter}; see Match.
	segments [maxSegments]segment
	n        int
}

const maxSegments = 32

type segment struct{ from, to uint16 }

// ParsePath reads the path of a request target (without ? and query). It refuses every form that two parsers could
// read differently: empty and dot segments, encoded dots, backslash, semicolon, NUL and other control bytes,
// non-ASCII, a percent sign that encodes nothing, and double encoding. The error says which, for the log.
func (p *Path) Parse(raw []byte) error { return nil }

// Match finds the route for method and path. With no such method at that path, route is nil and allow lists the
// methods that exist there ("GET, POST"); with no such path, both are empty. Allocates nothing.
func (e *Engine) Match(method []byte, p *Path) (route *Route, allow string) { return nil, "" }

// Kind says what a value in a request is, and so by which rules it is judged.
type Kind uint8

// The kinds of values.
const (
	Structure Kind = iota + 1 // judged strictly
	Text                      // prompt text: data for the model
	Key                       // an object key
	URL                       // fetched by the engine
	Model                     // a model name
	Tool                      // a tool or function name
	File                      // a file name or id
)

// Value is one string in the body. Values carry no copy: Off and Len are into Document.Body, without the quotes.
type Value struct {
	Off, Len uint32
	Kind     Kind
	Escaped  bool // holds a backslash escape
}

// Field is one member of the top-level object, in the order sent. Value spans the whole JSON value.
type Field struct {
	KeyOff, KeyLen uint32
	ValOff, ValLen uint32
	Type           byte // one of { [ " 0 t f n, the first byte of the value; 0 for any number
}

// Limits bounds what Parse accepts; zero means the default.
type Limits struct {
	Depth  int // 64
	Keys   int // 10000, over the whole body
	String int // 8 MiB, bytes of one string as sent
	Number int // 64, bytes of one number as sent
}

// Document is a JSON body read once, strictly (RFC 8259, and tighter: no duplicate keys, no trailing data, valid
// UTF-8 and surrogates, object on top). Everything in it points into Body. Reuse it with Parse; the zero value is ready.
type Document struct {
	Body   []byte
	Fields []Field
	Values []Value
	// Model and User are the decoded top-level strings, empty if absent. Stream is the top-level boolean.
	Model, User []byte
	Stream      bool
	// IncludeUsage: stream_options.include_usage was true.
	IncludeUsage bool
	// MaxTokens is the output bound the client asked for, under whichever name the shape uses; -1 when it did not.
	MaxTokens int64
	// N is how many answers were asked for (n, best_of: the larger); 1 when absent.
	N int64
	// TextBytes is the length of all Text values.
	TextBytes int
}

// SyntaxError says why a body was refused. Limit is set when a bound was reached rather than the grammar broken.
type SyntaxError struct {
	Off   int
	What  string
	Limit bool
}

func (e *SyntaxError) Error() string { return e.What }

// Parse reads body, which must stay unchanged as long as d is used. The error is a *SyntaxError.
func (d *Document) Parse(shape Shape, body []byte, limits Limits) error { return nil }

// PathAt renders the JSON path of the value at offset off, such as messages[0].content; for denials only, it walks
// the body again.
func (d *Document) PathAt(off uint32) string { return "" }

// Field returns the top-level member named name.
func (d *Document) Field(name string) (Field, bool) { return Field{}, false }

// Edit replaces Len bytes of the body at Off with With.
type Edit struct {
	Off, Len uint32
	With     []byte
}

// SetField returns the edit that gives the top-level member name the JSON value with, replacing or adding it.
func (d *Document) SetField(name string, with []byte) Edit { return Edit{} }

// RemoveField returns the edit that takes the top-level member name out, and whether it was there.
func (d *Document) RemoveField(name string) (Edit, bool) { return Edit{}, false }

// Apply appends body with edits (sorted here by offset, not overlapping) to dst.
func Apply(dst, body []byte, edits []Edit) []byte { return nil }

// EstimateTokens estimates the tokens of text by byte class; no tokenizer is asked.
func EstimateTokens(text []byte) int { return 0 }

// Usage counts an exchange's tokens. Reported says that the engine said so; otherwise Output is counted from deltas.
type Usage struct {
	Input, Output int64
	Cached        int64
	Reported      bool
}

// Framing says how an answer's body is divided.
type Framing uint8

// The framings.
const (
	Whole  Framing = iota // one JSON value, or bytes nobody reads
	Events                // text/event-stream
	Lines                 // application/x-ndjson, as Ollama streams
)

// Meter reads an answer's bytes as they pass, split anywhere, and keeps the count of tokens. It keeps no text beyond
// one bounded frame, and never holds a byte back. The zero Meter is ready after Reset.
type Meter struct{ usage Usage }

// Reset prepares m for one answer.
func (m *Meter) Reset(shape Shape, framing Framing) {}

// Feed reads the next bytes of the body.
func (m *Meter) Feed(p []byte) {}

// Usage returns what is known so far.
func (m *Meter) Usage() Usage { return m.usage }

// Ended reports whether a stream said that it is complete ([DONE], message_stop, "done":true), and Failed whether an
// error event or malformed frame was seen inside it.
func (m *Meter) Ended() bool  { return false }
func (m *Meter) Failed() bool { return false }

// Frames counts the complete frames that carried output.
func (m *Meter) Frames() int64 { return 0 }
