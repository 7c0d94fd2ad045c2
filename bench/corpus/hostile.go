package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	brotli "github.com/molecule-man/go-brrr"
)

// hostileSize is how large the requests are that are made to cost much: close to costMax, head included.
const hostileSize = 60 << 10

// adversary makes requests that are meant to cost more than their bytes: whatever nests, repeats, decodes, splits or
// collides. It draws from a seed, so that a run can be done again.
type adversary struct {
	*rand.Rand
	size int
	out  []*probe
}

// hostile lists the requests of about size bytes.
func hostile(seed uint64, size int) []*probe {
	a := &adversary{Rand: rand.New(rand.NewPCG(seed, 1)), size: size}
	a.nested()
	a.members()
	a.texts()
	a.heads()
	a.forms()
	a.compressed()
	return a.out
}

func (a *adversary) add(name string, r *request) {
	a.out = append(a.out, &probe{entry: &entry{ID: name}, place: "hostile", request: r})
}

// fill is head, as many different units as there is room for, and tail.
func (a *adversary) fill(head string, unit func(i int) string, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < a.size; i++ {
		b.WriteString(unit(i))
	}
	b.WriteString(tail)
	return b.String()
}

func same(s string) func(int) string { return func(int) string { return s } }

// draw is a unit of one of several.
func (a *adversary) draw(of ...string) func(int) string {
	return func(int) string { return of[a.IntN(len(of))] }
}

// letters are n random ones.
func (a *adversary) letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + a.IntN(26))
	}
	return string(b)
}

// chat adds a chat request whose body is filled.
func (a *adversary) chat(name, head string, unit func(int) string, tail string) {
	a.add(name, post("/v1/chat/completions", "application/json", []byte(a.fill(`{"model":"m","messages":[{"role":"user","content":"hi"}],`+head, unit, tail+`}`))))
}

// nested is deep and wide JSON.
func (a *adversary) nested() {
	deep := a.size / 2
	a.chat("arrays, too deep", `"x":`, same("["), strings.Repeat("]", deep))
	a.chat("objects, too deep", `"x":`, same(`{"a":`), "1"+strings.Repeat("}", deep))
	deepest := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	a.chat("arrays, as deep as allowed", `"x":[`, same(deepest+","), "1]")
	deepest = strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	a.chat("objects, as deep as allowed", `"x":[`, same(deepest+","), "1]")
	a.chat("empty arrays", `"x":[`, same("[],"), "1]")
	a.chat("empty objects", `"x":[`, same("{},"), "1]")
	a.chat("empty strings", `"x":[`, same(`"",`), "1]")
	a.chat("blanks", `"x":[`, same(" \t\r\n"), "1]")
}

