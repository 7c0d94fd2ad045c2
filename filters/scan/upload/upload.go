// Package upload reads a multipart form (RFC 7578) as a stream and says what is wrong with it: its form, its file names,
// and what its files are by their content. It holds one small field or the first bytes of one file at a time, never a
// file. It judges no field's value; it hands each to who does.
package upload

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"blaze/telemetry/setting"
)

// Limits bounds a form. Types are patterns of media types; a file must be, by its content, of one of them.
type Limits struct {
	MaxFile  int64
	MaxFiles int
	Types    []string
	// Unchecked passes files as they are.
	Unchecked bool
	// Passes is asked about each refusal of a file and says whether the file passes all the same, to be held against the
	// rules that are left; nil says no.
	Passes func(*Refusal) bool
}

// refuses reports whether r stands.
func (l *Limits) refuses(r *Refusal) bool { return l.Passes == nil || !l.Passes(r) }

// Rules lists the rules for files: those that Limits.Passes is asked about.
func Rules() []string {
	return []string{ruleName, ruleExtension, ruleDouble, ruleType, ruleArchive, rulePolyglot, ruleSize, ruleCount}
}

// The rules.
const (
	ruleName      = "upload-name"
	ruleExtension = "upload-extension"
	ruleDouble    = "upload-double-extension"
	ruleType      = "upload-type"
	ruleArchive   = "upload-archive"
	rulePolyglot  = "upload-polyglot"
	ruleSize      = "upload-size"
	ruleCount     = "upload-count"
)

// Bounds that no policy changes.
const (
	maxParts = 256
	maxField = 1 << 20 // one value that is no file
	sniff    = 3072    // what mimetype reads
)

// Refusal says why a form is refused. Limit is set when a bound was reached, Form when two parsers could read it
// differently; else the rule found a file nobody wants. Field is a kind of place and, behind a dot, the name that the
// client gave it.
type Refusal struct {
	Rule, Field, Seen string
	Limit, Form       bool
}

func (r *Refusal) Error() string { return r.Rule + " in " + r.Field }

// Field judges one value that is no file; false refuses the form and ends the reading.
type Field func(name string, value []byte) bool

// ErrField is what Read returns after a Field said false.
var ErrField = errors.New("a field was refused")

// Read reads the form from r to its end. The error is a *Refusal, ErrField, or r's own.
func Read(r io.Reader, contentType string, limits Limits, field Field) error {
	kind, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || kind != "multipart/form-data" || boundary == "" || len(boundary) > 70 || strings.ContainsAny(boundary, "\r\n\"") {
		return malformed("content-type", "")
	}
	end := &ending{r: r}
	form := multipart.NewReader(end, boundary)
	names := map[string]bool{}
	for parts, files := 0, 0; ; parts++ {
		part, err := form.NextRawPart()
		if err == io.EOF {
			return end.check(boundary)
		}
		if err != nil {
			return malformed("body", "")
		}
		if parts == maxParts {
			return &Refusal{Rule: "upload-parts", Field: "body", Limit: true}
		}
		name, file, isFile, bad := disposition(part.Header)
		if bad != nil {
			return bad
		}
		if !isFile {
			if names[name] && !strings.HasSuffix(name, "[]") {
				return malformed("form."+name, "")
			}
			names[name] = true
			err = readField(part, name, field)
		} else if files++; !limits.Unchecked {
			err = limits.readFile(part, name, file, files)
		}
		if err != nil {
			return err
		}
	}
}

func malformed(field, seen string) *Refusal {
	return &Refusal{Rule: "upload-form", Field: field, Seen: seen, Form: true}
}

// ending remembers the last bytes of what is read through it.
type ending struct {
	r    io.Reader
	tail []byte
}

const tailBytes = 128

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if e.tail = append(e.tail, p[max(n-tailBytes, 0):n]...); len(e.tail) > tailBytes {
		e.tail = append(e.tail[:0], e.tail[len(e.tail)-tailBytes:]...)
	}
	return n, err
}

// check refuses what follows the last boundary: RFC 2046 ignores it, and so it may hide anything.
func (e *ending) check(boundary string) error {
	if _, err := io.Copy(io.Discard, e); err != nil {
		return err
	}
	if !bytes.HasSuffix(bytes.TrimSpace(e.tail), []byte("--"+boundary+"--")) {
		return malformed("body", "")
	}
	return nil
}

// disposition reads a part's head: one Content-Disposition, plain parameters each once, no transfer encoding, and no
// charset but UTF-8.
func disposition(h textproto.MIMEHeader) (name, file string, isFile bool, bad *Refusal) {
	for key, values := range h {
		if len(values) != 1 || key != "Content-Disposition" && key != "Content-Type" && key != "Content-Length" && key != "Mime-Version" {
			if key == "Content-Transfer-Encoding" && len(values) == 1 && (values[0] == "binary" || values[0] == "8bit" || values[0] == "7bit") {
				continue
			}
			return "", "", false, malformed("body", "")
		}
	}
	raw := h.Get("Content-Disposition")
	kind, params, err := mime.ParseMediaType(raw)
	lowerRaw := strings.ToLower(raw)
	if err != nil || kind != "form-data" || strings.Contains(lowerRaw, "filename*") || strings.Contains(lowerRaw, "name*") || strings.Count(lowerRaw, "filename=") > 1 {
		return "", "", false, malformed("body", "")
	}
	if ct := h.Get("Content-Type"); ct != "" {
		_, ps, err := mime.ParseMediaType(ct)
		if cs := strings.ToLower(ps["charset"]); err != nil || cs != "" && cs != "utf-8" && cs != "us-ascii" {
			return "", "", false, malformed("form."+params["name"], "")
		}
	}
	name, hasName := params["name"]
	file, isFile = params["filename"]
	if !hasName || len(name) > 256 || strings.ContainsAny(name, "\x00\r\n") {
		return "", "", false, malformed("body", "")
	}
	return name, file, isFile, nil
}

