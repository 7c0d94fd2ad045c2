package engine

import "hash/maphash"

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
	Data                      // bytes in base64, which only their alphabet can betray: audio, images, tensors
)

// Value is one string in the body: every key, and every value that is not empty. Values carry no copy: Off and Len are
// into Document.Body, without the quotes.
type Value struct {
	Off, Len uint32
	Kind     Kind
	Escaped  bool // holds a backslash escape
	Known    bool // a key that the shape has: a word of the engine's own
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
	Number int // 128, bytes of one number as sent
}

func (l Limits) orDefault() Limits {
	set := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	set(&l.Depth, 64)
	set(&l.Keys, 10_000)
	set(&l.String, 8<<20)
	set(&l.Number, 128)
	return l
}

// Document is a JSON body read once, strictly (RFC 8259, and tighter: no duplicate keys, no key that differs from a
// known one by case alone, no trailing data, valid UTF-8 and surrogates, object on top). Everything in it points into
// Body. Reuse it with Parse; the zero value is ready.
type Document struct {
	Body   []byte
	Fields []Field
	Values []Value
	// Params are the values that bound or steer the generation, wherever their shape has them, in the order sent.
	Params []Param
	// Model and User are the decoded top-level strings, empty if absent. Stream is the top-level boolean; where the shape
	// streams unless told otherwise (Ollama), it is true when absent.
	Model, User []byte
	Stream      bool
	// IncludeUsage: stream_options.include_usage was true.
	IncludeUsage bool
	// MaxTokens is the output bound the client asked for, under whichever name the shape uses, the largest if there are
	// several; -1 when it did not, or asked for no bound (null, a negative number).
	MaxTokens int64
	// N is how many answers were asked for (n, best_of: the larger); 1 when absent.
	N int64
	// TextBytes is the length of all Text values as sent.
	TextBytes int
	// TokenIDs counts the numbers that stand where a prompt may be sent as token ids.
	TokenIDs int

	shape  Shape
	limits Limits
	keys   int // read so far
	seen   keyTable
	stack  []frame
	// scratch holds decoded strings; model and user those two.
	scratch, model, user []byte
}

// Shape is the shape that the last Parse read by.
func (d *Document) Shape() Shape { return d.shape }

// SyntaxError says why a body was refused. Limit is set when a bound was reached rather than the grammar broken.
type SyntaxError struct {
	Off   int
	What  string
	Limit bool
}

func (e *SyntaxError) Error() string { return e.What }

func broken(off int, what string) error { return &SyntaxError{Off: off, What: what} }
func beyond(off int, what string) error { return &SyntaxError{Off: off, What: what, Limit: true} }

// Text returns v as sent, without quotes and still escaped where v.Escaped says so.
func (d *Document) Text(v Value) []byte { return d.Body[v.Off : v.Off+v.Len] }

// keep is how many records a Document holds on to between bodies; a rare, huge body must not stay in the pool.
const keep = 4096

// reset prepares d for body.
func (d *Document) reset(shape Shape, body []byte, limits Limits) {
	d.Body, d.shape, d.limits = body, shape, limits.orDefault()
	d.Fields, d.Values, d.Params, d.stack = d.Fields[:0], d.Values[:0], d.Params[:0], d.stack[:0]
	if cap(d.Values) > keep && cap(d.Values) > len(body) {
		d.Values = nil
	}
	if cap(d.Fields) > keep && cap(d.Fields) > len(body) {
		d.Fields = nil
	}
	d.Model, d.User, d.Stream, d.IncludeUsage = nil, nil, false, false
	d.MaxTokens, d.N, d.TextBytes, d.TokenIDs, d.keys = -1, 1, 0, 0, 0
	d.seen.reset()
}

// keyTable tells duplicate keys: an open-addressing table over all objects of a body, hashed with a seed that no client
// knows, so that keys cannot be chosen to collide. An entry belongs to the object whose serial it carries; serials grow
// from body to body, so that nothing has to be cleared.
type keyTable struct {
	seed    maphash.Seed
	ready   bool
	entries []keyEntry
	used    int
	first   uint32 // the first serial of this body; smaller ones are free places
	last    uint32 // the last serial given out
}

type keyEntry struct {
	object uint32 // serial; 0 is free
	value  uint32 // index into Document.Values
}

const firstEntries = 128

func (t *keyTable) reset() {
	if !t.ready {
		t.seed, t.ready = maphash.MakeSeed(), true
	}
	if len(t.entries) == 0 || len(t.entries) > 2*keep && t.used < keep || t.last > 1<<31 {
		t.entries, t.last = make([]keyEntry, firstEntries), 0
	}
	t.first, t.used = t.last+1, 0
}

// open gives the next object its serial.
func (t *keyTable) open() uint32 {
	t.last++
	return t.last
}

// add records the key at d.Values[at] (decoded: name) as a member of object; false when it is there already.
func (t *keyTable) add(d *Document, object, at uint32, name []byte) bool {
	if 4*t.used >= 3*len(t.entries) {
		t.grow(d)
	}
	mask := uint64(len(t.entries) - 1)
	i := t.slot(object, name)
	for {
		e := t.entries[i&mask]
		if e.object < t.first {
			t.entries[i&mask] = keyEntry{object: object, value: at}
			t.used++
			return true
		}
		if e.object == object && d.keyIs(e.value, name) {
			return false
		}
		i++
	}
}

func (t *keyTable) slot(object uint32, name []byte) uint64 {
	return maphash.Bytes(t.seed, name) + uint64(object)*0x9e3779b97f4a7c15>>17
}

// grow doubles the table and puts this body's keys back in.
func (t *keyTable) grow(d *Document) {
	old := t.entries
	t.entries = make([]keyEntry, 2*len(old))
	mask := uint64(len(t.entries) - 1)
	for _, e := range old {
		if e.object < t.first {
			continue
		}
		v := d.Values[e.value]
		name := d.Text(v)
		if v.Escaped {
			name = Unescape(nil, name)
		}
		i := t.slot(e.object, name)
		for t.entries[i&mask].object >= t.first {
			i++
		}
		t.entries[i&mask] = e
	}
}

// keyIs reports whether the key at Values[at] decodes to name.
func (d *Document) keyIs(at uint32, name []byte) bool {
	v := d.Values[at]
	if v.Escaped {
		return unescapesTo(d.Text(v), name)
	}
	return string(d.Text(v)) == string(name)
}
