package decode

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// text decodes a type that reads its own text. A struct of that sort takes a map as its long form.
func (d *decoder) text(path string, v any, dst reflect.Value) {
	s, ok := v.(Scalar)
	want := WantOf(dst.Type())
	if want == "" {
		want = "a valid value"
	}
	if _, isMap := v.(map[string]any); isMap && dst.Kind() == reflect.Struct && hasKeys(dst.Type()) {
		d.fill(path, "", v, dst)
		return
	}
	if !ok || s.Kind == Null {
		d.wrong(path, want, v, "")
		return
	}
	if dst.Kind() == reflect.Struct && hasKeys(dst.Type()) {
		d.fill(path, "", nil, dst) // the long form's defaults, beneath the short form
	}
	if err := dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s.Text)); err != nil {
		d.wrong(path, want, v, meant(s, choice(s.Text, want)))
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
	d.wrong(path, "a duration such as 30s", v, meant(s, durationOf(s.Text)))
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
		d.wrong(path, wantKind(dst.Type(), ""), s, slip(s, dst.Kind()))
	}
}

func wantKind(t reflect.Type, example string) string {
	switch t.Kind() {
	case reflect.String:
		return such("text", example)
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