func readField(part io.Reader, name string, field Field) error {
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	switch {
	case err != nil:
		return malformed("form."+name, "")
	case len(value) > maxField:
		return &Refusal{Rule: "upload-field", Field: "form." + name, Limit: true}
	case !field(name, value):
		return ErrField
	}
	return nil
}

// readFile judges the form's nth file.
func (l *Limits) readFile(part io.Reader, name, file string, nth int) error {
	where := "form." + name
	if r := (&Refusal{Rule: ruleCount, Field: where, Limit: true}); nth > l.MaxFiles && l.refuses(r) {
		return r
	}
	if why := BadName(file, func(rule string) bool { return !l.refuses(&Refusal{Rule: rule, Field: where, Seen: file}) }); why != "" {
		return &Refusal{Rule: why, Field: where, Seen: file}
	}
	head := make([]byte, sniff)
	n, err := io.ReadFull(part, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return malformed(where, "")
	}
	head = head[:n]
	kind := mimetype.Detect(head)
	if r := (&Refusal{Rule: ruleOf(kind), Field: where, Seen: kind.String()}); n > 0 && !allowed(kind, l.Types) && l.refuses(r) {
		return r
	}
	w := watch{medium: medium(kind)}
	size := int64(n)
	_, _ = w.Write(head)
	rest, err := io.Copy(&w, io.LimitReader(part, l.MaxFile-size+1))
	if size+rest > l.MaxFile {
		if r := (&Refusal{Rule: ruleSize, Field: where, Limit: true}); l.refuses(r) {
			return r
		}
		_, err = io.Copy(&w, part)
	}
	if err != nil {
		return malformed(where, "")
	}
	if r := (&Refusal{Rule: rulePolyglot, Field: where, Seen: kind.String()}); w.polyglot() && l.refuses(r) {
		return r
	}
	return nil
}

// ruleOf is the rule that refuses a file of a kind that is not among the types.
func ruleOf(kind *mimetype.MIME) string {
	s, _, _ := strings.Cut(kind.String(), ";")
	switch s {
	case "application/zip", "application/gzip", "application/x-tar", "application/x-7z-compressed", "application/vnd.rar",
		"application/x-bzip2", "application/x-xz", "application/zstd", "application/lzip", "application/x-cpio", "application/x-archive",
		"application/vnd.ms-cab-compressed", "application/x-installshield", "application/x-xar":
		return ruleArchive
	}
	return ruleType
}

// allowed reports whether kind, or a more general kind that it is (a Python script is text), is one of types.
func allowed(kind *mimetype.MIME, types []string) bool {
	for k := kind; k != nil; k = k.Parent() {
		s, _, _ := strings.Cut(k.String(), ";")
		if s == "application/octet-stream" && k != kind {
			return false
		}
		if setting.MatchAny(types, s) {
			return true
		}
		if s == "application/zip" || s == "application/x-ole-storage" {
			return false
		}
	}
	return false
}

func medium(kind *mimetype.MIME) bool {
	s := kind.String()
	return strings.HasPrefix(s, "image/") || strings.HasPrefix(s, "audio/") || strings.HasPrefix(s, "video/")
}

// watch looks, while a medium passes, for the marks of a second file inside it: PHP, a script element, or the end of a
// zip archive. It holds only what a mark may be split over.
type watch struct {
	medium bool
	found  bool
	keep   []byte
}

var marks = [...][]byte{[]byte("<?php"), []byte("<script"), []byte("<%@"), []byte("#!/bin/"), []byte("__HALT_COMPILER")}

// zipEnd is the end of central directory record with its counts of disks, all zero.
var zipEnd = []byte("PK\x05\x06\x00\x00\x00\x00")

const longestMark = 16

func (w *watch) Write(p []byte) (int, error) {
	if !w.medium || w.found {
		return len(p), nil
	}
	edge := append(w.keep, p[:min(len(p), longestMark)]...)
	w.found = marked(edge) || marked(p)
	if len(p) >= longestMark {
		w.keep = append(w.keep[:0], p[len(p)-longestMark:]...)
	} else {
		w.keep = append(w.keep[:0], edge[max(len(edge)-longestMark, 0):]...)
	}
	return len(p), nil
}

func marked(b []byte) bool {
	for _, m := range marks {
		if bytes.Contains(b, m) {
			return true
		}
	}
	return bytes.Contains(b, zipEnd)
}

func (w *watch) polyglot() bool { return w.found }
