package policy_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"blaze/filters/access"
	"blaze/filters/auth"
	"blaze/filters/authz"
	"blaze/filters/params"
	"blaze/filters/ratelimit"
	"blaze/filters/scan"
	"blaze/policy"
	"blaze/policy/decode"
)

// validator checks a document by the part of JSON Schema that the policy's schema uses; a keyword that it does not know is
// an error, so that none goes unchecked.
type validator struct {
	t    *testing.T
	root map[string]any
}

func (v validator) check(schema map[string]any, doc any, at string) error {
	for keyword, want := range schema {
		if err := v.keyword(schema, keyword, want, doc, at); err != nil {
			return err
		}
	}
	return nil
}

func (v validator) keyword(schema map[string]any, keyword string, want, doc any, at string) error {
	fails := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...))
	}
	object, _ := doc.(map[string]any)
	list, _ := doc.([]any)
	text, isText := doc.(string)
	switch keyword {
	case "description", "default", "examples", "title", "$schema", "$defs":
	case "$ref":
		name := strings.TrimPrefix(want.(string), "#/$defs/")
		def, ok := v.root["$defs"].(map[string]any)[name].(map[string]any)
		if !ok {
			v.t.Fatalf("no definition of %s", name)
		}
		return v.check(def, doc, at)
	case "type":
		names, ok := want.([]any)
		if !ok {
			names = []any{want}
		}
		if !slices.ContainsFunc(names, func(n any) bool { return isType(n.(string), doc) }) {
			return fails("%v is not %v", doc, want)
		}
	case "const":
		if !reflect.DeepEqual(want, doc) {
			return fails("%v is not %v", doc, want)
		}
	case "enum":
		if !slices.Contains(want.([]any), doc) {
			return fails("%v is none of %v", doc, want)
		}
	case "pattern":
		if isText && !regexp.MustCompile(want.(string)).MatchString(text) {
			return fails("%q does not match %s", text, want)
		}
	case "required":
		for _, k := range want.([]any) {
			if _, ok := object[k.(string)]; object != nil && !ok {
				return fails("no %s", k)
			}
		}
	case "properties":
		for k, s := range want.(map[string]any) {
			if d, ok := object[k]; ok {
				if err := v.check(s.(map[string]any), d, at+"."+k); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for k, d := range object {
			if _, ok := known[k]; ok {
				continue
			}
			s, ok := want.(map[string]any)
			if !ok {
				return fails("unknown key %s", k)
			}
			if err := v.check(s, d, at+"."+k); err != nil {
				return err
			}
		}
	case "items":
		for i, d := range list {
			if err := v.check(want.(map[string]any), d, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "anyOf":
		var errs []error
		for _, s := range want.([]any) {
			err := v.check(s.(map[string]any), doc, at)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return fails("none of the alternatives: %v", errs)
	default:
		v.t.Fatalf("the schema uses %q, which this test does not know", keyword)
	}
	return nil
}

func isType(name string, doc any) bool {
	switch d := doc.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && d == math.Trunc(d)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

// asJSON turns YAML into what encoding/json would read.
func asJSON(t *testing.T, text []byte) (doc any) {
	t.Helper()
	var v any
	if err := yaml.Load(text, &v); err != nil {
		t.Fatal(err)
	}
	return throughJSON(t, v)
}

func throughJSON(t *testing.T, v any) (doc any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func newValidator(t *testing.T) validator {
	root, _ := throughJSON(t, policy.Schema()).(map[string]any)
	return validator{t, root}
}

// TestSchemaTakesGood: an editor that checks by the schema finds nothing wrong with a good policy.
func TestSchemaTakesGood(t *testing.T) {
	v, n := newValidator(t), 0
	for _, pattern := range []string{"*.yaml", "examples/*.yaml", "../testdata/policy/good/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n++
			if err := v.check(v.root, asJSON(t, text), ""); err != nil {
				t.Errorf("%s%v", path, err)
			}
		}
	}
	if n < 12 {
		t.Errorf("%d policies checked", n)
	}
}

// TestSchemaRefuses: what the decoder refuses for its form, the schema refuses too.
func TestSchemaRefuses(t *testing.T) {
	v := newValidator(t)
	f := func(text string) {
		t.Helper()
		if v.check(v.root, asJSON(t, []byte(text)), "") == nil {
			t.Errorf("the schema takes %s", text)
		}
		o := options("")
		o.Source = []byte(text)
		if _, err := policy.Open(o); err == nil {
			t.Errorf("the policy is good: %s", text)
		}
	}
	f("proxy: {}")
	f("version: 2")
	f("{version: 1, proxi: {}}")
	f("{version: 1, proxy: {timeout: 60}}")
	f("{version: 1, proxy: {timeout: soon}}")
	f("{version: 1, proxy: {max_connections: 1.5}}")
	f("{version: 1, proxy: {cors: {credentials: yes, origins: [\"*\"]}}}")
	f("{version: 1, proxy: {trusted_proxies: 10.0.0.0/8}}")
	f("{version: 1, filters: {waf: {}}}")
	f("{version: 1, filters: {access: {mode: monitor}}}")
	f("{version: 1, filters: {access: {denied: []}}}")
	f("{version: 1, routes: [{name: a, path: /a, upstrem: model}]}")
	f("{version: 1, upstreams: {model: {target: []}}}")
}

// hasKeys reports whether the values of a schema are objects, or lists or maps of objects, whose keys say it themselves.
func hasKeys(schema map[string]any) bool {
	if schema["$ref"] != nil || schema["properties"] != nil {
		return true
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if s, ok := schema[inner].(map[string]any); ok && hasKeys(s) {
			return true
		}
	}
	alternatives, _ := schema["anyOf"].([]any)
	for _, a := range alternatives {
		if s, ok := a.(map[string]any); ok && s["$ref"] != nil {
			return true
		}
	}
	return false
}

// TestSchemaComplete: every key says what it does, and shows a value: its default or an example. Sections, whose keys say it
// themselves, need none.
func TestSchemaComplete(t *testing.T) {
	v, n := newValidator(t), 0
	var walk func(schema map[string]any, at string)
	walk = func(schema map[string]any, at string) {
		properties, _ := schema["properties"].(map[string]any)
		for k, raw := range properties {
			p := raw.(map[string]any)
			n++
			if s, _ := p["description"].(string); s == "" && !strings.HasPrefix(at, ".filters") {
				t.Errorf("%s.%s has no description", at, k)
			}
			_, hasDefault := p["default"]
			_, hasExample := p["examples"]
			if !hasDefault && !hasExample && !hasKeys(p) && p["const"] == nil {
				t.Errorf("%s.%s shows neither a default nor an example", at, k)
			}
			walk(p, at+"."+k)
		}
	}
	walk(v.root, "")
	for name, def := range v.root["$defs"].(map[string]any) {
		walk(def.(map[string]any), name)
	}
	if n < 100 {
		t.Errorf("%d keys seen", n)
	}
}

// TestExamplesOfKeys: what a key's documentation shows can stand there. A hash cut short and what is filled in cannot be read
// here; they are for people.
func TestExamplesOfKeys(t *testing.T) {
	n := 0
	read := func(f decode.Field) {
		if f.Example == "" || strings.Contains(f.Example, "${") || strings.Contains(f.Example, "…") {
			return
		}
		n++
		r := &decode.Reader{}
		tree := r.File("example", []byte("value: "+f.Example))
		of := reflect.StructOf([]reflect.StructField{{Name: "Value", Type: f.Type, Tag: `yaml:"value"`}})
		for _, p := range append(r.Problems, decode.Locate(decode.Into("", tree, reflect.New(of).Interface()), r.Marks)...) {
			t.Errorf("%s: %s: %v", f.Key, f.Example, p)
		}
	}
	seen := map[reflect.Type]bool{}
	for _, section := range []any{policy.Policy{}, access.Config{}, auth.Config{}, authz.Config{}, params.Config{}, ratelimit.Config{}, scan.Config{}} {
		eachKey(reflect.TypeOf(section), seen, read)
	}
	if n < 120 {
		t.Errorf("%d examples were read", n)
	}
}

// eachKey calls do for every key of t and of the types below it.
func eachKey(t reflect.Type, seen map[reflect.Type]bool, do func(decode.Field)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for _, f := range decode.Fields(t) {
		do(f)
		eachKey(f.Type, seen, do)
	}
}