// members are many keys, values, messages, tools.
func (a *adversary) members() {
	prefix := a.letters(40)
	a.chat("keys of one prefix", ``, func(i int) string { return fmt.Sprintf(`"%s%d":1,`, prefix, i) }, `"z":1`)
	a.chat("short keys", ``, func(i int) string { return fmt.Sprintf(`"%x":1,`, i) }, `"z":1`)
	a.chat("escaped keys", ``, func(i int) string { return fmt.Sprintf(`"\u0061\u00%02x%x":1,`, 0x61+i%26, i) }, `"z":1`)
	a.chat("keys twice", ``, func(i int) string { return fmt.Sprintf(`"%x":1,`, i/2) }, `"z":1`)
	a.chat("keys of many objects", `"x":[`, func(i int) string { return fmt.Sprintf(`{"a%x":1,"b%x":2},`, i, i) }, `1]`)
	a.chat("keys like known ones", `"x":[`, a.draw(`{"Model":1},`, `{"MESSAGES":1},`, `{"mOdel":1},`, `{"m\u006fdel":1},`), `1]`)
	a.chat("numbers, huge", `"x":[`, func(int) string { return strings.Repeat("9", 1000) + "e-999," }, `1]`)
	a.chat("a number, huge", `"x":`, same("1234567890"), ``)
	a.chat("numbers, small", `"x":[`, same("1e1,"), `1]`)
	a.chat("models", `"models":[`, func(i int) string { return fmt.Sprintf(`"org/%s-%d",`, a.letters(8), i) }, `"m"]`)
	a.chat("stops", `"stop":[`, func(i int) string { return fmt.Sprintf(`"%d",`, i) }, `"m"]`)
	a.chat("tools", `"tools":[`, func(i int) string {
		return fmt.Sprintf(`{"type":"function","function":{"name":"f%d","description":"%s","parameters":{"type":"object","properties":{"%s":{"type":"string","enum":["a","b"]}},"required":["a"]}}},`, i, a.letters(20), a.letters(6))
	}, `{"type":"function","function":{"name":"f"}}]`)
	a.chat("a schema, wide", `"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{`,
		func(i int) string { return fmt.Sprintf(`"p%d":{"type":"string","pattern":"^(a+)+$"},`, i) }, `"z":{}}}}}`)
	a.chat("logit biases", `"logit_bias":{`, func(i int) string { return fmt.Sprintf(`"%d":-100,`, i) }, `"0":1}`)
	a.chat("metadata", `"metadata":{`, func(i int) string { return fmt.Sprintf(`"k%d":"%s",`, i, a.letters(6)) }, `"z":"z"}`)
	a.add("messages", post("/v1/chat/completions", "application/json", []byte(a.fill(`{"model":"m","messages":[`, same(`{"role":"user","content":"a"},`), `{"role":"user","content":"b"}]}`))))
	a.add("parts", post("/v1/chat/completions", "application/json", []byte(a.fill(`{"model":"m","messages":[{"role":"user","content":[`, same(`{"type":"text","text":"a"},`), `{"type":"text","text":"b"}]}]}`))))
	a.add("pictures", post("/v1/chat/completions", "application/json", []byte(a.fill(`{"model":"m","messages":[{"role":"user","content":[`,
		func(i int) string {
			return fmt.Sprintf(`{"type":"image_url","image_url":{"url":"https://h%d.example/%s"}},`, i, a.letters(5))
		}, `{"type":"text","text":"b"}]}]}`))))
	a.add("data URIs", post("/v1/chat/completions", "application/json", []byte(a.fill(`{"model":"m","messages":[{"role":"user","content":[`,
		same(`{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},`), `{"type":"text","text":"b"}]}]}`))))
	a.add("tool calls", post("/v1/chat/completions", "application/json", []byte(a.fill(`{"model":"m","messages":[`, func(i int) string {
		return fmt.Sprintf(`{"role":"assistant","tool_calls":[{"id":"c%d","type":"function","function":{"name":"f","arguments":"{\"a\":\"%s\"}"}}]},{"role":"tool","tool_call_id":"c%d","content":"x"},`, i, a.letters(5), i)
	}, `{"role":"user","content":"b"}]}`))))
	a.add("inputs", post("/v1/embeddings", "application/json", []byte(a.fill(`{"model":"m","input":[`, same(`"a",`), `"b"]}`))))
	a.add("tokens", post("/v1/embeddings", "application/json", []byte(a.fill(`{"model":"m","input":[`, func(int) string { return fmt.Sprintf("%d,", a.IntN(99999)) }, `1]}`))))
}

// again encodes s over and over until it is size bytes or more.
func again(s string, size int, encode func(string) string) string {
	for len(s) < size {
		s = encode(s)
	}
	return s
}

