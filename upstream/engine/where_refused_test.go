package engine

import "testing"

// TestPathAtOfRefusedBodies: naming the place at which a body was refused walks a body that is no JSON, and comes back.
func TestPathAtOfRefusedBodies(t *testing.T) {
	for _, body := range []string{
		`{[`, `{,`, `{null:null,null:null}`, `{key: 'value'}`, `{9999E9999:1}`, `{"a":"b"}/}`, `{"a":"b"}/**//}`, "123\x00", ``, `{`, `{"`, `{"a`, `{"a"`,
		`{"a":`, `{"a":[`, `{"a":[1,`, `{"a":[1 2]}`, `{"a":"\`, `[`, `{"a":{"b":`, "{\"a\":\x01\x01}", `{"a":1]`, `{"a" "b"}`,
	} {
		var d Document
		if d.Parse(Chat, []byte(body), Limits{}) == nil {
			t.Errorf("%q is accepted", body)
		}
		d.Body = []byte(body)
		for off := range len(body) + 2 {
			_ = d.PathAt(uint32(off))
		}
	}
}
