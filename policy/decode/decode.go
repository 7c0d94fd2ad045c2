package decode

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"time"

	"blaze/telemetry/setting"
)

// Raw keeps a part of the tree undecoded, for whoever knows its type.
type Raw struct{ Tree any }

// Into decodes the map tree (nil: an absent one, all defaults) into targets, pointers to structs that share its keys: a
// key that none of them has is a problem. Problems are joined *setting.Problem with paths that begin with path.
func Into(path string, tree any, targets ...any) error {
	var d decoder
	structs := make([]reflect.Value, len(targets))
	for i, t := range targets {
		structs[i] = reflect.ValueOf(t).Elem()
	}
	d.fill(path, "", tree, structs...)
	return errors.Join(d.problems...)
}

type decoder struct{ problems []error }

func (d *decoder) wrong(path, want string, got any, hint string) {
	d.problems = append(d.problems, &setting.Problem{Path: path, Want: want, Got: Describe(got), Hint: hint})
}

// fill decodes a map into structs that share its keys; example shows one, where the documentation does.
func (d *decoder) fill(path, example string, tree any, structs ...reflect.Value) {
	m, ok := tree.(map[string]any)
	if s, isScalar := tree.(Scalar); isScalar && s.Kind == Unread {
		return
	}
	if s, null := tree.(Scalar); !ok && tree != nil && !(null && s.Kind == Null) {
		d.notAMap(path, example, tree, structs)
		return
	}
	var known []Field
	for _, dst := range structs {
		fields := Fields(dst.Type())
		for _, f := range fields {
			d.field(Join(path, f.Key), f, m, dst.FieldByIndex(f.index))
		}
		known = append(known, fields...)
	}
	d.unknown(path, m, known)
}

// field decodes one key: what is written, or else the default.
func (d *decoder) field(path string, f Field, m map[string]any, dst reflect.Value) {
	if v, ok := m[f.Key]; ok {
		d.value(path, f.Example, v, dst)
		return
	}
	if f.HasDefault && f.Default != "" {
		d.value(path, "", defaultTree(f), dst)
		return
	}
	if dst.Kind() == reflect.Struct && dst.Type() != rawType && hasKeys(dst.Type()) {
		d.fill(path, "", nil, dst) // its own defaults
	}
}

func hasKeys(t reflect.Type) bool { return len(Fields(t)) > 0 }

// defaultTree reads a default tag: a list or map is YAML, everything else is text.
func defaultTree(f Field) any {
	t := f.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	plain := IsText(t) || t.Kind() != reflect.Slice && t.Kind() != reflect.Map && t.Kind() != reflect.Struct
	if plain {
		return Scalar{Text: f.Default, Kind: Replaced}
	}
	var r Reader
	root := r.document("default", []byte(f.Default))
	if root == nil {
		panic("BUG: default of " + f.Key + " is not YAML: " + f.Default)
	}
	return r.node(root, "default", "", 0)
}

// mostHints bounds the problems whose keys are compared with all that there might be: a file of 100,000 wrong keys is no policy.
const mostHints = 100

func (d *decoder) unknown(path string, m map[string]any, known []Field) {
	names := keysOf(known)
	for _, k := range Keys(m) {
		if slices.Contains(names, k) {
			continue
		}
		hint := "blaze schema tells which keys there are"
		if len(d.problems) < mostHints {
			hint = cmp.Or(deeper(k, known), setting.DidYouMean(k, names), List("the keys here are", names), hint)
		}
		d.problems = append(d.problems, &setting.Problem{Path: Join(path, k), Want: "a known key", Got: strconv.Quote(clip(k)), Hint: hint})
	}
}

// value decodes whatever stands at path into dst; example is what the documentation shows there, or "".
func (d *decoder) value(path, example string, v any, dst reflect.Value) {
	t := dst.Type()
	s, isScalar := v.(Scalar)
	switch {
	case isScalar && s.Kind == Unread:
	case t == rawType:
		dst.Set(reflect.ValueOf(Raw{Tree: v}))
	case t.Kind() == reflect.Pointer:
		dst.Set(reflect.New(t.Elem()))
		d.value(path, example, v, dst.Elem())
	case IsText(t):
		d.text(path, v, dst)
	case t == reflect.TypeFor[time.Duration]():
		d.duration(path, v, dst)
	case t.Kind() == reflect.Struct:
		d.fill(path, example, v, dst)
	case t.Kind() == reflect.Map:
		d.mapping(path, example, v, dst)
	case t.Kind() == reflect.Slice:
		d.list(path, example, v, dst)
	case t.Kind() == reflect.Interface:
		if p := Plain(v); p != nil {
			dst.Set(reflect.ValueOf(p))
		}
	case !isScalar || s.Kind == Null:
		d.wrong(path, wantKind(t, example), v, "")
	default:
		d.scalar(path, s, dst)
	}
}

func (d *decoder) mapping(path, example string, v any, dst reflect.Value) {
	m, ok := v.(map[string]any)
	t := dst.Type()
	if s, null := v.(Scalar); !ok && !(null && s.Kind == Null) {
		d.wrong(path, such("a map", shape(t, example)), v, "")
		return
	}
	out := reflect.MakeMapWithSize(t, len(m))
	for _, k := range Keys(m) {
		key := reflect.New(t.Key()).Elem()
		if IsText(t.Key()) {
			d.text(Join(path, k), Scalar{Text: k}, key)
		} else {
			key.SetString(k)
		}
		elem := reflect.New(t.Elem()).Elem()
		if hint := unnamed(path, k, m[k], t.Elem()); hint != "" {
			d.wrong(Join(path, k), such("a map", shape(t.Elem(), "")), m[k], hint)
			continue
		}
		d.value(Join(path, k), "", m[k], elem)
		out.SetMapIndex(key, elem)
	}
	dst.Set(out)
}

func (d *decoder) list(path, example string, v any, dst reflect.Value) {
	l, ok := v.([]any)
	if s, null := v.(Scalar); !ok && !(null && s.Kind == Null) {
		d.wrong(path, such("a list", shape(dst.Type(), example)), v, noDash(v))
		return
	}
	out := reflect.MakeSlice(dst.Type(), len(l), len(l))
	for i, item := range l {
		d.value(At(path, i), itemOf(example), item, out.Index(i))
	}
	dst.Set(out)
}
