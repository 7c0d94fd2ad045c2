package engine

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// kinds renders every value of a body with its path and kind.
func kinds(d *Document) string {
	var b strings.Builder
	for _, v := range d.Values {
		if v.Kind != Key {
			b.WriteString(d.PathAt(v.Off) + "=" + v.Kind.String() + " ")
		}
	}
	return strings.TrimSpace(b.String())
}

func TestKindsGoByPosition(t *testing.T) {
	f := func(shape Shape, body, want string) {
		t.Helper()
		if got := kinds(parsed(t, shape, body)); got != want {
			t.Errorf("%v %s:\nwant %s\ngot  %s", shape, body, want, got)
		}
	}
	f(Chat, `{"model":"m","messages":[{"role":"user","content":"x"}]}`, "model=model messages[0].role=structure messages[0].content=text")
	f(Chat, `{"messages":[{"content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"u"}}]}]}`,
		"messages[0].content[0].type=structure messages[0].content[0].text=text messages[0].content[1].type=structure messages[0].content[1].image_url.url=url")
	f(Chat, `{"messages":[{"content":[{"image_url":"u","input_audio":{"data":"d"},"file":{"filename":"f","file_id":"i"}}]}]}`,
		"messages[0].content[0].image_url=url messages[0].content[0].input_audio.data=data messages[0].content[0].file.filename=file messages[0].content[0].file.file_id=file")
	f(Chat, `{"messages":[{"tool_calls":[{"id":"i","function":{"name":"n","arguments":"a"}}]},{"role":"tool","content":"r"}]}`,
		"messages[0].tool_calls[0].id=structure messages[0].tool_calls[0].function.name=tool messages[0].tool_calls[0].function.arguments=text messages[1].role=structure messages[1].content=text")
	f(Chat, `{"tools":[{"type":"function","function":{"name":"n","description":"d","parameters":{"properties":{"q":{"description":"x","enum":["e"]}}}}}]}`,
		"tools[0].type=structure tools[0].function.name=tool tools[0].function.description=text tools[0].function.parameters.properties.q.description=text tools[0].function.parameters.properties.q.enum[0]=text")
	f(Chat, `{"stop":["a"],"response_format":{"json_schema":{"name":"n","schema":{"a":"b"}}}}`,
		"stop[0]=text response_format.json_schema.name=tool response_format.json_schema.schema.a=text")
	// Decoys: the names of text fields where no text belongs, and text fields of a type they do not have.
	f(Chat, `{"metadata":{"content":"x","messages":[{"content":"x"}]}}`, "metadata.content=structure metadata.messages[0].content=structure")
	f(Chat, `{"prompt":"x","content":"x","system":"x"}`, "prompt=structure content=structure system=structure")
	f(Chat, `{"messages":"x"}`, "messages=structure")
	f(Chat, `{"messages":[["x"]],"extra":{"messages":[{"content":"x"}]}}`, "messages[0][0]=structure extra.messages[0].content=structure")
	f(Chat, `{"messages":[[{"content":"x"}]]}`, "messages[0][0].content=structure")
	f(Chat, `{"messages":[{"content":{"text":"x"}}]}`, "messages[0].content.text=structure")
	f(Chat, `{"messages":[{"content":[["x"]]}]}`, "messages[0].content[0][0]=structure")
	f(Chat, `{"messages":[{"content":["x"]}]}`, "messages[0].content[0]=structure")
	f(Opaque, `{"messages":[{"content":"x"}],"model":"m"}`, "messages[0].content=structure model=structure")
	f(ChatBatch, `{"messages":[[{"content":"x"}]]}`, "messages[0][0].content=text")
	f(Completions, `{"prompt":["x","y"]}`, "prompt[0]=text prompt[1]=text")
	f(Embeddings, `{"input":"x"}`, "input=text")
	f(Embeddings, `{"input":["x"],"texts":["y"]}`, "input[0]=text texts[0]=text")
	f(Rerank, `{"query":"q","documents":["a",{"text":"b"}]}`, "query=text documents[0]=text documents[1].text=text")
	f(Responses, `{"input":"x","instructions":"y"}`, "input=text instructions=text")
	f(Responses, `{"input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"u"}]},{"type":"function_call_output","call_id":"c","output":"o"}]}`,
		"input[0].role=structure input[0].content[0].type=structure input[0].content[0].text=text input[0].content[1].type=structure input[0].content[1].image_url=url input[1].type=structure input[1].call_id=file input[1].output=text")
	f(Responses, `{"tools":[{"type":"mcp","server_url":"u","server_label":"l"}]}`, "tools[0].type=structure tools[0].server_url=url tools[0].server_label=tool")
	f(Messages, `{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"}]},{"type":"image","source":{"type":"url","url":"u"}}]}]}`,
		"system[0].type=structure system[0].text=text messages[0].role=structure messages[0].content[0].type=structure messages[0].content[0].tool_use_id=file messages[0].content[0].content[0].type=structure messages[0].content[0].content[0].text=text messages[0].content[1].type=structure messages[0].content[1].source.type=structure messages[0].content[1].source.url=url")
	f(OllamaChat, `{"model":"m","messages":[{"content":"x","images":["aGk="]}]}`, "model=model messages[0].content=text messages[0].images[0]=data")
	f(OllamaGenerate, `{"prompt":"x","system":"s","template":"t"}`, "prompt=text system=text template=structure")
	f(TGIGenerate, `{"inputs":"x","parameters":{"stop":["y"]}}`, "inputs=text parameters.stop[0]=text")
	f(SGLangGenerate, `{"text":["x"],"image_data":["u"],"sampling_params":{"regex":"r"}}`, "text[0]=text image_data[0]=url sampling_params.regex=text")
	f(TritonInfer, `{"inputs":[{"name":"n","datatype":"BYTES","data":["x"]}]}`, "inputs[0].name=tool inputs[0].datatype=structure inputs[0].data[0]=text")
	f(TritonGenerate, `{"text_input":"x","other":"y"}`, "text_input=text other=structure")
	f(Vertex, `{"instances":[{"text":"x"},{"inputs":"y"}]}`, "instances[0].text=text instances[1].inputs=text")
	f(Speech, `{"input":"x","voice":"v"}`, "input=text voice=structure")
	f(Images, `{"prompt":"x","image":"u"}`, "prompt=text image=url")
	f(Tokenize, `{"prompt":"x"}`, "prompt=text")
}

