package decode_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"blaze/policy/decode"
	"blaze/telemetry/setting"
)

type inner struct {
	Every time.Duration `yaml:"every" default:"5s"`
	Path  string        `yaml:"path" example:"/health"`
}

type shared struct {
	Mode string `yaml:"mode" default:"enforce"`
}

// ratio is a struct with a short form.
type ratio struct {
	Share setting.Percent `yaml:"share" default:"10%"`
	Over  time.Duration   `yaml:"over" default:"1m"`
}

func (r *ratio) UnmarshalText(text []byte) error { return r.Share.UnmarshalText(text) }
func (*ratio) Want() string                      { return "a share such as 10%, or {share, over}" }

// level is one of two words.
type level string

func (l *level) UnmarshalText(text []byte) error {
	if *l = level(text); *l != "low" && *l != "high" {
		return errors.New("not a level")
	}
	return nil
}
func (*level) Want() string { return "low or high" }

type config struct {
	shared  `yaml:",inline"`
	Size    setting.Bytes       `yaml:"size" default:"1KiB"`
	Count   int                 `yaml:"count" default:"3"`
	Small   int8                `yaml:"small"`
	On      bool                `yaml:"on"`
	Factor  float64             `yaml:"factor" default:"0.2"`
	Names   []string            `yaml:"names" default:"[a, b]"`
	Inner   inner               `yaml:"inner"`
	Maybe   *inner              `yaml:"maybe"`
	Weights map[string]int      `yaml:"weights"`
	Ratio   ratio               `yaml:"ratio" default:"50%"`
	Items   []inner             `yaml:"items"`
	Any     any                 `yaml:"any"`
	Times   map[string][]string `yaml:"times"`
	Named   map[string]inner    `yaml:"named"`
	Level   level               `yaml:"level"`
}

func read(t *testing.T, text string) (map[string]any, *decode.Reader) {
	t.Helper()
	r := &decode.Reader{}
	tree := r.File("f.yaml", []byte(text))
	return tree, r
}