// texts are values of structure and prompts that are dear to decode or to read.
func (a *adversary) texts() {
	base := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	half := a.size * 3 / 4
	token := base(`{"alg":"none"}`) + "." + base(strings.Repeat(`{"sub":"x"}`, half/16)) + "." + base(a.letters(64))
	units := map[string]func(int) string{
		"escapes": same(`\u0041`), "surrogates": same(`\ud83d\ude00`), "backslashes": same(`\\`), "slashes": same(`\/`), "percents": same(`%25`), "percents, doubled": same(`%252e%252e%252f`),
		"quotes": same(`'`), "double quotes": same(`\"`), "SQL": a.draw("' or ", "union select ", "1=1 ", "-- ", "/*", "*/ ", "sleep(9) ", "from t "), "comments": same("/*"), "tags": same("<"), "markup": a.draw("<a ", "on=", "<script", ">", "javascript:", "<!--", "&lt;"),
		"entities": same("&#60;"), "entities of entities": same("&amp;"), "templates": a.draw("{{", "}}", "${", "<%", "#{", "{%"), "dots": same("../"), "shell": a.draw("; ", "| ", "$(", "`", "cat ", "&& "), "URLs": a.draw("http://127.0.0.1/ ", "//[::1]/", "http://0x7f.1/ "),
		"look-alikes": same("\u2019\uff07"), "marks": same("a\u0301\u0302"), "invisible": same("\u200b\u202e"), "wide": same("\u4e00"), "digits": same("4111111111111111 "), "keys": same("sk-"), "at signs": same("a@b."), "base64": same("aGVsbG8gd29ybGQg"),
		"equal signs": same("="), "ampersands": same("a=b&"), "semicolons": same("a=b;"), "brackets": same("([{"), "letters": func(int) string { return a.letters(64) }, "words": func(int) string { return a.letters(5) + " " }, "hexadecimal": same("0x41"), "concatenations": same("'||'"), "char()": same("char(39)+"),
	}
	for _, name := range slices.Sorted(maps.Keys(units)) {
		unit := units[name]
		value := a.fill("", unit, "")
		a.chat(name+" in a value", `"x":"`, same(value), `"`)
		a.add(name+" in a prompt", post("/v1/chat/completions", "application/json", []byte(`{"model":"m","messages":[{"role":"user","content":"`+value+`"}]}`)))
		a.chat(name+" in short values", `"x":["`, func(i int) string { return unit(i) + `","` }, `"]`)
	}
	values := map[string]string{
		"percent-encoded over and over": again("'", a.size/3, url.PathEscape),
		"percent signs over and over":   again("%27", a.size, func(s string) string { return strings.ReplaceAll(s, "%", "%25%25") }),
		"base64 in base64":              again("' or 1=1 -- ", half, base),
		"base64 in base64 in percent":   url.QueryEscape(again("<script>alert(1)</script>", half, base)),
		"entities over and over":        again("<", half, func(s string) string { return strings.ReplaceAll(s, "&", "&amp;") + "&lt;" }),
		"a long token":                  token,
		"a picture that is none":        "data:text/html;base64," + base(strings.Repeat("<script>", half/8)),
		"a data URI of escapes":         "data:text/html," + strings.Repeat("%3Cscript%3E", a.size/12),
		"a model name":                  strings.Repeat("org/", a.size/4),
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		a.chat(name, `"x":"`, func(int) string { return value + strings.Repeat(" ", max(0, a.size-len(value))) }, `"`)
		a.add(name+", as model", post("/v1/chat/completions", "application/json", []byte(`{"model":"`+value+`","messages":[]}`)))
	}
}

// heads are requests whose head costs, up to the bound on heads.
func (a *adversary) heads() {
	size := min(a.size, 31<<10)
	small := &adversary{Rand: a.Rand, size: size}
	targets := map[string]string{
		"keys":           small.fill("/v1/models?", func(i int) string { return fmt.Sprintf("k%d=%d&", i, i) }, "z=1"),
		"one key":        small.fill("/v1/models?", same("a=1&"), "a=1"),
		"no keys":        small.fill("/v1/models?", same("&"), ""),
		"equal signs":    small.fill("/v1/models?", same("="), ""),
		"percents":       small.fill("/v1/models?q=", same("%25"), ""),
		"percents, deep": "/v1/models?q=" + again("%27", size/2, func(s string) string { return strings.ReplaceAll(s, "%", "%25") + "%27" }),
		"quotes":         small.fill("/v1/models?q=", same("'"), ""),
		"SQL":            small.fill("/v1/models?q=", a.draw("%27+or+", "union+select+", "1=1", "--+", "/*", "*/"), ""),
		"plus signs":     small.fill("/v1/models?q=", same("+"), ""),
		"segments":       small.fill("/v1/models", same("/a"), ""),
		"dots":           small.fill("/v1/models", same("/.."), ""),
		"escapes":        small.fill("/v1/models/", same("%c3%a9"), ""),
		"slashes":        small.fill("/v1/models/a", same("%2F"), "b"),
	}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		a.add("a target of "+name, get(targets[name]))
	}
	many := func(name string, n int, field func(i int) [2]string) {
		r := get("/v1/models")
		for i := range n {
			r.headers = append(r.headers, field(i))
		}
		a.add(name, r)
	}
	many("a thousand fields", 1000, func(i int) [2]string { return [2]string{fmt.Sprintf("X-F%d", i), "v"} })
	many("as many fields as allowed", 90, func(i int) [2]string { return [2]string{fmt.Sprintf("X-F%d", i), strings.Repeat("' or ", 60)} })
	many("cookies", 90, func(i int) [2]string { return [2]string{"Cookie", strings.Repeat(fmt.Sprintf("c%d=v; ", i), 40)} })
	many("forwarded", 90, func(int) [2]string { return [2]string{"X-Forwarded-For", strings.Repeat("1.2.3.4, ", 35)} })
	many("connection's", 90, func(i int) [2]string { return [2]string{"Connection", strings.Repeat(fmt.Sprintf("x-f%d, ", i), 40)} })
	a.add("a cookie", get("/v1/models").with("Cookie", small.fill("", func(i int) string { return fmt.Sprintf("c%d=%%27;", i) }, "z=1")))
	a.add("a thousand cookies", get("/v1/models").with("Cookie", strings.Repeat("a=b; ", 1000)+"z=1"))
	a.add("a long token in a field", get("/v1/models").with("Authorization", "Bearer "+small.fill("eyJ", func(int) string { return a.letters(64) }, ".e30.x")))
	a.add("a field of percents", get("/v1/models").with("X-Q", small.fill("", same("%25"), "")))
	a.add("a referer", get("/v1/models").with("Referer", small.fill("http://a.b/?", a.draw("a=%2527&", "b=<&"), "")))
}