func TestParseReadsBounds(t *testing.T) {
	f := func(shape Shape, body string, max, n int64, stream bool) {
		t.Helper()
		d := parsed(t, shape, body)
		if d.MaxTokens != max || d.N != n || d.Stream != stream {
			t.Errorf("%v %s: want %d, %d, %v; got %d, %d, %v", shape, body, max, n, stream, d.MaxTokens, d.N, d.Stream)
		}
	}
	f(Chat, `{}`, -1, 1, false)
	f(Chat, `{"max_tokens":5,"max_completion_tokens":9}`, 9, 1, false)
	f(Chat, `{"max_tokens":null,"n":3,"best_of":7}`, -1, 7, false)
	f(Chat, `{"max_tokens":"100","n":"4","stream":"true"}`, 100, 4, true)
	f(Chat, `{"max_tokens":1e3,"stream":1}`, 1000, 1, true)
	f(Chat, `{"max_tokens":1e400,"stream":false}`, 9223372036854775807, 1, false)
	f(Chat, `{"max_tokens":-1}`, -1, 1, false)
	f(Chat, `{"metadata":{"max_tokens":7,"n":9,"stream":true}}`, -1, 1, false)
	f(Responses, `{"max_output_tokens":8,"stream":true}`, 8, 1, true)
	f(OllamaChat, `{"options":{"num_predict":6}}`, 6, 1, true)
	f(OllamaGenerate, `{"stream":false}`, -1, 1, false)
	f(TGIGenerate, `{"parameters":{"max_new_tokens":4,"best_of":2}}`, 4, 2, false)
	f(SGLangGenerate, `{"sampling_params":{"max_new_tokens":3,"n":2}}`, 3, 2, false)
	f(SGLangGenerate, `{"sampling_params":[{"max_new_tokens":3},{"max_new_tokens":30}]}`, 30, 1, false)
	f(Opaque, `{"max_tokens":3,"stream":true}`, 3, 1, true)
	if d := parsed(t, Completions, `{"prompt":[[1,2,3],[4]]}`); d.TokenIDs != 4 {
		t.Errorf("want 4 token ids; got %d", d.TokenIDs)
	}
}

