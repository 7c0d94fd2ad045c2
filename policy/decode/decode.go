package decode

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
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
	d.fill(path, tree, structs...)
	return errors.Join(d.problems...)
}

type decoder struct{ problems []error }

func (d *decoder) wrong(path, want string, got any) {
	d.problems = append(d.problems, &setting.Problem{Path: path, Want: want, Got: Describe(got)})
}

// fill decodes a map into structs that share its keys.
func (d *decoder) fill(path string, tree any, structs ...reflect.Value) {
	m, ok := tree.(map[string]any)
	if s, isScalar := tree.(Scalar); isScalar && s.Kind == Unread {
		return
	}
	if s, null := tree.(Scalar); !ok && tree != nil && !(null && s.Kind == Null) {
		d.wrong(path, "a map", tree)
		return
	}
	known := map[string]bool{}
	for _, dst := range structs {
		for _, f := range Fields(dst.Type()) {
			known[f.Key] = true
			d.field(Join(path, f.Key), f, m, dst.FieldByIndex(f.index))
		}
	}
	d.unknown(path, m, known)
}

// field decodes one key: what is written, or else the default.
func (d *decoder) field(path string, f Field, m map[string]any, dst reflect.Value) {
	if v, ok := m[f.Key]; ok {
		d.value(path, v, dst)
		return
	}
	if f.HasDefault && f.Default != "" {
		d.value(path, defaultTree(f), dst)
		return
	}
	if dst.Kind() == reflect.Struct && dst.Type() != rawType && hasKeys(dst.Type()) {
		d.fill(path, nil, dst) // its own defaults
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

func (d *decoder) unknown(path string, m map[string]any, known map[string]bool) {
	var names []string
	for k := range known {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range Keys(m) {
		if known[k] {
			continue
		}
		p := &setting.Problem{Path: Join(path, k), Want: "a known key", Got: strconv.Quote(clip(k))}
		if near := setting.Nearest(k, names); near != "" {
			p.Hint = "did you mean " + strconv.Quote(near) + "?"
		} else if len(names) <= 12 {
			p.Hint = "the keys here are " + strings.Join(names, ", ")
		}
		d.problems = append(d.problems, p)
	}
}

// value decodes whatever stands at path into dst.
func (d *decoder) value(path string, v any, dst reflect.Value) {
	t := dst.Type()
	s, isScalar := v.(Scalar)
	switch {
	case isScalar && s.Kind == Unread:
	case t == rawType:
		dst.Set(reflect.ValueOf(Raw{Tree: v}))
	case t.Kind() == reflect.Pointer:
		dst.Set(reflect.New(t.Elem()))
		d.value(path, v, dst.Elem())
	case IsText(t):
		d.text(path, v, dst)
	case t == reflect.TypeFor[time.Duration]():
		d.duration(path, v, dst)
	case t.Kind() == reflect.Struct:
		d.fill(path, v, dst)
	case t.Kind() == reflect.Map:
		d.mapping(path, v, dst)
	case t.Kind() == reflect.Slice:
		d.list(path, v, dst)
	case t.Kind() == reflect.Interface:
		if p := Plain(v); p != nil {
			dst.Set(reflect.ValueOf(p))
		}
	case !isScalar || s.Kind == Null:
		d.wrong(path, wantKind(t), v)
	default:
		d.scalar(path, s, dst)
	}
}

// text decodes a type that reads its own text. A struct of that sort takes a map as its long form.
func (d *decoder) text(path string, v any, dst reflect.Value) {
	s, ok := v.(Scalar)
	want := WantOf(dst.Type())
	if want == "" {
		want = "a valid value"
	}
	if _, isMap := v.(map[string]any); isMap && dst.Kind() == reflect.Struct && hasKeys(dst.Type()) {
		d.fill(path, v, dst)
		return
	}
	if !ok || s.Kind == Null {
		d.wrong(path, want, v)
		return
	}
	if dst.Kind() == reflect.Struct && hasKeys(dst.Type()) {
		d.fill(path, nil, dst) // the long form's defaults, beneath the short form
	}
	if err := dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s.Text)); err != nil {
		d.wrong(path, want, v)
	}
}

func (d *decoder) duration(path string, v any, dst reflect.Value) {
	s, ok := v.(Scalar)
	if ok && (s.Kind == String || s.Kind == Replaced) {
		if n, err := time.ParseDuration(s.Text); err == nil && n >= 0 && strings.Trim(s.Text, "0123456789") != "" {
			dst.SetInt(int64(n))
			return
		}
	}
	d.wrong(path, "a duration such as 30s", v)
}

func (d *decoder) mapping(path string, v any, dst reflect.Value) {
	m, ok := v.(map[string]any)
	if s, null := v.(Scalar); !ok && !(null && s.Kind == Null) {
		d.wrong(path, "a map", v)
		return
	}
	t := dst.Type()
	out := reflect.MakeMapWithSize(t, len(m))
	for _, k := range Keys(m) {
		key := reflect.New(t.Key()).Elem()
		if IsText(t.Key()) {
			d.text(Join(path, k), Scalar{Text: k}, key)
		} else {
			key.SetString(k)
		}
		elem := reflect.New(t.Elem()).Elem()
		d.value(Join(path, k), m[k], elem)
		out.SetMapIndex(key, elem)
	}
	dst.Set(out)
}

func (d *decoder) list(path string, v any, dst reflect.Value) {
	l, ok := v.([]any)
	if s, null := v.(Scalar); !ok && !(null && s.Kind == Null) {
		d.wrong(path, "a list", v)
		return
	}
	out := reflect.MakeSlice(dst.Type(), len(l), len(l))
	for i, item := range l {
		d.value(At(path, i), item, out.Index(i))
	}
	dst.Set(out)
}

// scalar decodes text into a Go kind.
func (d *decoder) scalar(path string, s Scalar, dst reflect.Value) {
	ok := false
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(s.Text)
		ok = true
	case reflect.Bool:
		ok = s.Kind != String && (s.Text == "true" || s.Text == "false")
		dst.SetBool(s.Text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(s.Text, 10, dst.Type().Bits())
		ok = err == nil && s.Kind != String
		dst.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(s.Text, 10, dst.Type().Bits())
		ok = err == nil && s.Kind != String
		dst.SetUint(n)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(s.Text, 64)
		ok = err == nil && s.Kind != String && !math.IsInf(f, 0) && !math.IsNaN(f)
		dst.SetFloat(f)
	default:
		panic(fmt.Sprintf("BUG: policy field %s has type %s, which no policy can be read into", path, dst.Type()))
	}
	if !ok {
		d.wrong(path, wantKind(dst.Type()), s)
	}
}

func wantKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, not negative"
	}
	return "a whole number"
}

// Plain turns a tree into what encoding/json would make of it; for values that are passed on as they are.
func Plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = Plain(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = Plain(e)
		}
		return l
	case Scalar:
		return v.plain()
	}
	return nil
}

func (s Scalar) plain() any {
	switch s.Kind {
	case Null:
		return nil
	case Bool:
		return s.Text == "true"
	case Int:
		if n, err := strconv.ParseInt(s.Text, 0, 64); err == nil {
			return n
		}
	case Float:
		if f, err := strconv.ParseFloat(s.Text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	}
	return s.Text
}
