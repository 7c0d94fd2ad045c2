package decode

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// document parses data to its root node; nil when it is empty or not YAML.
func (r *Reader) document(name string, data []byte) *yaml.Node {
	if r.Marks == nil {
		r.Marks = Marks{}
	}
	if _, ok := r.Marks[""]; !ok {
		r.Marks[""] = Mark{Pos: Pos{File: name, Line: 1, Column: 1}}
	}
	if r.bytes += len(data); r.bytes > maxBytes {
		r.Problems = append(r.Problems, Problem{Pos: Pos{File: name}, Want: "a policy of at most 16 MiB in all", Got: "more"})
		return nil
	}
	if !utf8.Valid(data) {
		r.Problems = append(r.Problems, Problem{Pos: Pos{name, 1, 1}, Want: "UTF-8", Got: "other bytes"})
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		r.Problems = append(r.Problems, syntaxProblem(name, data, err))
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case err == io.EOF:
		return nil
	case err != nil:
		r.Problems = append(r.Problems, syntaxProblem(name, data, err))
		return nil
	}
	if err := loader.Load(&second); err == nil {
		r.problem(name, &second, "", "one YAML document in a file", "a second one")
	} else if err != io.EOF {
		r.Problems = append(r.Problems, syntaxProblem(name, data, err))
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// syntaxProblem says what the YAML library says, with its place; a tab, of which it says no such thing, is named.
func syntaxProblem(name string, data []byte, err error) Problem {
	p := Problem{Pos: Pos{name, 1, 1}, Want: "YAML", Got: clip(err.Error())}
	var at *yaml.LoadError
	if errors.As(err, &at) {
		if p.Got = at.Message; at.Mark.Line > 0 {
			p.Pos.Line, p.Pos.Column = at.Mark.Line, max(at.Mark.Column, 1)
		}
	}
	if indent := line(data, p.Pos.Line); bytes.IndexByte(indent[:len(indent)-len(bytes.TrimLeft(indent, " \t"))], '\t') >= 0 {
		p.Want, p.Got = "blanks that indent", "a tab"
	}
	for said, hint := range map[string]string{
		"did not find expected key":                             "a line may be indented unlike its neighbours, or a quote, bracket or comma may be missing",
		"did not find expected ',' or":                          "a bracket or comma may be missing, or a value with one of { } [ ] , in it needs quotes",
		"did not find expected alphabetic or numeric character": "a value that begins with * or & needs quotes",
		"unknown anchor":                                        "a value that begins with * or & needs quotes",
		"found unexpected end of stream":                        "a quote may be missing, here or before",
		"mapping values are not allowed in this context":        "a value with a colon and a blank in it needs quotes; a line may be indented unlike its neighbours",
		"found character that cannot start any token":           "a value that begins with @, ` or % needs quotes",
	} {
		if strings.Contains(p.Got, said) {
			p.Hint = hint
		}
	}
	return p
}

// line returns the nth line of data, counted from 1.
func line(data []byte, n int) []byte {
	for ; n > 1 && len(data) > 0; n-- {
		_, data, _ = bytes.Cut(data, []byte{'\n'})
	}
	data, _, _ = bytes.Cut(data, []byte{'\n'})
	return data
}
