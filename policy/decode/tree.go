// Package decode reads policy text strictly: YAML into a plain tree whose every place is known by file, line and column,
// and the tree into typed configuration, with every mistake reported and none forgiven. It knows no section of the policy
// by name, and it decides about no request.
package decode

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// A tree is made of map[string]any, []any and Scalar.

// Kind says how a scalar was written.
type Kind uint8

// The kinds of scalars. Replaced text (see Scalar.Source) has no kind of its own: it is read as its field asks.
const (
	String Kind = iota
	Int
	Float
	Bool
	Null
	Replaced
	Unread // could not be read; the problem is on record, and no second one is made of it
)

// Scalar is one value as written, before anything is made of it.
type Scalar struct {
	Text string
	Kind Kind
	// Source is the text before ${env:…} and ${file:…} were replaced; empty when nothing was. Text is then a secret.
	Source string
}

// Pos is a place in a policy file; lines and columns count from 1.
type Pos struct {
	File         string
	Line, Column int
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Mark is what is known about one place of a tree: where its key (in a list, its item) stands, and whether its value
// came from the environment or a file and must not be shown.
type Mark struct {
	Pos    Pos
	Secret bool
	// Variable is what the value has of the form ${NAME} or $NAME, which nothing fills in; "" is nothing.
	Variable string
}

// Marks maps paths such as filters.ratelimit.limits[2].per to their places.
type Marks map[string]Mark

// Find returns the mark of path or, if that is not there (a missing key), of the nearest place around it.
func (m Marks) Find(path string) Mark {
	for {
		if k, ok := m[path]; ok {
			return k
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return m[""]
		}
		path = path[:cut]
	}
}

// Join returns the path of the member named key of the map at path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// At returns the path of the i-th item of the list at path.
func At(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// Keys lists the keys of a map of a tree, sorted.
func Keys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Describe renders what stands at a place the way a person would say it; a secret is not shown.
func Describe(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	case Scalar:
		switch {
		case v.Source != "":
			return strconv.Quote(v.Source) + " (its value is not shown)"
		case v.Kind == Null, v.Kind != String && v.Text == "": // a tag of nothing
			return "nothing"
		case v.Kind == String:
			return strconv.Quote(clip(v.Text))
		}
		return clip(v.Text)
	}
	return fmt.Sprintf("%T", v)
}

func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
