package engine

import (
	"bytes"
	"slices"
	"strconv"
)

// LimitTokens appends to edits what makes the body ask for at most n tokens of output: every bound above n, and every
// one that is none (null, negative), becomes n, and where the body names none that its engine reads it gets one, since without
// it the engines generate to the end of the context. A bound in quotes loses them: some engines read it, others see none.
// r is the route, which knows what its engine calls the bound; without it every name counts.
// What earlier edits ask for counts: the smallest bound stays. It reports
// false when the body has no place for a bound that holds (sampling parameters for each prompt of a batch, some of them
// without one, or a shape that generates nothing).
func (d *Document) LimitTokens(r *Route, edits []Edit, n int64) ([]Edit, bool) {
	home, name := d.boundHome(r)
	if name == "" {
		return edits, false
	}
	found, before := 0, edits
	for _, p := range d.Params {
		if p.ID != ParamMaxTokens {
			continue
		}
		if r.Reads(d, p) {
			found++
		}
		got, ok := edited(before, d.SetParam(p, nil), d.Raw(p))
		if !ok || got < 0 || got > n {
			got = n
		} else if p.Type != '"' {
			continue
		}
		edits = append(edits, d.SetParam(p, strconv.AppendInt(nil, got, 10)))
	}
	if home == "" {
		if found == 0 {
			edits = addBound(edits, d.SetField(name, strconv.AppendInt(nil, n, 10)), n)
		}
		return edits, true
	}
	f, ok := d.Field(home)
	switch {
	case ok && f.Type == '[':
		return edits, found >= d.elements(f)
	case found > 0:
		return edits, true
	case ok && f.Type == '{':
		return addBound(edits, d.SetIn(f, name, strconv.AppendInt(nil, n, 10)), n), true
	}
	return addHome(edits, d, home, name, n), true
}

// OutputBound is the bound on the output of the body with edits: the largest that it names and the engine of r reads, or the one
// that an edit adds; -1 when there is none, or one of them is no number. A bound that is null is as good as absent.
func (d *Document) OutputBound(r *Route, edits []Edit) int64 {
	most, named := int64(-1), false
	for _, p := range d.Params {
		if p.ID != ParamMaxTokens || !r.Reads(d, p) {
			continue
		}
		got, ok := edited(edits, d.SetParam(p, nil), d.Raw(p))
		if !ok && p.Type == 'n' {
			continue
		}
		named = true
		if !ok || got < 0 {
			return -1
		}
		most = max(most, got)
	}
	if named {
		return most
	}
	home, name := d.boundHome(r)
	for i := range edits {
		e := &edits[i]
		if got, ok := addedBound(e); ok && (e.name == name || e.name == home) && (most < 0 || got < most) {
			most = got
		}
	}
	return most
}

// addBound adds the member e unless an earlier edit adds it with a smaller bound.
func addBound(edits []Edit, e Edit, n int64) []Edit {
	if got, ok := edited(edits, e, nil); ok && got >= 0 && got <= n {
		return edits
	}
	return append(edits, e)
}

// addHome gives the body the object home with the bound alone, unless an earlier edit gave it one with a smaller bound.
func addHome(edits []Edit, d *Document, home, name string, n int64) []Edit {
	open := `{"` + name + `":`
	e := d.SetField(home, append(strconv.AppendInt([]byte(open), n, 10), '}'))
	for _, old := range edits {
		inner, ok := bytes.CutPrefix(old.With, []byte(open))
		if got, isNumber := ParseCount(bytes.TrimSuffix(inner, []byte{'}'})); ok && old.Off == e.Off && isNumber && got <= n {
			return edits
		}
	}
	return append(edits, e)
}

// edited is the number that stands at the place of e, raw when no edit has changed it.
func edited(edits []Edit, e Edit, raw []byte) (int64, bool) {
	for _, old := range slices.Backward(edits) {
		if old.Off == e.Off && old.Len == e.Len && old.kind == e.kind && old.name == e.name {
			raw = old.With
			break
		}
	}
	return ParseCount(bytes.Trim(raw, `"`))
}

// Reads reports whether p, a bound on the output, is one that r's engine reads. The shapes know every engine's names for it, and
// one that means nothing where the request goes bounds nothing.
func (r *Route) Reads(d *Document, p Param) bool {
	if r == nil || d.shape == TritonGenerate || d.shape == Opaque { // whose models name their own inputs
		return true
	}
	home, name := d.boundHome(r)
	if home != "" {
		f, ok := d.Field(home)
		return ok && p.Off > f.ValOff && p.Off < f.ValOff+f.ValLen && d.under(p, name)
	}
	if !slices.ContainsFunc(d.Fields, func(f Field) bool { return f.ValOff == p.Off }) {
		return false
	}
	llama := r.engine.Name == "llamacpp"
	switch d.shape {
	case Chat, ChatBatch:
		return d.under(p, "max_tokens") || r.engine.Name != "ollama" && d.under(p, "max_completion_tokens") || llama && d.under(p, "n_predict")
	case Completions, LlamaCompletion:
		return d.under(p, "max_tokens") || llama && (d.under(p, "max_completion_tokens") || d.under(p, "n_predict"))
	}
	return d.under(p, name)
}

// under reports whether p stands under name.
func (d *Document) under(p Param, name string) bool {
	end := bytes.LastIndexByte(d.Body[:p.Off], '"')
	key := d.Body[bytes.LastIndexByte(d.Body[:end], '"')+1 : end]
	return string(key) == name || bytes.IndexByte(key, '\\') >= 0 && unescapesTo(key, []byte(name))
}

// boundHome is where r's engine has its bound on the output: the member, and the object that it is in.
func (d *Document) boundHome(r *Route) (home, name string) {
	engine := ""
	if r != nil {
		engine = r.engine.Name
	}
	switch d.shape {
	case Chat, ChatBatch, Completions, Messages, TritonGenerate, Opaque:
		if engine == "openai" && d.shape == Chat {
			return "", "max_completion_tokens" // its reasoning models refuse the older name
		}
		return "", "max_tokens"
	case LlamaCompletion:
		return "", "n_predict"
	case Responses:
		return "", "max_output_tokens"
	case OllamaGenerate, OllamaChat:
		return "options", "num_predict"
	case TGIGenerate:
		return "parameters", "max_new_tokens"
	case SGLangGenerate:
		if engine == "vllm" {
			return "sampling_params", "max_tokens"
		}
		return "sampling_params", "max_new_tokens"
	}
	return "", ""
}

// elements counts the elements of the top-level array f.
func (d *Document) elements(f Field) int {
	w := walk{body: d.Body, off: -1}
	n, at := 0, skipSpace(d.Body, int(f.ValOff)+1)
	for d.Body[at] != ']' {
		n++
		at = skipSpace(d.Body, w.value(at))
		if d.Body[at] == ',' {
			at = skipSpace(d.Body, at+1)
		}
	}
	return n
}
