package policy

import (
	"encoding/json"
	"io"
	"path"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"blaze/filters"
	"blaze/policy/decode"
	"blaze/telemetry/setting"
)

// WriteSchema writes the JSON Schema (2020-12) of a policy, for editors. It is made from the types that a policy is decoded
// into, so that it cannot say anything else than they do.
func WriteSchema(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(Schema())
}

// object is a JSON object.
type object = map[string]any

// Schema returns the JSON Schema of a policy.
func Schema() object {
	b := schemaBuilder{defs: object{}}
	root := b.structure(reflect.TypeFor[Policy]())
	properties, _ := root["properties"].(object)
	properties["version"] = object{"const": 1, "description": "the policy language's version"}
	properties["filters"] = b.filters()
	root["required"] = []string{"version"}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Blaze policy"
	root["$defs"] = b.defs
	return root
}

// schemaBuilder collects the struct types it has met, so that each is described once.
type schemaBuilder struct{ defs object }

func (b schemaBuilder) filters() object {
	sections := object{}
	for _, st := range stages {
		sections[st.name] = b.structure(reflect.TypeFor[filters.Shared](), reflect.TypeOf(st.config()).Elem())
	}
	return object{"type": []string{"object", "null"}, "description": "what judges the requests: one section per filter, asked in a fixed order",
		"properties": sections, "additionalProperties": false}
}

// structure describes an object that has the keys of all of types.
func (b schemaBuilder) structure(types ...reflect.Type) object {
	properties := object{}
	for _, t := range types {
		for _, f := range decode.Fields(t) {
			properties[f.Key] = b.field(f)
		}
	}
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func (b schemaBuilder) field(f decode.Field) object {
	out := object{"description": f.Doc}
	for k, v := range b.value(f.Type) {
		out[k] = v
	}
	if f.HasDefault && f.Default != "" {
		out["default"] = plainYAML(f.Default)
	}
	if f.Example != "" {
		out["examples"] = []any{plainYAML(f.Example)}
	}
	return out
}

// plainYAML reads a tag's text as a policy would; text that is no YAML is text.
func plainYAML(text string) any {
	var v any
	if err := yaml.Load([]byte(text), &v); err != nil {
		return text
	}
	if _, err := json.Marshal(v); err != nil {
		return text
	}
	return v
}

// filled is the alternative to every value that is not text: ${env:…} or ${file:…}, which become one.
func filled() object { return object{"type": "string", "pattern": `\$\{(env|file):`} }

func (b schemaBuilder) value(t reflect.Type) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[decode.Raw]():
		return object{} // described by whoever decodes it
	case decode.IsText(t):
		return b.text(t)
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|\$\{(env|file):`}
	}
	switch t.Kind() {
	case reflect.Struct:
		return b.reference(t)
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": b.value(t.Elem())}
	case reflect.Slice:
		include := object{"type": "object", "properties": object{"include": object{"type": "string", "description": "file with a list that takes this item's place"}},
			"required": []string{"include"}, "additionalProperties": false}
		return object{"type": []string{"array", "null"}, "items": object{"anyOf": []any{b.value(t.Elem()), include}}}
	case reflect.Interface:
		return object{}
	case reflect.String:
		return object{"type": []string{"string", "number", "boolean"}}
	case reflect.Bool:
		return object{"anyOf": []any{object{"type": "boolean"}, filled()}}
	case reflect.Float32, reflect.Float64:
		return object{"anyOf": []any{object{"type": "number"}, filled()}}
	}
	return object{"anyOf": []any{object{"type": "integer"}, filled()}}
}

// text describes a type that reads itself: a closed set of words where it says so, else text.
func (b schemaBuilder) text(t reflect.Type) object {
	want := decode.WantOf(t)
	var short object
	switch words := closedSet(want); {
	case len(words) > 0:
		short = object{"anyOf": []any{object{"enum": words}, filled()}}
	case t == reflect.TypeFor[setting.Bytes]():
		short = object{"type": []string{"string", "integer"}}
	default:
		short = object{"type": []string{"string", "number", "boolean"}}
	}
	if want != "" {
		short["title"] = want
	}
	if t.Kind() != reflect.Struct || len(decode.Fields(t)) == 0 {
		return short
	}
	return object{"anyOf": []any{short, b.reference(t)}}
}

var wordsOnly = regexp.MustCompile(`^[a-z0-9_]+(, [a-z0-9_]+)*( or [a-z0-9_]+)$`)

// closedSet reads "enforce, shadow or off" as its words; nil when want is another sort of sentence.
func closedSet(want string) []string {
	if !wordsOnly.MatchString(want) {
		return nil
	}
	return strings.Split(strings.ReplaceAll(want, " or ", ", "), ", ")
}

// reference describes a struct type once, under $defs.
func (b schemaBuilder) reference(t reflect.Type) object {
	name := path.Base(t.PkgPath()) + "." + t.Name()
	if _, ok := b.defs[name]; !ok {
		b.defs[name] = object{} // first, for a type that holds itself
		b.defs[name] = b.structure(t)
	}
	return object{"$ref": "#/$defs/" + name}
}