func TestParams(t *testing.T) {
	f := func(shape Shape, body string, want ...string) {
		t.Helper()
		d := parsed(t, shape, body)
		var got []string
		for _, p := range d.Params {
			got = append(got, strconv.Itoa(int(p.ID))+":"+string(d.Raw(p))+":"+strconv.Itoa(int(p.Count)))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s:\nwant %q\ngot  %q", body, want, got)
		}
	}
	id := func(p ParamID, rest string) string { return strconv.Itoa(int(p)) + ":" + rest }
	f(Chat, `{"max_tokens":5,"x":1}`, id(ParamMaxTokens, "5:1"))
	f(Chat, `{"stop":["a","b"],"logit_bias":{"1":2,"3":4},"cache_salt":"s"}`, id(ParamStop, `["a","b"]:2`), id(ParamLogitBias, `{"1":2,"3":4}:2`), id(ParamCacheSalt, `"s":1`))
	f(Chat, `{"messages":[{},{}] }`, id(ParamMessages, `[{},{}]:2`))
	f(OllamaChat, `{"options":{"num_predict":-1,"num_ctx":4}}`, id(ParamMaxTokens, "-1:1"), id(ParamContext, "4:1"))
	f(TGIGenerate, `{"parameters":{"grammar":{"type":"regex","value":"a"}}}`, id(ParamGrammar, `{"type":"regex","value":"a"}:2`))
	f(Chat, `{"metadata":{"max_tokens":5}}`)
}

func TestDuplicateKeysAreToldAtScale(t *testing.T) {
	body := `{"a":{` + manyKeys(5000) + `},"b":{` + manyKeys(4000) + `}}`
	d := parsed(t, Chat, body)
	twice := `{"a":{` + manyKeys(5000) + `},"b":{` + manyKeys(4000) + `,"ka0":1}}`
	if err := d.Parse(Chat, []byte(twice), Limits{}); err == nil || err.Error() != "a key appears twice" {
		t.Errorf("want a duplicate told; got %v", err)
	}
	if err := d.Parse(Chat, []byte(`{`+manyKeys(10001)+`}`), Limits{}); err == nil || !strings.HasPrefix(err.Error(), "json.max_keys") {
		t.Errorf("want the bound on keys told; got %v", err)
	}
	if err := d.Parse(Chat, []byte(body), Limits{}); err != nil {
		t.Errorf("a used document refuses what it accepted: %v", err)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	bodies := map[string][]byte{
		"chat":  []byte(chatBody),
		"prose": prose(16 << 10),
		"keys":  []byte(`{"metadata":{` + manyKeys(500) + `}}`),
		"esc":   []byte(`{"mod\u0065l":"a\nb","us\u0065r":"x\u0041"}`),
	}
	for name, body := range bodies {
		var d Document
		_ = d.Parse(Chat, body, Limits{})
		if n := testing.AllocsPerRun(100, func() {
			if d.Parse(Chat, body, Limits{}) != nil {
				t.Fatal("refused")
			}
		}); n != 0 {
			t.Errorf("%s: want no allocation; got %v", name, n)
		}
	}
}

// What a parsed body of 64 KiB takes beyond the body itself, for the worst bodies there are.
func TestParsedBodyStaysSmall(t *testing.T) {
	f := func(name, body string) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := new(Document)
		_ = d.Parse(Chat, []byte(body), Limits{})
		runtime.GC()
		runtime.ReadMemStats(&after)
		took := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		if took > 10*64<<10 {
			t.Errorf("%s: %d bytes of body take %d", name, len(body), took)
		}
		runtime.KeepAlive(d)
	}
	const size = 64 << 10
	f("keys", `{`+manyKeys(6000)+`}`)
	f("short keys", `{"a":[`+strings.Repeat(`{"a":1},`, 9000)+`1]}`)
	f("strings", `{"a":[`+strings.Repeat(`"a",`, size/4)+`1]}`)
	f("empty", `{"a":[`+strings.Repeat(`"",`, size/3)+`1]}`)
	f("numbers", `{"a":[`+strings.Repeat(`1,`, size/2)+`1]}`)
	f("objects", `{"a":[`+strings.Repeat(`{},`, size/3)+`1]}`)
	f("params", `{"messages":[`+strings.Repeat(`{"tools":[]},`, size/13)+`{}]}`)
	f("deep", strings.Repeat(`{"a":`, 64)+"1"+strings.Repeat("}", 64))
}