func TestDefaults(t *testing.T) {
	var c config
	if err := decode.Into("", nil, &c); err != nil {
		t.Fatal(err)
	}
	want := config{shared: shared{"enforce"}, Size: 1024, Count: 3, Factor: 0.2, Names: []string{"a", "b"},
		Inner: inner{Every: 5 * time.Second}, Ratio: ratio{Share: 0.5, Over: time.Minute}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
}

func TestValues(t *testing.T) {
	var c config
	tree, r := read(t, `
mode: shadow
size: 2MiB
count: 7
small: -8
on: true
factor: 3
names: [x]
inner: {path: /p}
maybe: {every: 1h}
weights: {gpt-4.1: 2, "llama3:8b": 3}
ratio: {over: 5s}
items: [{path: one}, {path: two, every: 250ms}]
any: {a: [1, x, 2.5, true, null]}
`)
	if len(r.Problems) > 0 {
		t.Fatal(r.Problems)
	}
	if err := decode.Into("", tree, &c); err != nil {
		t.Fatal(err)
	}
	want := config{shared: shared{"shadow"}, Size: 2 << 20, Count: 7, Small: -8, On: true, Factor: 3, Names: []string{"x"},
		Inner: inner{Every: 5 * time.Second, Path: "/p"}, Maybe: &inner{Every: time.Hour},
		Weights: map[string]int{"gpt-4.1": 2, "llama3:8b": 3}, Ratio: ratio{Share: 0.1, Over: 5 * time.Second},
		Items: []inner{{Every: 5 * time.Second, Path: "one"}, {Every: 250 * time.Millisecond, Path: "two"}},
		Any:   map[string]any{"a": []any{int64(1), "x", 2.5, true, nil}}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
}

// TestWrong decodes one mistake at a time; each must be said in exactly these words, at this place.
func TestWrong(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		var c config
		tree, r := read(t, text)
		problems := append(r.Problems, decode.Locate(decode.Into("", tree, &c), r.Marks)...)
		var got []string
		for _, p := range problems {
			got = append(got, p.Error())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
	}
	f("count: 1.5", "f.yaml:1:1: count: want a whole number; got 1.5")
	f("count: '1'", `f.yaml:1:1: count: want a whole number; got "1"; did you mean 1, without quotes?`)
	f("count: 1_000", "f.yaml:1:1: count: want a whole number; got 1_000; did you mean 1000?")
	f("count: 100/min", `f.yaml:1:1: count: want a whole number; got "100/min"; did you mean 100?`)
	f("count: 10k", `f.yaml:1:1: count: want a whole number; got "10k"`)
	f("count: 0x10", "f.yaml:1:1: count: want a whole number; got 0x10")
	f("count: 99999999999999999999", "f.yaml:1:1: count: want a whole number; got 99999999999999999999")
	f("count:", "f.yaml:1:1: count: want a whole number; got nothing")
	f("small: 128", "f.yaml:1:1: small: want a whole number; got 128")
	f("on: yes", `f.yaml:1:1: on: want true or false; got "yes"; did you mean true, without quotes?`)
	f("on: 'false'", `f.yaml:1:1: on: want true or false; got "false"; did you mean false, without quotes?`)
	f("on: 1", "f.yaml:1:1: on: want true or false; got 1")
	f("factor: .inf", "f.yaml:1:1: factor: want a number; got .inf")
	f("inner: {every: 60}", "f.yaml:1:9: inner.every: want a duration such as 30s; got 60; did you mean \"1m\"?")
	f("inner: {every: 0}", "f.yaml:1:9: inner.every: want a duration such as 30s; got 0; did you mean \"0s\"?")
	f("inner: {every: -5s}", `f.yaml:1:9: inner.every: want a duration such as 30s; got "-5s"`)
	f("inner: {every: 90min}", `f.yaml:1:9: inner.every: want a duration such as 30s; got "90min"; did you mean "1h30m"?`)
	f("inner: {every: 2 days}", `f.yaml:1:9: inner.every: want a duration such as 30s; got "2 days"; did you mean "48h"?`)
	f("inner: {every: hour}", `f.yaml:1:9: inner.every: want a duration such as 30s; got "hour"; did you mean "1h"?`)
	f("inner: {every: 3 bananas}", `f.yaml:1:9: inner.every: want a duration such as 30s; got "3 bananas"`)
	f("inner: {every: 99999999d}", `f.yaml:1:9: inner.every: want a duration such as 30s; got "99999999d"`)
	f("inner: 5", "f.yaml:1:1: inner: want a map such as {path: /health}; got 5; the keys here are every, path")
	f("inner: []", "f.yaml:1:1: inner: want a map such as {path: /health}; got a list; the keys here are every, path")
	f("inner: path:/x", `f.yaml:1:1: inner: want a map such as {path: /health}; got "path:/x"; a colon and a blank part a key from its value`)
	f("inner: other:/x", `f.yaml:1:1: inner: want a map such as {path: /health}; got "other:/x"; the keys here are every, path`)
	f("items: [/x]", `f.yaml:1:9: items[0]: want a map such as {path: /health}; got "/x"; the keys here are every, path`)
	f("items: /x", `f.yaml:1:1: items: want a list such as [{path: /health}]; got "/x"`)
	f("items: -/x", `f.yaml:1:1: items: want a list such as [{path: /health}]; got "-/x"; a blank follows the dash of each item`)
	f("named: 5", "f.yaml:1:1: named: want a map such as {NAME: {path: /health}}; got 5")
	f("named: {path: /x}", `f.yaml:1:9: named.path: want a map such as {path: /health}; got "/x"; a name comes first: named.NAME.path`)
	f("named: {path: {path: /x}}")
	f("over: 5s", `f.yaml:1:1: over: want a known key; got "over"; did you mean "ratio.over"?`)
	f("level: hihg", `f.yaml:1:1: level: want low or high; got "hihg"`)
	f("level: hig", `f.yaml:1:1: level: want low or high; got "hig"; did you mean "high"?`)
	f("level: no", `f.yaml:1:1: level: want low or high; got "no"`)
	f("names: a", `f.yaml:1:1: names: want a list; got "a"`)
	f("names: [a, {b: c}]", "f.yaml:1:12: names[1]: want text; got a map")
	f("size: big", `f.yaml:1:1: size: want a size such as 16MiB; got "big"`)
	f("ratio: 5", "f.yaml:1:1: ratio: want a share such as 10%, or {share, over}; got 5")
	f("weights: {a: b}", `f.yaml:1:11: weights.a: want a whole number; got "b"`)
	f("items:\n  - path: x\n    evry: 1s", `f.yaml:3:5: items[0].evry: want a known key; got "evry"; did you mean "every"?`)
	f("nonsense: 1\ncount: x", `f.yaml:2:1: count: want a whole number; got "x"`,
		`f.yaml:1:1: nonsense: want a known key; got "nonsense"; blaze schema tells which keys there are`)
	f("count: 1\ncount: 2", "f.yaml:2:1: count: want each key once; got a second one (the first is at line 1)")
	f("? [a]\n: b", "f.yaml:1:3: want a plain key; got a map or list as a key")
	f("count: !secret 1", "f.yaml:1:8: count: want plain YAML without tags of its own; got !secret")
	f("- a", "f.yaml:1:1: want a map of sections such as {version: 1}; got a list")
	f("a: b: c", "f.yaml:1:5: want YAML; got mapping values are not allowed in this context; a value with a colon and a blank in it needs quotes; a line may be indented unlike its neighbours")
	f("a: *", "f.yaml:1:5: want YAML; got did not find expected alphabetic or numeric character; a value that begins with * or & needs quotes")
	f("count: 1\n---\ncount: 2", "f.yaml:2:1: want one YAML document in a file; got a second one")
}

// TestAliases: anchors and merge keys are read; a bomb of them is refused in bounded time.
func TestAliases(t *testing.T) {
	var c config
	tree, r := read(t, "inner: &i {path: a, every: 1s}\nmaybe: {<<: *i, path: b}\nitems: [*i]")
	if err := decode.Into("", tree, &c); err != nil || len(r.Problems) > 0 {
		t.Fatal(err, r.Problems)
	}
	if c.Maybe.Path != "b" || c.Maybe.Every != time.Second || c.Items[0].Path != "a" {
		t.Errorf("got %+v and %+v", c.Maybe, c.Items)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'k'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [*" + strings.Repeat(p+",*", 9) + p + "]\n"
	}
	_, r = read(t, bomb)
	if len(r.Problems) == 0 {
		t.Error("a YAML bomb was read without a problem")
	}
	_, r = read(t, "a: &a {<<: *a, b: [*a]}")
	if len(r.Problems) == 0 {
		t.Error("an alias inside its own anchor was read without a problem")
	}
}

// TestDeep: nesting is bounded.
func TestDeep(t *testing.T) {
	_, r := read(t, "a: "+strings.Repeat("[", 3000)+strings.Repeat("]", 3000))
	if len(r.Problems) != 1 {
		t.Errorf("got %d problems, want one", len(r.Problems))
	}
}

func TestIncludes(t *testing.T) {
	files := map[string]string{
		"lists/more.yaml": "- {path: b}\n- include: deeper.yaml\n", "lists/deeper.yaml": "- {path: c}",
		"loop.yaml": "- include: loop.yaml", "map.yaml": "a: b",
	}
	get := func(path, file string) (string, []byte, error) {
		if s, ok := files[path]; ok {
			return path, []byte(s), nil
		}
		if s, ok := files["lists/"+path]; ok {
			return "lists/" + path, []byte(s), nil
		}
		return path, nil, errors.New("cannot read " + path)
	}
	f := func(text string, paths []string, problems ...string) {
		t.Helper()
		r := &decode.Reader{Include: get}
		var c config
		tree := r.File("f.yaml", []byte(text))
		all := append(r.Problems, decode.Locate(decode.Into("", tree, &c), r.Marks)...)
		var got, said []string
		for _, it := range c.Items {
			got = append(got, it.Path)
		}
		for _, p := range all {
			said = append(said, p.Error())
		}
		if diff := cmp.Diff(paths, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(problems, said); diff != "" {
			t.Error(diff)
		}
	}
	f("items: [{path: a}, {include: lists/more.yaml}, {path: d}]", []string{"a", "b", "c", "d"})
	f("items: [{include: none.yaml}]", nil, "f.yaml:1:9: items[0]: want a file to include; got cannot read none.yaml")
	f("items: [{include: map.yaml}]", nil, "map.yaml:1:1: items[0]: want a list in an included file; got something else")
	f("items: [{include: loop.yaml}]", nil, `loop.yaml:1:3: items[0]: want includes nested at most 8 deep; got "loop.yaml"`)
}

// FuzzInto: no bytes panic, and every problem has a place.
func FuzzInto(f *testing.F) {
	for _, s := range []string{"", "a: b", "inner: {every: 60}", "a: &a {<<: *a}", "names: [a, *b]", "? {}\n: - x", "- ", "%YAML 1.1\n---\n", "\xff", "a: !!binary x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &decode.Reader{Expand: func(s, _ string) (string, bool, error) { return s, false, nil }}
		tree := r.File("f.yaml", []byte(text))
		var c config
		for _, p := range append(r.Problems, decode.Locate(decode.Into("", tree, &c), r.Marks)...) {
			if p.Pos.File == "" || p.Want == "" || p.Got == "" {
				t.Fatalf("a problem without place, want or got: %+v", p)
			}
		}
	})
}
