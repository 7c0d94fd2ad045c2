package decode

import (
	"encoding"
	"reflect"
	"strings"
)

// Field is one key of a configuration struct, as its tags say. Embedded structs are flattened.
type Field struct {
	Key     string
	Doc     string
	Default string
	Example string
	// HasDefault tells an empty default from none.
	HasDefault bool
	Type       reflect.Type
	index      []int
}

// Fields lists the keys of the struct type t in the order they are declared.
func Fields(t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case key == "-" || !f.IsExported() && !f.Anonymous:
		case strings.Contains(options, "inline") || f.Anonymous && key == "" && f.Type.Kind() == reflect.Struct:
			for _, sub := range Fields(f.Type) {
				sub.index = append([]int{i}, sub.index...)
				out = append(out, sub)
			}
		case f.IsExported():
			if key == "" {
				key = strings.ToLower(f.Name)
			}
			def, ok := f.Tag.Lookup("default")
			out = append(out, Field{Key: key, Doc: f.Tag.Get("doc"), Default: def, HasDefault: ok,
				Example: f.Tag.Get("example"), Type: f.Type, index: []int{i}})
		}
	}
	return out
}

// Wanter says in a policy's words what a type reads.
type Wanter interface{ Want() string }

var (
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
	wanterType = reflect.TypeFor[Wanter]()
	rawType    = reflect.TypeFor[Raw]()
)

// IsText reports whether a value of type t is read from a scalar by the type itself.
func IsText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

// WantOf returns what type t says it reads, or "".
func WantOf(t reflect.Type) string {
	if !reflect.PointerTo(t).Implements(wanterType) {
		return ""
	}
	return reflect.New(t).Interface().(Wanter).Want()
}
