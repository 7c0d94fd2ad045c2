package scan

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/filters/scan/upload"
	"blaze/upstream/engine"
)

// form judges a body that is no known JSON: a form field by field, anything else whole and strictly.
func (p *pass) form() (filters.Verdict, bool) {
	kind, _, _ := bytes.Cut(p.x.Request.ContentType(), []byte{';'})
	kind = bytes.TrimSpace(kind)
	switch {
	case bytes.EqualFold(kind, []byte("application/x-www-form-urlencoded")):
		if v, bad := p.pairs(p.x.Body, "form"); bad {
			return v, true
		}
		return p.saidPairs(p.x.Body)
	case bytes.EqualFold(kind, []byte("multipart/form-data")):
		return p.multipart()
	case p.x.Large != nil: // the proxy keeps nothing else in a file
		return filters.Deny(filters.UnsupportedMediaType, "upload-form").At("content-type", ""), true
	}
	if v, bad := p.judge(p.x.Body, detect.Field, spot{kind: "body"}); bad {
		return v, true
	}
	if likeForm(p.x.Body) {
		if v, bad := p.pairs(p.x.Body, "form"); bad {
			return v, true
		}
	}
	return p.saidRaw(p.x.Body, true, spot{kind: "body"})
}

// likeForm reports whether a body begins as a form does: many a back end reads it as one, whatever it is said to be.
func likeForm(b []byte) bool {
	name, _, ok := bytes.Cut(b[:min(len(b), 64)], []byte{'='})
	return ok && len(name) > 0 && !bytes.ContainsAny(name, " \t\r\n<{")
}

// tooBig and manyFiles are what a client is told about a bound on uploads.
var (
	tooBig    = filters.RequestTooLarge.With("A file in the form is too large.")
	manyFiles = filters.InvalidRequest.With("The form has too many files or parts, or a field that is too long.")
	badForm   = filters.InvalidRequest.With("The form is malformed or ambiguous.")
)

// multipart reads the form as a stream. With the rule off its files are not looked at, its fields are.
func (p *pass) multipart() (filters.Verdict, bool) {
	var body io.Reader = bytes.NewReader(p.x.Body)
	if l := p.x.Large; l != nil {
		body = io.NewSectionReader(l, 0, l.Size())
	}
	u := &p.f.cfg.Upload
	var found filters.Verdict
	refused := false
	limits := upload.Limits{MaxFile: int64(u.MaxFile), MaxFiles: u.MaxFiles, Types: u.Types, Unchecked: !p.files,
		Passes: func(r *upload.Refusal) bool {
			found, refused = p.file(r)
			return !refused
		}}
	err := upload.Read(body, string(p.x.Request.ContentType()), limits, func(key string, value []byte) bool {
		found, refused = p.formField(key, value)
		return !refused
	})
	var r *upload.Refusal
	switch {
	case err == nil:
		return filters.Verdict{}, false
	case refused:
		return found, true
	case !errors.As(err, &r):
		return filters.Fail(err), true
	}
	d := badForm
	if r.Limit {
		d = manyFiles
	}
	// What was not understood, or not read to its end, is not scanned: no mode and no exception lets it pass.
	return filters.Deny(d, r.Rule).At(spotOf(r).String(), ""), true
}

// file judges what a rule has against a file. Once one is noted in shadow, no further one is.
func (p *pass) file(r *upload.Refusal) (filters.Verdict, bool) {
	at := spotOf(r)
	if !p.files || p.exempt(hitUpload.String(), r.Rule, at) {
		return filters.Verdict{}, false
	}
	d := filters.ThreatDetected
	switch {
	case r.Limit && r.Rule == "upload-size":
		d = tooBig
	case r.Limit:
		d = manyFiles
	}
	v, bad := p.refuse(hitUpload, p.f.cfg.Upload.Rule, filters.Deny(d, r.Rule).At(at.String(), excerpt([]byte(r.Seen), 0, len(r.Seen))))
	p.files = bad
	return v, bad
}

// spotOf is the place in a form that a refusal names.
func spotOf(r *upload.Refusal) spot {
	kind, name, _ := strings.Cut(r.Field, ".")
	return spot{kind: kind, name: []byte(name)}
}

// formField judges one value. The prompt of a transcription or a picture is prompt, by its place in a known form.
func (p *pass) formField(key string, value []byte) (filters.Verdict, bool) {
	at := spot{kind: "form", name: []byte(key)}
	if v, bad := p.judge([]byte(key), detect.Row, at); bad {
		return v, true
	}
	if r := p.x.Endpoint; r != nil && key == "prompt" && (r.Shape == engine.Transcription || r.Shape == engine.Images) {
		return p.saidRaw(value, false, at)
	}
	if v, bad := p.judge(value, detect.Field, at); bad {
		return v, true
	}
	if key != "model" {
		return p.saidRaw(value, false, at)
	}
	return p.name(value, engine.Model, at)
}
