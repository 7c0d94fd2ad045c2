package engine

import (
	"bytes"
	"slices"
	"strconv"
)

// LimitTokens appends to edits what makes the body ask for at most n tokens of output: every bound above n, and every
// one that is none (null, negative), becomes n, and where the body names no bound it gets one, since without it the
// engines generate to the end of the context. r is the route, which knows what its engine calls the bound; nil will do.
// What earlier edits ask for counts: the smallest bound stays. It reports
// false when the body has no place for a bound that holds (sampling parameters for each prompt of a batch, some of them
// without one, or a shape that generates nothing).
func (d *Document) LimitTokens(r *Route, edits []Edit, n int64) ([]Edit, bool) {
	home, name := d.boundHome()
	if r != nil && r.Shape == Chat && r.engine.Name == "openai" {
		name = "max_completion_tokens" // its reasoning models refuse the older name
	}
	if name == "" {
		return edits, false
	}
	found, before := 0, edits
	for _, p := range d.Params {
		if p.ID != ParamMaxTokens {
			continue
		}
		found++
		if got, ok := edited(before, d.SetParam(p, nil), d.Raw(p)); !ok || got < 0 || got > n {
			edits = append(edits, d.SetParam(p, strconv.AppendInt(nil, n, 10)))
		}
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

// OutputBound is the bound on the output of the body with edits: the largest that it names, or the one that an edit adds;
// -1 when there is none.
func (d *Document) OutputBound(edits []Edit) int64 {
	most, named := int64(-1), false
	for _, p := range d.Params {
		if p.ID != ParamMaxTokens {
			continue
		}
		named = true
		got, ok := edited(edits, d.SetParam(p, nil), d.Raw(p))
		if !ok || got < 0 {
			return -1
		}
		most = max(most, got)
	}
	if named {
		return most
	}
	home, name := d.boundHome()
	for i := range edits {
		e := &edits[i]
		if got, ok := addedBound(e); ok && (e.name == name || e.name == home || e.name == "max_completion_tokens") && (most < 0 || got < most) {
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

// boundHome is where the shape has its bound on the output: the member, and the object that it is in.
func (d *Document) boundHome() (home, name string) {
	switch d.shape {
	case Chat, ChatBatch, Completions, Messages, TritonGenerate, Opaque:
		return "", "max_tokens"
	case Responses:
		return "", "max_output_tokens"
	case OllamaGenerate, OllamaChat:
		return "options", "num_predict"
	case TGIGenerate:
		return "parameters", "max_new_tokens"
	case SGLangGenerate:
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
