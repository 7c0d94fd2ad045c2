package engine

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
)

const chatBody = `{"model":"llama-3-8b","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Write a haiku about the sea, please."}],"temperature":0.7,"max_tokens":256,"stream":true,"stream_options":{"include_usage":true},"user":"u-17"}`

func TestParseFindsWhatFiltersAsk(t *testing.T) {
	var d Document
	if err := d.Parse(Chat, []byte(chatBody), Limits{}); err != nil {
		t.Fatal(err)
	}
	if string(d.Model) != "llama-3-8b" || string(d.User) != "u-17" || !d.Stream || !d.IncludeUsage || d.MaxTokens != 256 || d.N != 1 {
		t.Errorf("got model %q, user %q, stream %v, usage %v, max_tokens %d, n %d", d.Model, d.User, d.Stream, d.IncludeUsage, d.MaxTokens, d.N)
	}
	if len(d.Fields) != 7 {
		t.Errorf("want 7 fields; got %d", len(d.Fields))
	}
	f, ok := d.Field("stream_options")
	if got := string(d.Body[f.ValOff : f.ValOff+f.ValLen]); !ok || got != `{"include_usage":true}` || f.Type != '{' {
		t.Errorf("got field %q of type %c", got, f.Type)
	}
}

func TestParseRefuses(t *testing.T) {
	n := 0
	f := func(body, want string) {
		t.Helper()
		n++
		var d Document
		err := d.Parse(Chat, []byte(body), Limits{})
		var s *SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("%.60q: want a SyntaxError; got %v", body, err)
			return
		}
		if !strings.Contains(s.What, want) {
			t.Errorf("%.60q: want %q; got %q", body, want, s.What)
		}
		if s.Limit != strings.HasPrefix(want, "json.max") {
			t.Errorf("%.60q: got limit %v for %q", body, s.Limit, s.What)
		}
	}
	f(``, "not a JSON object")
	f(` `, "not a JSON object")
	f(`[]`, "not a JSON object")
	f(`"x"`, "not a JSON object")
	f("\xef\xbb\xbf{}", "not a JSON object")
	f(`{`, "ends early")
	f(`{}x`, "data after")
	f(`{}{}`, "data after")
	f("{}\x00", "data after")
	f(`{"a":1,}`, "key is missing")
	f(`{,"a":1}`, "key is missing")
	f(`{"a" 1}`, "colon")
	f(`{"a":}`, "not a JSON value")
	f(`{"a":1 "b":2}`, "comma")
	f(`{"a":[1,]}`, "not a JSON value")
	f(`{"a":[1}`, "comma")
	f(`{"a":[,1]}`, "not a JSON value")
	f(`{"a":NaN}`, "not a JSON value")
	f(`{"a":Infinity}`, "not a JSON value")
	f(`{"a":-}`, "not a JSON value")
	f(`{"a":01}`, "comma")
	f(`{"a":+1}`, "not a JSON value")
	f(`{"a":.5}`, "not a JSON value")
	f(`{"a":1.}`, "not a JSON number")
	f(`{"a":1e}`, "not a JSON number")
	f(`{"a":0x1}`, "comma")
	f(`{"a":tru}`, "not a JSON value")
	f(`{"a":"x`, "inside a string")
	f(`{"a":"x\`, "inside a string")
	f("{\"a\":\"x\ny\"}", "control character")
	f("{\"a\":\"x\x00y\"}", "control character")
	f(`{"a":"\x41"}`, "unknown escape")
	f(`{"a":"\u12g4"}`, "broken \\u escape")
	f(`{"a":"\ud800"}`, "lone surrogate")
	f(`{"a":"\udc00\ud800"}`, "lone surrogate")
	f(`{"a":"\ud800\u0041"}`, "lone surrogate")
	f("{\"a\":\"\xff\"}", "not UTF-8")
	f("{\"a\":\"\xc0\xae\"}", "not UTF-8")
	f("{\"a\":\"\xed\xa0\x80\"}", "not UTF-8")
	f(`{"a":1,"a":2}`, "twice")
	f(`{"model":"a","mod\u0065l":"b"}`, "twice")
	f(`{"mod\u0065l":"a","model":"b"}`, "twice")
	f(`{"x":{"y":1,"y":1}}`, "twice")
	f(`{"Model":"a"}`, "case alone")
	f(`{"ſtream":true}`, "case alone")
	f(`{"messages":[{"Content":"x"}]}`, "case alone")
	f(`{"model":true}`, "not a string")
	f(`{"model":["a"]}`, "not a string")
	f(`{"user":{"$gt":""}}`, "not a string")
	f(`{"__proto__":{"isAdmin":true}}`, "a key that changes")
	f(`{"metadata":{"__pr\u006fto__":1}}`, "a key that changes")
	f(`{"`+strings.Repeat("k", 5000)+`":1}`, "json.max_string")
	f(`{"a":'x'}`, "not a JSON value")
	f(`{"a":1}//`, "data after")
	f(`{/**/"a":1}`, "key is missing")
	f(strings.Repeat(`{"a":`, 65)+"1"+strings.Repeat("}", 65), "json.max_depth")
	f(`{"a":`+strings.Repeat("9", 200)+`}`, "json.max_number")
	f(`{"a":"`+strings.Repeat("x", 8<<20+1)+`"}`, "json.max_string")
	if n < 50 {
		t.Errorf("ran %d cases only", n)
	}
}

func TestParseAccepts(t *testing.T) {
	f := func(body string) {
		t.Helper()
		var d Document
		if err := d.Parse(Chat, []byte(body), Limits{}); err != nil {
			t.Errorf("%.80q: %v", body, err)
		}
		if !json.Valid([]byte(body)) {
			t.Errorf("%.80q: the test's body is not JSON", body)
		}
	}
	f(`{}`)
	f(" \t\r\n{ } \n")
	f(`{"a":{"a":{"a":[{"a":1},{"a":1}]}},"b":{"a":1}}`)
	f(`{"a":[1,-0,0.5,1e5,1E-5,-1.5e+3],"b":[true,false,null],"c":[],"d":{}}`)
	f(`{"a":"\u0000\ud83d\ude00\n\/\b\f\r\t\\\""}`)
	f("{\"a\":\"日本語 \U0001F600 \uffff\"}")
	f(`{"metadata":{"Model":"x","model":"y"}}`)
	f(`{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"Type":{"type":"x"},"type":{}}}}}]}`)
	f(`{"model":null,"user":null}`)
	f(`{"tools":[{"function":{"parameters":{"properties":{"__proto__":{}}}}}]}`)
	f(`{"":1,"\u0000":2}`)
	f(strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64))
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + string(rune('a'+i%26)) + strconv.Itoa(i) + `":1`)
	}
	return b.String()
}
