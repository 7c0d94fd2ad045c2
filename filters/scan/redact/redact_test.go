package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"blaze/filters/scan/secrets"
	"blaze/upstream/engine"
)

const (
	githubToken = "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"
	cardNumber  = "4111 1111 1111 1111"
	privateKey  = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq98Vj1\nq0m8Zg==\n-----END RSA PRIVATE KEY-----"
	webToken    = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	mail        = "ada.lovelace@example.com"
)

func finder(t testing.TB, names ...string) *secrets.Finder {
	t.Helper()
	if len(names) == 0 {
		names = []string{"secret", "personal"}
	}
	f, err := secrets.New(names)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func nothing(int) {}

// masked is text as it must come out.
func masked(f *secrets.Finder, text string) string {
	var out strings.Builder
	at := 0
	for _, s := range f.Find(nil, []byte(text)) {
		out.WriteString(text[at:s.From] + f.Label(s.Kind))
		at = s.To
	}
	return out.String() + text[at:]
}

// run gives the pieces to an answer and returns all that left.
func run(a *Answer, pieces ...string) string {
	var out []byte
	for i, p := range pieces {
		out, _ = a.Read(out, []byte(p), false)
		_ = i
	}
	out, _ = a.Read(out, nil, true)
	return string(out)
}

// quote writes a JSON string; ascii escapes more than has to be.
func quote(s string, ascii bool) string {
	if !ascii {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(s)
		return strings.TrimSuffix(b.String(), "\n")
	}
	out := []byte{'"'}
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case r < ' ' || r > '~' || i%3 == 0:
			out = fmt.Appendf(out, `\u%04X`, r)
		default:
			out = append(out, byte(r))
		}
	}
	return string(append(out, '"'))
}

func chat(index int, delta string) string {
	return fmt.Sprintf("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{\"index\":%d,\"delta\":{%s},\"finish_reason\":null}]}\n\n", index, delta)
}

func said1(t *testing.T, out string) (text string) {
	t.Helper()
	for _, event := range strings.SplitAfter(out, "\n\n") {
		data, ok := strings.CutPrefix(strings.TrimSpace(event), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var c struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatalf("not JSON: %v in %q", err, event)
		}
		for _, choice := range c.Choices {
			text += choice.Delta.Content
		}
	}
	return text
}

// TestSplitAtEveryByte: two frames, cut at each place of the text, say what the whole says without its secrets.
func TestSplitAtEveryByte(t *testing.T) {
	f, ran := finder(t), 0
	var a Answer
	for _, secret := range []string{githubToken, cardNumber, privateKey, webToken, mail} {
		text := "Here it is: " + secret + ", take care é"
		want := masked(f, text)
		if strings.Contains(want, secret) {
			t.Fatalf("%q is no secret", secret)
		}
		for _, ascii := range []bool{false, true} {
			for cut := range text {
				ran++
				a.Reset(f, Hide, engine.Chat, engine.Events, false, nothing)
				out := run(&a, chat(0, `"role":"assistant","content":""`), chat(0, `"content":`+quote(text[:cut], ascii)), chat(0, `"content":`+quote(text[cut:], ascii)), "data: [DONE]\n\n")
				if got := said1(t, out); got != want {
					t.Fatalf("cut at %d: %q, want %q", cut, got, want)
				}
				if strings.Count(out, "data: ") != 4 {
					t.Fatalf("%d frames left", strings.Count(out, "data: "))
				}
			}
		}
	}
	if ran < 800 {
		t.Errorf("only %d cuts", ran)
	}
}

