package engine

import (
	"encoding/json"
	"errors"
	"testing"
)

// stricter are the refusals of bodies that are JSON all the same: what two readers could take for two things.
var stricter = map[string]bool{
	"body is not a JSON object": true, "a key appears twice": true, "a key differs from a known one by case alone": true,
	"a key that changes what it is merged into": true, "a name is not a string": true, "a string is not UTF-8": true,
	"a lone surrogate in a string": true,
}

// FuzzAgainstEncodingJSON: what encoding/json takes is taken, unless it is over a bound or ambiguous; what it does not take is
// not taken either.
func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, ` { } `, `{"a":[1,-0,2.5e-3,1E+9,{"b":"\u00e9\ud83d\ude00\/"}]}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":1e}`, `{"a":-}`,
		`{"a":tru}`, `{"a":nul}`, `{"a":NaN}`, `{"a":[1,]}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1}x`, `{"a":"\x"}`, `{"a":"\u12"}`, "{\"a\":\"\t\"}",
		`{"a":[[[[]]]]}`, `{"a":{"b":{"c":{}}}}`, `{"":""}`, "\ufeff{}", `{"a":"\ud800"}`, `[]`, `"a"`, `{'a':1}`, `{"a":1/*c*/}`, "{\"a\":\v1}",
	} {
		f.Add([]byte(s), uint8(Chat))
		f.Add([]byte(s), uint8(Opaque))
	}
	f.Fuzz(func(t *testing.T, body []byte, shape uint8) {
		var d Document
		err := d.Parse(Shape(int(shape)%len(specs)), body, Limits{})
		valid := json.Valid(body)
		var syntax *SyntaxError
		switch {
		case err == nil && !valid:
			t.Fatalf("taken, and no JSON: %q", body)
		case err != nil && !errors.As(err, &syntax):
			t.Fatalf("%q: an error of another kind: %v", body, err)
		case err != nil && valid && !syntax.Limit && !stricter[syntax.What]:
			t.Fatalf("JSON, and refused: %q: %v", body, err)
		}
	})
}
