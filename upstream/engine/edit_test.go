package engine

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func parsed(t testing.TB, shape Shape, body string) *Document {
	t.Helper()
	d := new(Document)
	if err := d.Parse(shape, []byte(body), Limits{}); err != nil {
		t.Fatalf("%.100s: %v", body, err)
	}
	return d
}

func TestEdits(t *testing.T) {
	f := func(body, want string, make func(d *Document) []Edit) {
		t.Helper()
		d := parsed(t, Chat, body)
		if got := string(Apply(nil, d.Body, make(d))); got != want {
			t.Errorf("%s:\nwant %s\ngot  %s", body, want, got)
		}
	}
	set := func(name, with string) func(d *Document) []Edit {
		return func(d *Document) []Edit { return []Edit{d.SetField(name, []byte(with))} }
	}
	remove := func(names ...string) func(d *Document) []Edit {
		return func(d *Document) (edits []Edit) {
			for _, n := range names {
				if e, ok := d.RemoveField(n); ok {
					edits = append(edits, e)
				}
			}
			return edits
		}
	}
	f(`{"a":1}`, `{"a":2}`, set("a", "2"))
	f(`{"a" : [1,2] , "b":3}`, `{"a" : 2 , "b":3}`, set("a", "2"))
	f(`{"a":1}`, `{"b":2,"a":1}`, set("b", "2"))
	f(` { } `, ` {"b":2 } `, set("b", "2"))
	f(`{"\u0061":1}`, `{"\u0061":2}`, set("a", "2"))
	f(`{"a":1}`, `{}`, remove("a"))
	f(`{"a":1,"b":2}`, `{"b":2}`, remove("a"))
	f(`{"a":1,"b":2}`, `{"a":1}`, remove("b"))
	f(`{"a":1,"b":2,"c":3}`, `{"a":1,"c":3}`, remove("b"))
	f(`{"a":1,"b":2,"c":3}`, `{"c":3}`, remove("b", "a"))
	f(`{"a":1,"b":2,"c":3}`, `{"a":1}`, remove("b", "c"))
	f(`{"a":1,"b":2,"c":3}`, `{"b":2}`, remove("c", "a"))
	f(`{ "a":1 , "b":2 }`, `{   }`, remove("a", "b"))
	f(`{"a":1}`, `{"a":1}`, remove("x"))
	f(`{"a":1}`, `{"x":1,"y":2}`, func(d *Document) []Edit {
		return append(remove("a")(d), d.SetField("x", []byte("1")), d.SetField("y", []byte("2")))
	})
	f(`{}`, `{"x":1,"y":2}`, func(d *Document) []Edit {
		return []Edit{d.SetField("x", []byte("1")), d.SetField("y", []byte("2"))}
	})
	f(`{"a":0}`, `{"x":"2","a":4}`, func(d *Document) []Edit { // the later edit of one place counts
		return []Edit{d.SetField("x", []byte(`"1"`)), d.SetField("a", []byte("3")), d.SetField("x", []byte(`"2"`)), d.SetField("a", []byte("4"))}
	})
	f(`{"options":{}}`, `{"options":{"num_predict":5}}`, func(d *Document) []Edit {
		o, _ := d.Field("options")
		return []Edit{d.SetIn(o, "num_predict", []byte("5"))}
	})
	f(`{"options":{ "seed":1}}`, `{"options":{"num_predict":5, "seed":1}}`, func(d *Document) []Edit {
		o, _ := d.Field("options")
		return []Edit{d.SetIn(o, "num_predict", []byte("5"))}
	})
	f(`{"stream_options":{"include_usage":false}}`, `{"stream_options":9}`, func(d *Document) []Edit {
		o, _ := d.Field("stream_options") // an edit inside what another replaces
		return []Edit{d.SetField("stream_options", []byte("9")), {Off: o.ValOff + 17, Len: 5, With: []byte("true")}}
	})
}

// Any set of edits gives what encoding/json says it should.
func TestEditsAgreeWithEncodingJSON(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Permutation(names).Draw(t, "order")[:rapid.IntRange(0, 5).Draw(t, "n")]
		body, want := "{", map[string]any{}
		for i, n := range order {
			if i > 0 {
				body += rapid.SampledFrom([]string{",", " , ", ",\n"}).Draw(t, "comma")
			}
			body += `"` + n + `":` + rapid.SampledFrom([]string{"1", `"x,y"`, `{"k":[1,2]}`, "null"}).Draw(t, "value")
		}
		body += "}"
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatal(err)
		}
		d := new(Document)
		if err := d.Parse(Opaque, []byte(body), Limits{}); err != nil {
			t.Fatal(err)
		}
		var edits []Edit
		for _, n := range rapid.Permutation(names).Draw(t, "touched") {
			switch rapid.IntRange(0, 2).Draw(t, "do") {
			case 1:
				edits = append(edits, d.SetField(n, []byte("7")))
				want[n] = 7.0
			case 2:
				if e, ok := d.RemoveField(n); ok {
					edits = append(edits, e)
					delete(want, n)
				}
			}
		}
		got := map[string]any{}
		out := Apply([]byte("prefix"), d.Body, edits)[len("prefix"):]
		if err := new(Document).Parse(Opaque, slices.Clone(out), Limits{}); err != nil {
			t.Fatalf("%s became %s: %v", body, out, err)
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s became %s: %v", body, out, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s became %s: %s", body, out, diff)
		}
	})
}

func TestPathAt(t *testing.T) {
	f := func(body, mark, want string) {
		t.Helper()
		d := parsed(t, Chat, body)
		off := -1
		for i := range body {
			if len(body)-i >= len(mark) && body[i:i+len(mark)] == mark {
				off = i
				break
			}
		}
		if got := d.PathAt(uint32(off)); got != want {
			t.Errorf("%s at %s: want %q; got %q", body, mark, want, got)
		}
	}
	f(`{"messages":[{"role":"user","content":"MARK"}]}`, "MARK", "messages[0].content")
	f(`{"messages":[{},{"content":[{"text":"a"},{"text":"MARK"}]}]}`, "MARK", "messages[1].content[1].text")
	f(`{"metadata":{"a b'":"MARK"}}`, "MARK", `metadata["a b'"]`)
	f(`{"metadata":{"MARK":1}}`, "MARK", "metadata.MARK")
	f(`{"a":{"x":"\"]}"},"b":[[1,[2,"MARK"]]]}`, "MARK", "b[0][1][1]")
	f(`{"metadata":{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeee":"MARK"}}`, "MARK", "metadata.aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd...")
	f(`{"n":12345}`, "12345", "n")
}