// pieces are what the texts of the property tests are made of.
func pieces() []string {
	return []string{githubToken, cardNumber, privateKey, webToken, mail, "word", " ", "\n", "é", "😀", "1", "@", "-----", "sk-", "+49 30 901820", "ghp_", `"`, `\`, "eyJhbGciOi", "a.b", "AKIAIOSFODNN7EXAMPLE", ", ", "</x>"}
}

// place is a text among others in a stream of chat chunks.
type place struct {
	format string
	path   func(choice map[string]any) string
}

func places() (out []place) {
	for i := range 2 {
		at := func(format string, keys ...string) {
			out = append(out, place{fmt.Sprintf(`{"index":%d,"delta":{%s}}`, i, format), func(c map[string]any) string {
				if c["index"] != float64(i) {
					return ""
				}
				var v any = c["delta"]
				for _, k := range keys {
					if n, err := strconv.Atoi(k); err == nil {
						found := any(nil)
						list, _ := v.([]any)
						for _, e := range list {
							if e.(map[string]any)["index"] == float64(n) {
								found = e
							}
						}
						v = found
						continue
					}
					m, _ := v.(map[string]any)
					v = m[k]
				}
				s, _ := v.(string)
				return s
			}})
		}
		at(`"content":%s`, "content")
		at(`"tool_calls":[{"index":0,"function":{"arguments":%s}}]`, "tool_calls", "0", "function", "arguments")
		at(`"tool_calls":[{"index":1,"function":{"arguments":%s}}]`, "tool_calls", "1", "function", "arguments")
	}
	return out
}

// TestInterleaved: texts of several choices and tool calls, cut anywhere, whose frames are mixed in any order, each come out
// as the whole of each does.
func TestInterleaved(t *testing.T) {
	f, parts, all := finder(t), pieces(), places()
	var a Answer
	rapid.Check(t, func(t *rapid.T) {
		// Places of one kind at a time: a choice goes over from one to another only when it is done with it.
		kind := rapid.IntRange(0, 1).Draw(t, "kind")
		chosen := [][]int{{0, 3}, {1, 2, 4, 5}}[kind]
		texts, rest, frames := make([]string, len(all)), make([]string, len(all)), []string{}
		for _, p := range chosen {
			texts[p] = strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 6).Draw(t, "text"), "")
			rest[p] = texts[p]
		}
		ascii := rapid.Bool().Draw(t, "ascii")
		for open := true; open; {
			open = false
			for _, p := range chosen {
				r := []rune(rest[p])
				n := rapid.IntRange(0, min(len(r), 9)).Draw(t, "n")
				if len(frames) > maxFrames/2 {
					n = len(r) // more may not wait than maxFrames
				}
				frames = append(frames, "data: {\"choices\":["+fmt.Sprintf(all[p].format, quote(string(r[:n]), ascii))+"]}\n\n")
				rest[p] = string(r[n:])
				open = open || rest[p] != ""
			}
		}
		a.Reset(f, Hide, engine.Chat, engine.Events, false, nothing)
		out := run(&a, frames...)
		got := make([]string, len(all))
		for _, event := range strings.Split(strings.TrimSuffix(out, "\n\n"), "\n\n") {
			var c struct{ Choices []map[string]any }
			if err := json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &c); err != nil {
				t.Fatalf("not JSON: %v in %q", err, event)
			}
			for _, p := range chosen {
				got[p] += all[p].path(c.Choices[0])
			}
		}
		for _, p := range chosen {
			if want := masked(f, texts[p]); got[p] != want {
				t.Fatalf("place %d said %q, want %q", p, got[p], want)
			}
		}
		if n := strings.Count(out, "data: "); n != len(frames) {
			t.Fatalf("%d of %d frames left", n, len(frames))
		}
	})
}

// TestCleanIsExact: an answer without a secret leaves byte for byte, whatever it is and however it comes.
func TestCleanIsExact(t *testing.T) {
	f := finder(t)
	var a Answer
	rapid.Check(t, func(t *rapid.T) {
		framing := rapid.SampledFrom([]engine.Framing{engine.Events, engine.Lines, engine.Whole}).Draw(t, "framing")
		frames := rapid.SliceOf(rapid.SampledFrom([]string{
			chat(0, `"content":"hello"`), chat(1, `"content":" w\u00f6rld 4"`), chat(0, `"content":"call sk"`), chat(0, `"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1"}}]`),
			": ping\n\n", "data: [DONE]\n\n", "event: x\r\ndata: {\"type\":\"text_delta\",\r\ndata: \"text\":\"ey\"}\r\n\r\n", "data: plain words\n\n", "data:\n\n", "id: 4\n\n", "\n",
			`{"message":{"content":"So"},"done":false}` + "\n", `{"done":true}` + "\n", `{"a":`, "data: {\"a\":\"b", "[1,2", "\xff\xfe", `"\ud83d`, "data: {\"x\":1e999}\n\n",
		})).Draw(t, "frames")
		a.Reset(f, rapid.SampledFrom([]Effect{Watch, Hide, Cut}).Draw(t, "effect"), engine.Chat, framing, rapid.Bool().Draw(t, "json"), nothing)
		if got := run(&a, frames...); got != strings.Join(frames, "") {
			t.Fatalf("%q became %q", frames, got)
		}
	})
}

