package scan

import (
	"bytes"

	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/upstream/engine"
)

// body judges a body: value by value where it was understood, else whole.
func (p *pass) body() filters.Verdict {
	if p.x.HasDocument {
		return p.document(&p.x.Document)
	}
	if v, bad := p.opaque(); bad {
		return v
	}
	return filters.Pass()
}

// document judges every value by its kind.
func (p *pass) document(d *engine.Document) filters.Verdict {
	for i := range d.Values {
		val := &d.Values[i]
		if v, bad := p.documentValue(d, val); bad {
			return v
		}
	}
	return filters.Pass()
}

func (p *pass) documentValue(d *engine.Document, val *engine.Value) (filters.Verdict, bool) {
	raw := d.Body[val.Off : val.Off+val.Len]
	if val.Kind == engine.Text {
		return filters.Verdict{}, false
	}
	if val.Escaped {
		p.value = appendUnquoted(p.value[:0], raw)
		raw = p.value
	}
	at := spot{doc: d, off: val.Off}
	switch val.Kind {
	case engine.Model, engine.Tool:
		if v, bad := p.judge(raw, detect.Field, at); bad {
			return v, true
		}
		return p.name(raw, val.Kind, at)
	case engine.Data:
		return filters.Verdict{}, false
	}
	return p.judge(raw, detect.Field, at)
}

// opaque judges a body that was not understood, strictly: a form by its fields, anything else whole.
func (p *pass) opaque() (filters.Verdict, bool) {
	kind, _, _ := bytes.Cut(p.x.Request.ContentType(), []byte{';'})
	if bytes.EqualFold(bytes.TrimSpace(kind), []byte("application/x-www-form-urlencoded")) {
		return p.pairs(p.x.Body, "form")
	}
	return p.judge(p.x.Body, detect.Field, spot{kind: "body"})
}
