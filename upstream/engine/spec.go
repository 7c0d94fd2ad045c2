package engine

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// spec says what may stand at one position of a body. The specs of a shape form a trie over JSON paths, which Parse
// walks while it reads: a value is known by where it stands, never by its name alone. Immutable once compiled.
type spec struct {
	str     Kind             // what a string here is; 0 is Structure
	sink    sink             // where the value goes
	param   ParamID          // which parameter the value is
	keys    map[string]*spec // an object's known members
	folded  map[string]bool  // keys in lower case
	rest    *spec            // an object's other members; nil: nothing is known of them
	items   *spec            // an array's elements; nil: nothing is known of them
	streams bool             // top only: the shape streams unless told otherwise
	strict  bool             // a string or null, nothing else
}

// Positions of which nothing is known, and those whose whole subtree is data for the model (a JSON schema, whose keywords are
// known, in no other case).
var (
	unknown  = &spec{}
	freeText = func() *spec {
		s := &spec{str: Text, keys: map[string]*spec{}}
		for word := range strings.FieldsSeq(schemaWords) {
			s.keys[word] = s
		}
		s.rest, s.items = s, s
		return s
	}()
)

// schemaWords are the keywords of JSON Schema (drafts 7 and 2020-12) and what OpenAPI and OpenAI add to them.
const schemaWords = "$anchor $comment $defs $id $ref $schema additionalItems additionalProperties allOf anyOf const contains contentEncoding " +
	"contentMediaType default definitions dependentRequired dependentSchemas deprecated description else enum example examples " +
	"exclusiveMaximum exclusiveMinimum format if items maxContains maxItems maxLength maxProperties maximum minContains minItems minLength " +
	"minProperties minimum multipleOf name not nullable oneOf pattern patternProperties prefixItems properties propertyNames readOnly " +
	"required schema strict then title type unevaluatedItems unevaluatedProperties uniqueItems writeOnly"

// element is what is expected of an array's elements here.
func (s *spec) element() *spec {
	if s.items != nil {
		return s.items
	}
	return unknown
}

// member is what is expected under name in an object here, and whether the shape knows the name. It is nil when name is a
// known one but for its case: Go's encoding/json (Ollama) would read it, others would not.
func (s *spec) member(name []byte) (of *spec, known bool) {
	if c, ok := s.keys[string(name)]; ok {
		return c, true
	}
	if s.folded != nil && s.isVariant(name) {
		return nil, false
	}
	if s.rest != nil {
		return s.rest, false
	}
	return unknown, false
}

// longestKey bounds the known names, so that a name can be folded on the stack.
const longestKey = 48

// isVariant reports whether name is a known one when case is folded as encoding/json does: ASCII, and the two other
// letters of Unicode that fold to ASCII, ſ and K.
func (s *spec) isVariant(name []byte) bool {
	if len(name) > 2*longestKey {
		return false
	}
	var buf [2 * longestKey]byte
	folded, changed := buf[:0], false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c-'A' < 26:
			folded, changed = append(folded, c|0x20), true
		case c < utf8.RuneSelf:
			folded = append(folded, c)
		case bytes.HasPrefix(name[i:], []byte("ſ")):
			folded, changed = append(folded, 's'), true
			i++
		case bytes.HasPrefix(name[i:], []byte("K")):
			folded, changed = append(folded, 'k'), true
			i += 2
		default:
			return false
		}
	}
	return changed && s.folded[string(folded)]
}

// obj makes a spec of an object's known members.
func obj(keys map[string]*spec) *spec {
	s := &spec{keys: keys, folded: map[string]bool{}}
	for k := range keys {
		if len(k) > longestKey || strings.ToLower(k) != k {
			panic("BUG: a known key that does not fold: " + k)
		}
		s.folded[k] = true
	}
	return s
}

// The scalars.
func kind(k Kind) *spec             { return &spec{str: k} }
func text() *spec                   { return &spec{str: Text} }
func plain() *spec                  { return &spec{} }
func list(of *spec) *spec           { return &spec{items: of} }
func texts() *spec                  { return &spec{str: Text, items: &spec{str: Text}} }
func param(id ParamID) *spec        { return &spec{param: id} }
func (s *spec) to(k sink) *spec     { c := *s; c.sink = k; return &c }
func (s *spec) as(id ParamID) *spec { c := *s; c.param = id; return &c }
func (s *spec) of(k Kind) *spec     { c := *s; c.str = k; return &c }
func (s *spec) each(of *spec) *spec { c := *s; c.items = of; return &c }

// modelField and userField are names: another type there is an attack on whoever takes it for one.
func modelField() *spec { return &spec{str: Model, sink: toModel, strict: true} }
func userField() *spec  { return &spec{sink: toUser, strict: true} }

// merge joins tables of members; a name in two of them is a bug.
func merge(tables ...map[string]*spec) map[string]*spec {
	all := map[string]*spec{}
	for _, t := range tables {
		for k, s := range t {
			if all[k] != nil {
				panic("BUG: a shape says twice what it expects under " + k)
			}
			all[k] = s
		}
	}
	return all
}

// plains makes members of which only the name is known: numbers, switches and words of the API.
func plains(names string) map[string]*spec {
	t := map[string]*spec{}
	for n := range strings.FieldsSeq(names) {
		t[n] = unknown
	}
	return t
}

// Knows reports whether name is a member that the engines document at the top of a body of shape s. A shape of which
// nothing is known knows every name.
func (s Shape) Knows(name []byte) bool {
	top := specs[s]
	if s == Opaque || s == None || top.rest != nil {
		return true
	}
	_, ok := top.keys[string(name)]
	return ok
}

// Fields lists the members known at the top of a body of shape s, sorted.
func (s Shape) Fields() []string {
	var names []string
	for k := range specs[s].keys {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}
