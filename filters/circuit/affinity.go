package circuit

import (
	"bytes"
	"encoding/json"

	"blaze/filters"
	"blaze/upstream/engine"
)

const (
	maxText  = 1 << 10 // bytes of one text that count
	maxTexts = 8       // texts that count
)

// affinity hashes the tenant, the model and the beginning of the conversation: its texts up to the first user message,
// which later turns repeat. So the turns of one conversation, and they alone, fall together. 0 when there is no text.
func affinity(x *filters.Exchange) uint64 {
	if !x.HasDocument {
		return 0
	}
	d := &x.Document
	h := hash(hash(fnvOffset, []byte(x.Identity.Tenant)), d.Model)
	texts, user, end := 0, false, uint32(0)
	for i, v := range d.Values {
		switch v.Kind {
		case engine.Text:
			text := d.Text(v)
			h = hash(h, text[:min(len(text), maxText)])
			texts, end = texts+1, v.Off+v.Len
			if user || texts == maxTexts {
				return h
			}
		case engine.Key:
			if string(d.Text(v)) != "role" || i+1 == len(d.Values) {
				continue
			}
			user = string(d.Text(d.Values[i+1])) == "user"
			if user && texts > 0 && beside(d.Body[end:v.Off]) {
				return h // the role came behind its text
			}
		}
	}
	if texts == 0 {
		return 0
	}
	return h
}

// beside reports whether two strings with between in between are members of the same object: a text's closing quote, a
// comma, a key's opening quote.
func beside(between []byte) bool {
	return string(bytes.Join(bytes.Fields(between), nil)) == `","`
}

const fnvOffset, fnvPrime = 14695981039346656037, 1099511628211

// hash goes on with the FNV-1a hash h; a zero byte parts what is hashed one after the other.
func hash(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return h * fnvPrime
}

// setModel has the forwarded body ask for model, instead of whatever it asks for now.
func setModel(x *filters.Exchange, model string) {
	if model == "" || !x.HasDocument {
		return
	}
	quoted, err := json.Marshal(model)
	if err != nil {
		panic("BUG: a string that JSON cannot hold: " + err.Error())
	}
	edit := x.Document.SetField("model", quoted)
	kept := x.Edits[:0]
	for _, e := range x.Edits {
		if e.Off != edit.Off || e.Len != edit.Len || e.Len == 0 {
			kept = append(kept, e)
		}
	}
	x.Edits = append(kept, edit)
}
