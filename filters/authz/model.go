package authz

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"

	"blaze/filters"
	"blaze/upstream/engine"
)

// maxParts bounds the parts of a form that are looked at for the model's name.
const maxParts = 64

// allows reports whether r allows every model that x names: in the path, in the body, in the query where a WebSocket is
// opened. An inference route that should name a model but does not is for roles without a bound only: the engine would
// take its default, which may be any.
func (r *role) allows(x *filters.Exchange) bool {
	if len(r.models) == 0 {
		return true
	}
	named := false
	if m := x.Endpoint.ModelIn(&x.Path); len(m) > 0 {
		if named = true; !r.takes(m) {
			return false
		}
	}
	switch {
	case x.HasDocument:
		ok, any := r.allowsDocument(&x.Document)
		if !ok {
			return false
		}
		named = named || any
	case x.Endpoint.Upgrade:
		m, ok := queryValue(x.Query, "model")
		if ok && !r.takes(m) {
			return false
		}
		named = named || ok
	case len(x.Body) > 0 && x.Endpoint.Class == engine.Inference:
		m, ok := formModel(x.Body, x.Request.ContentType())
		if ok && !r.takes(m) {
			return false
		}
		named = named || ok
	}
	return named || !expectsModel(x.Endpoint) || r.takes(nil)
}

// allowsDocument looks at every value of a JSON body that is a model's name by its position.
func (r *role) allowsDocument(d *engine.Document) (ok, any bool) {
	if len(d.Model) > 0 {
		if any = true; !r.takes(d.Model) {
			return false, any
		}
	}
	for _, v := range d.Values {
		if v.Kind != engine.Model {
			continue
		}
		name := d.Text(v)
		if v.Escaped {
			var s string
			if json.Unmarshal(d.Body[v.Off-1:v.Off+v.Len+1], &s) != nil {
				return false, true
			}
			name = []byte(s)
		}
		if any = true; !r.takes(name) {
			return false, any
		}
	}
	return true, any
}

// expectsModel reports whether a request to e names a model when it is made as documented. The shapes that are left out
// belong to engines that serve one model.
func expectsModel(e *engine.Route) bool {
	if e.Class != engine.Inference {
		return false
	}
	switch e.Shape {
	case engine.TGIGenerate, engine.SGLangGenerate, engine.LlamaCompletion, engine.None:
		return e.Upgrade
	}
	return true
}

// formModel reads the model field of a multipart form. A form that cannot be read, or that has the field twice, names
// none: two readers might take two.
func formModel(body, contentType []byte) (model []byte, ok bool) {
	kind, params, err := mime.ParseMediaType(string(contentType))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, false
	}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range maxParts {
		part, err := form.NextRawPart()
		if err == io.EOF {
			return model, ok
		}
		if err != nil || !plainPart(part) {
			return nil, false
		}
		if part.FormName() != "model" {
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, 1<<10))
		if err != nil || ok {
			return nil, false
		}
		model, ok = value, true
	}
	return nil, false
}

// plainPart reports whether every reader takes the same name from a part's head: one disposition, which can be read.
func plainPart(p *multipart.Part) bool {
	values := p.Header.Values("Content-Disposition")
	if len(values) != 1 {
		return false
	}
	_, params, err := mime.ParseMediaType(values[0])
	return err == nil && params["name"] != ""
}

// queryValue reads the parameter name of a query. Twice is not at all, and so is a query with an escape or a semicolon
// anywhere, which could be name once more to another reader; what needs one is no model's name.
func queryValue(query []byte, name string) (value []byte, ok bool) {
	if bytes.ContainsAny(query, "%+;") {
		return nil, false
	}
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte{'&'})
		k, v, _ := bytes.Cut(pair, []byte{'='})
		if string(k) != name {
			continue
		}
		if ok {
			return nil, false
		}
		value, ok = v, true
	}
	return value, ok
}
