package decode

import (
	"cmp"
	"reflect"
	"strings"
)

// shape writes a map or list of type t as a policy might have it: {path: /health}, [user]. example is what the key's
// documentation shows, and goes before what the type tells; "" when neither says anything.
func shape(t reflect.Type, example string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if example != "" {
		return example
	}
	switch {
	case t == rawType, IsText(t):
	case t.Kind() == reflect.Struct:
		return shapeOf(Fields(t))
	case t.Kind() == reflect.Slice:
		if item := shape(t.Elem(), ""); item != "" {
			return "[" + item + "]"
		}
	case t.Kind() == reflect.Map:
		if item := shape(t.Elem(), ""); item != "" {
			return "{NAME: " + item + "}"
		}
	}
	return ""
}

// shapeOf shows the first key that has an example, and a second where there is room, or else the first that has a default.
// What many structs share (mode, enforce) goes last: it is not what one is for.
func shapeOf(fields []Field) string {
	shown, first := "", ""
	for _, f := range fields {
		pair := pairOf(f.Key, f.Example)
		switch {
		case len(f.index) > 1:
			first = cmp.Or(first, pairOf(f.Key, f.Default))
		case f.Example != "" && shown == "":
			shown = pair
		case f.Example != "" && len(shown+pair) <= maxShape:
			return "{" + shown + ", " + pair + "}"
		default:
			first = cmp.Or(first, pairOf(f.Key, f.Default))
		}
	}
	if shown = cmp.Or(shown, first); shown == "" {
		return ""
	}
	return "{" + shown + "}"
}

func pairOf(key, value string) string {
	if value == "" {
		return ""
	}
	return key + ": " + value
}

// maxShape is how many bytes two keys of a shape may take.
const maxShape = 60

// itemOf is the item that a list's example shows, where that is one map.
func itemOf(example string) string {
	item := strings.TrimSuffix(strings.TrimPrefix(example, "["), "]")
	if len(item) == len(example)-2 && strings.HasPrefix(item, "{") && strings.HasSuffix(item, "}") && !strings.Contains(item, "}, {") {
		return item
	}
	return ""
}

// such adds to what is wanted the shape of it, where one is known.
func such(want, shape string) string {
	if shape == "" {
		return want
	}
	return want + " such as " + shape
}

// notAMap says which map is wanted where something else stands. The last of structs is the one that the map is for; those
// before it are what many maps share.
func (d *decoder) notAMap(path, example string, got any, structs []reflect.Value) {
	var fields []Field
	for _, s := range structs {
		fields = append(fields, Fields(s.Type())...)
	}
	if len(structs) > 0 && example == "" {
		if example = shape(structs[len(structs)-1].Type(), ""); example == "" {
			example = shapeOf(fields)
		}
	}
	names := keysOf(fields)
	d.wrong(path, such("a map", example), got, cmp.Or(noColon(got, names), List("the keys here are", names)))
}

// keysOf lists the keys of fields in the order they are declared.
func keysOf(fields []Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Key
	}
	return names
}