// forms are bodies that are no JSON.
func (a *adversary) forms() {
	form := func(name, body string) {
		a.add(name, post("/v1/audio/transcriptions", "multipart/form-data; boundary=b", []byte(body)))
	}
	form("parts of a form", a.fill("", same("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n"), "--b--\r\n"))
	form("files of a form", a.fill("", same("--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.wav\"\r\n\r\nv\r\n"), "--b--\r\n"))
	form("fields of a part", a.fill("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n", func(i int) string { return fmt.Sprintf("X-%d: v\r\n", i) }, "\r\nv\r\n--b--\r\n"))
	form("one long field of a part", a.fill("--b\r\nContent-Disposition: form-data; name=\"", same("%22"), "\"\r\n\r\nv\r\n--b--\r\n"))
	form("look-alikes of a boundary", a.fill("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", same("\r\n--"), "\r\n--b--\r\n"))
	form("beginnings of a boundary", a.fill("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", same("\r\n-"), "\r\n--b--\r\n"))
	form("line ends in a form", a.fill("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", same("\r"), "\r\n--b--\r\n"))
	form("parameters of a part", a.fill("--b\r\nContent-Disposition: form-data", func(i int) string { return fmt.Sprintf("; p%d=v", i) }, "; name=\"a\"\r\n\r\nv\r\n--b--\r\n"))
	form("a preamble", a.fill("", same("x\r\n"), "--b--\r\n"))
	wide := strings.Repeat("b-", 35)
	a.add("look-alikes of a long boundary", post("/v1/audio/transcriptions", "multipart/form-data; boundary="+wide,
		[]byte(a.fill("--"+wide+"\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", same("\r\n--"+wide[:len(wide)-1]), "\r\n--"+wide+"--\r\n"))))
	a.add("pairs", post("/v1/audio/transcriptions", "application/x-www-form-urlencoded", []byte(a.fill("", func(i int) string { return fmt.Sprintf("k%d=%%27&", i) }, "z=1"))))
	a.add("no JSON", post("/v1/chat/completions", "application/json", []byte(a.fill("", same("\x00"), ""))))
	a.add("no UTF-8", post("/v1/chat/completions", "application/json", []byte(a.fill(`{"x":"`, same("\xf0\x9f"), `"}`))))
}

// compressed are bodies that are small until they are decoded, or that announce much.
func (a *adversary) compressed() {
	plain := func(n int) []byte {
		return []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("a", n) + `"}]}`)
	}
	encodings := map[string]func([]byte) []byte{
		"gzip": func(b []byte) []byte { return (&request{body: b}).zipped().body },
		"br": func(b []byte) []byte {
			out, err := brotli.Compress(b, 5)
			if err != nil {
				panic("BUG: " + err.Error())
			}
			return out
		},
		"zstd": func(b []byte) []byte {
			var out bytes.Buffer
			e, err := zstd.NewWriter(&out, zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
			if err != nil {
				panic("BUG: " + err.Error())
			}
			_, _ = e.Write(b)
			_ = e.Flush()
			_ = e.Close()
			return out.Bytes()
		},
	}
	for _, encoding := range []string{"gzip", "br", "zstd"} {
		encode := encodings[encoding]
		body := func(name string, b []byte) {
			a.add(encoding+": "+name, post("/v1/chat/completions", "application/json", b).with("Content-Encoding", encoding))
		}
		body("a small chat", encode(plain(100)))
		body("a bomb", encode(plain(8<<20)))
		body("as much as it may", encode(plain(a.size)))
		body("a bomb in itself", encode(encode(plain(8<<20))))
		body("many members", bytes.Repeat(encode(nil), a.size/max(1, len(encode(nil)))))
		body("cut", encode(plain(a.size))[:20])
		body("noise", []byte(a.letters(a.size)))
	}
	a.add("br: a window announced", post("/v1/chat/completions", "application/json", []byte{0xcf, 0xff, 0xff, 0xff, 1}).with("Content-Encoding", "br"))
	a.add("br: metadata", post("/v1/chat/completions", "application/json", append([]byte{0x0f}, bytes.Repeat([]byte{0x0c}, a.size)...)).with("Content-Encoding", "br"))
}