func TestUnescape(t *testing.T) {
	f := func(raw string) {
		t.Helper()
		var want string
		if err := json.Unmarshal([]byte(`"`+raw+`"`), &want); err != nil {
			t.Fatal(err)
		}
		if got := string(Unescape(nil, []byte(raw))); got != want {
			t.Errorf("%s: want %q; got %q", raw, want, got)
		}
		if !unescapesTo([]byte(raw), []byte(want)) || unescapesTo([]byte(raw), []byte(want+"x")) {
			t.Errorf("%s: does not compare with %q", raw, want)
		}
	}
	f(``)
	f(`plain`)
	f(`\"\\\/\b\f\n\r\t`)
	f(`\u0041\u00e9\u6a21\ud83d\ude00x`)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{chatBody, `{}`, `{"a":[1,2.5e3,{"b":"\u00e9\ud83d\ude00"}]}`, `{"a":1,"\u0061":2}`, "{\"a\":\"\xff\"}", `{"a":{"Model":1}} x`} {
		f.Add([]byte(s), uint8(Chat))
		f.Add([]byte(s), uint8(Opaque))
	}
	var d Document
	f.Fuzz(func(t *testing.T, body []byte, shape uint8) {
		s := Shape(int(shape) % len(specs))
		err := d.Parse(s, body, Limits{})
		if err != nil {
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		var top map[string]json.RawMessage
		if err := json.Unmarshal(body, &top); err != nil {
			t.Fatalf("accepted what is no object: %q: %v", body, err)
		}
		if len(top) != len(d.Fields) {
			t.Fatalf("%q: want %d fields; got %d", body, len(top), len(d.Fields))
		}
		for _, f := range d.Fields {
			key := string(Unescape(nil, body[f.KeyOff:f.KeyOff+f.KeyLen]))
			if got := bytes.TrimSpace(top[key]); !bytes.Equal(got, body[f.ValOff:f.ValOff+f.ValLen]) {
				t.Fatalf("%q: field %q spans %q; encoding/json says %q", body, key, body[f.ValOff:f.ValOff+f.ValLen], got)
			}
		}
		for _, v := range d.Values {
			var out string
			if json.Unmarshal([]byte(`"`+string(d.Text(v))+`"`), &out) != nil || out != string(Unescape(nil, d.Text(v))) {
				t.Fatalf("%q: value %q decodes to another text", body, d.Text(v))
			}
			d.PathAt(v.Off)
		}
	})
}

// TestSchemaWords: in a schema the keywords of JSON Schema are known, written as they are there and in no other case; what stands under
// them is data. Elsewhere they are keys like others.
func TestSchemaWords(t *testing.T) {
	body := `{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"Properties":{"enum":["a"],"$ref":"b"}},"REQUIRED":["c"]}}}],` +
		`"metadata":{"properties":"d","$ref":"e"}}`
	var d Document
	if err := d.Parse(Chat, []byte(body), Limits{}); err != nil {
		t.Fatal(err)
	}
	var known, others, data, structure []string
	for _, v := range d.Values {
		switch text := string(d.Text(v)); {
		case v.Known:
			known = append(known, text)
		case v.Kind == Key:
			others = append(others, text)
		case v.Kind == Text:
			data = append(data, text)
		default:
			structure = append(structure, text)
		}
	}
	f := func(what string, got []string, want string) {
		t.Helper()
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s: %s; want %s", what, g, want)
		}
	}
	f("known", known, "tools type function name parameters type properties enum $ref metadata")
	f("others", others, "Properties REQUIRED properties $ref")
	f("data", data, "object a b c")
	f("structure", structure, "function f d e")
}

// TestKnownKeys: a key is known by where it stands, however it is written, and never by its name alone.
func TestKnownKeys(t *testing.T) {
	body := `{"model":"m","\u006dessages":[{"role":"user","content":"x","made_up":1}],"metadata":{"model":"x","role":"y"},"messages2":[]}`
	var d Document
	if err := d.Parse(Chat, []byte(body), Limits{}); err != nil {
		t.Fatal(err)
	}
	var known, others []string
	for _, v := range d.Values {
		switch name := string(d.Text(v)); {
		case v.Kind != Key && v.Known:
			t.Errorf("%q is no key, but known", name)
		case v.Known:
			known = append(known, name)
		case v.Kind == Key:
			others = append(others, name)
		}
	}
	if got, want := strings.Join(known, " "), `model \u006dessages role content metadata`; got != want {
		t.Errorf("known: %s; want %s", got, want)
	}
	if got, want := strings.Join(others, " "), "made_up model role messages2"; got != want {
		t.Errorf("not known: %s; want %s", got, want)
	}
}