// TestLeavesAtOnce: a frame in which nothing begins leaves in the same call; one in which something may begin leaves as
// soon as what follows says that it does not.
func TestLeavesAtOnce(t *testing.T) {
	var a Answer
	f := func(want int, piece string) {
		t.Helper()
		out, ok := a.Read(nil, []byte(piece), false)
		if got := strings.Count(string(out), "\n\n"); got != want || !ok {
			t.Errorf("%q: %d frames left, want %d", piece, got, want)
		}
	}
	a.Reset(finder(t), Hide, engine.Chat, engine.Events, false, nothing)
	f(1, chat(0, `"role":"assistant","content":""`))
	f(1, chat(0, `"content":"Well, "`))
	f(0, chat(0, `"content":"write"`))
	f(0, ": ping\n\n")
	f(3, chat(0, `"content":" to: "`))
	f(0, chat(0, `"content":"the"`))
	f(2, `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n")
	f(0, chat(1, `"reasoning_content":"so"`))
	f(2, chat(1, `"content":"Yes! "`))
	f(0, chat(0, `"content":"a"`))
	f(0, chat(1, `"content":"Well. "`))
	f(3, "data: [DONE]\n\n")

	a.Reset(finder(t, "secret"), Hide, engine.Chat, engine.Events, false, nothing) // words hold nothing back without e-mail
	f(1, chat(0, `"content":"Hello"`))
	f(1, chat(0, `"content":" there"`))
	f(0, chat(0, `"content":" sk"`))
	f(2, chat(0, `"content":"ill"`))
}

// TestQuiet: when nothing follows for a while a word leaves, and the first few bytes of what may be more; the rest of it is
// hidden when it comes.
func TestQuiet(t *testing.T) {
	var a Answer
	f := func(text string, leaves bool, next, want string) {
		t.Helper()
		a.Reset(finder(t), Hide, engine.Chat, engine.Events, false, nothing)
		first, _ := a.Read(nil, []byte(chat(0, `"content":`+quote(text, false))), false)
		quiet := a.Quiet(nil)
		if len(first) > 0 || (len(quiet) > 0) != leaves {
			t.Errorf("%q: %d bytes, then %d", text, len(first), len(quiet))
		}
		rest, _ := a.Read(quiet, []byte(chat(0, `"content":`+quote(next, false))), false)
		rest, _ = a.Read(rest, nil, true)
		if got := said1(t, string(rest)); got != want {
			t.Errorf("%q, %q: said %q, want %q", text, next, got, want)
		}
	}
	f("Hello", true, " there.", "Hello there.")
	f("write to ada", true, "@example.com now", "write to ada[redacted:email] now")
	f("write to ada@exam", false, "ple.com now", "write to [redacted:email] now")
	f("write to ada@example.com", true, " now", "write to [redacted:email] now")
	f("write to ada@example.co", true, "m now", "write to [redacted:email] now")
	f("pay 4111 1", true, "111 1111 1111 now", "pay 4111 1[redacted:card] now")
	f("pay 4111 11", false, "11 1111 1111 now", "pay [redacted:card] now")
	f("key gh", true, githubToken[2:]+" ok", "key gh[redacted:github_token] ok")
	f("key "+githubToken[:9], false, githubToken[9:]+" ok", "key [redacted:github_token] ok")
}

// TestNeverDecided: what waits is bounded; beyond the bound it is hidden, not let through.
func TestNeverDecided(t *testing.T) {
	var a Answer
	told := 0
	a.Reset(finder(t), Hide, engine.Chat, engine.Events, false, func(int) { told++ })
	out, _ := a.Read(nil, []byte(chat(0, `"content":"`+githubToken[:30]+`"`)), false)
	for range maxFrames + 1 {
		out, _ = a.Read(out, []byte(chat(1, `"content":"x. "`)), false)
		if len(a.buf) > maxHeld+1000 {
			t.Fatalf("%d bytes wait", len(a.buf))
		}
	}
	if strings.Contains(string(out), "ghp_") || !strings.Contains(string(out), "[redacted]") || told != 1 {
		t.Errorf("got %.200s, told %d", out, told)
	}
}

// TestCut: the answer ends before the frame in which the first thing begins.
func TestCut(t *testing.T) {
	var a Answer
	a.Reset(finder(t), Cut, engine.Chat, engine.Events, false, nothing)
	frames := []string{chat(0, `"content":"Well, "`), chat(0, `"content":"it is `+githubToken[:8]+`"`), chat(0, `"content":"`+githubToken[8:]+`."`)}
	out, ok := a.Read(nil, []byte(frames[0]), false)
	if string(out) != frames[0] || !ok {
		t.Fatalf("the first frame: %s", out)
	}
	if out, ok = a.Read(nil, []byte(frames[1]), false); len(out) > 0 || !ok {
		t.Fatalf("the second frame: %s", out)
	}
	if out, ok = a.Read(nil, []byte(frames[2]), false); len(out) > 0 || ok {
		t.Fatalf("the third frame: %s, %v", out, ok)
	}
	if out, ok = a.Read(nil, []byte(frames[0]), true); len(out) > 0 || ok {
		t.Errorf("after the end: %s, %v", out, ok)
	}
}

// TestWatch: nothing is changed, nothing waits, and everything is told.
func TestWatch(t *testing.T) {
	var a Answer
	f := finder(t)
	var told []string
	a.Reset(f, Watch, engine.Chat, engine.Events, false, func(k int) { told = append(told, f.Kinds()[k].ID) })
	for _, frame := range []string{chat(0, `"content":"`+githubToken[:8]+`"`), chat(0, `"content":"`+githubToken[8:]+` `+mail+`"`), "data: [DONE]\n\n"} {
		if out, ok := a.Read(nil, []byte(frame), false); string(out) != frame || !ok {
			t.Errorf("%s became %s", frame, out)
		}
	}
	if !slices.Equal(told, []string{"github_token", "email"}) {
		t.Errorf("told %v", told)
	}
}

// FuzzFrames: no stream makes it panic, lose or reorder frames, or let a secret through that a frame holds whole.
func FuzzFrames(f *testing.F) {
	fd := finder(f, "github_token", "email", "private_key")
	f.Add([]byte(chat(0, `"content":"a@b.org"`)+chat(0, `"content":"`+githubToken+`"`)), uint8(0), uint16(40))
	f.Add([]byte(`{"response":"ghp_","done":true,"context":[1]}`+"\n"), uint8(1), uint16(9))
	f.Add([]byte(`{"a":"\ud83d\ude00`+mail+`"}`), uint8(2), uint16(6))
	f.Fuzz(func(t *testing.T, body []byte, how uint8, cut uint16) {
		at := int(cut) % (len(body) + 1)
		framing := engine.Framing(how % 3)
		var watched, hidden Answer
		found := 0
		watched.Reset(fd, Watch, engine.Shape(how%20), framing, how&64 > 0, func(int) { found++ })
		if got := run(&watched, string(body[:at]), string(body[at:])); got != string(body) {
			t.Fatalf("watching changed %q to %q", body, got)
		}
		hidden.Reset(fd, Hide, engine.Shape(how%20), framing, how&64 > 0, nothing)
		got := run(&hidden, string(body[:at]), string(body[at:]))
		if found == 0 && got != string(body) {
			t.Fatalf("nothing was found, and %q became %q", body, got)
		}
	})
}

// TestCleanFramesAreFree: looking at a clean frame allocates nothing.
func TestCleanFramesAreFree(t *testing.T) {
	var a Answer
	a.Reset(finder(t), Hide, engine.Chat, engine.Events, false, nothing)
	frame, out := []byte(chat(0, `"content":" the lazy dog"`)), make([]byte, 0, 4096)
	out, _ = a.Read(out, frame, false)
	out, _ = a.Read(out, frame, false)
	if n := testing.AllocsPerRun(100, func() { out, _ = a.Read(out[:0], frame, false) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkFrame(b *testing.B) {
	var a Answer
	a.Reset(finder(b), Hide, engine.Chat, engine.Events, false, nothing)
	frame, out := []byte(chat(0, `"content":" the lazy dog"`)), make([]byte, 0, 4096)
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		out, _ = a.Read(out[:0], frame, false)
	}
}
