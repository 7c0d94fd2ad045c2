package engine

import (
	"bytes"
	"encoding/json"
)

// Deterministic reports whether the same body is answered the same way each time, as far as the request says so: embeddings
// and ranks always are, texts when they are written without chance (temperature 0, TGI's do_sample false, said in so many
// words and not left to the engine's default). What the engine keeps or acts on besides answering (a stored completion, a
// prompt that only loads a model) is never.
func (d *Document) Deterministic() bool {
	if d.TextBytes == 0 && d.TokenIDs == 0 || d.isTrue("store") {
		return false
	}
	if d.shape.Pure() {
		return true
	}
	switch d.shape {
	case Chat, Completions, LlamaCompletion:
		_, more := d.Field("options") // Ollama's, which would count more
		return !more && d.isZero("temperature")
	case Messages:
		_, more := d.Field("container")
		return !more && d.isZero("temperature")
	case OllamaGenerate, OllamaChat:
		return d.inside("options", func(o greedy) bool { return zero(o.Temperature) })
	case TGIGenerate:
		return d.inside("parameters", func(o greedy) bool { return string(o.DoSample) == "false" })
	case SGLangGenerate:
		return d.inside("sampling_params", func(o greedy) bool { return zero(o.Temperature) })
	}
	return false
}

// greedy are the settings, inside an object of settings, that take chance out of a generation.
type greedy struct {
	Temperature json.RawMessage `json:"temperature"`
	DoSample    json.RawMessage `json:"do_sample"`
}

func (d *Document) inside(name string, holds func(greedy) bool) bool {
	f, ok := d.Field(name)
	var o greedy
	return ok && f.Type == '{' && json.Unmarshal(d.raw(f), &o) == nil && holds(o)
}

func (d *Document) isZero(name string) bool {
	f, ok := d.Field(name)
	return ok && f.Type == 0 && zero(d.raw(f))
}

func (d *Document) isTrue(name string) bool {
	f, ok := d.Field(name)
	return ok && f.Type == 't'
}

func (d *Document) raw(f Field) []byte { return d.Body[f.ValOff : f.ValOff+f.ValLen] }

// zero reports whether a JSON number is 0: all its digits are, whatever its exponent.
func zero(number []byte) bool {
	if e := bytes.IndexAny(number, "eE"); e >= 0 {
		number = number[:e]
	}
	return len(number) > 0 && len(bytes.Trim(number, "-0.")) == 0
}
