package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Now = func() time.Time { return time.Unix(1700000000, 0) }
	s := New(o)
	t.Cleanup(s.Close)
	return s
}

// client does not keep connections, so that none is left when a test ends.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ask posts body with fields such as "x-demo-status: 503" and returns the answer, its body read.
func ask(t *testing.T, s *Server, path, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	res := open(t, s, path, body, fields...)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		b = append(b, "!"+err.Error()...)
	}
	return res, string(b)
}

func open(t *testing.T, s *Server, path, body string, fields ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		req.Header.Set(k, v)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const (
	hello  = `{"model":"demo-small","messages":[{"role":"system","content":"be short"},{"role":"user","content":"hello there"}]}`
	stream = `{"model":"demo-small","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello there"}]}`
)

func TestAnswers(t *testing.T) {
	s := start(t, Options{})
	ran := 0
	f := func(path, body, want string) {
		t.Helper()
		ran++
		res, got := ask(t, s, path, body)
		if res.Header.Get("X-Demo-Server") != notice {
			t.Errorf("%s: does not say that it is a test server", path)
		}
		if !strings.Contains(got, want) {
			t.Errorf("POST %s %s\n got %s\nwant %s", path, body, got, want)
		}
	}
	chat := "/v1/chat/completions"
	f(chat, hello, `"message":{"role":"assistant","content":"You said: hello there"}`)
	f(chat, hello, `"usage":{"prompt_tokens":4,"completion_tokens":4,"total_tokens":8}`)
	f(chat, `{"model":"demo-large","max_tokens":3,"messages":[{"role":"user","content":[{"type":"text","text":"a b c d"}]}]}`, `"message":{"role":"assistant","content":"You said: a"},"finish_reason":"length"`)
	f(chat, `{"model":"demo-large","stop":["b"],"messages":[{"role":"user","content":"a b c d"}]}`, `"content":"You said: a "`)
	f(chat, `{"model":"demo-small","n":2,"messages":[{"role":"user","content":"x"}]}`, `"index":1`)
	f(chat, `{"model":"demo-small","tools":[{"type":"function","function":{"name":"weather"}}],"messages":[{"role":"user","content":"Oslo"}]}`,
		`"message":{"role":"assistant","tool_calls":[{"id":"call_demo_1","type":"function","function":{"name":"weather","arguments":"{\"input\":\"Oslo\"}"}}]}`)
	f(chat, `{"model":"demo-small","tools":[{"type":"function","function":{"name":"weather"}}],"tool_choice":"none","messages":[{"role":"user","content":"Oslo"}]}`, `You said: Oslo`)
	f(chat, `{"model":"demo-small","tools":[{"type":"function","function":{"name":"weather"}}],"messages":[{"role":"user","content":"Oslo"},{"role":"tool","content":"rain"}]}`, `You said: rain`)
	f(chat, `{"model":"demo-small","functions":[{"name":"a"},{"name":"b"}],"function_call":{"name":"b"},"messages":[{"role":"user","content":"x"}]}`, `"function_call":{"name":"b",`)
	f(chat, `{"model":"gpt-9","messages":[{"role":"user","content":"x"}]}`, `"code":"model_not_found"`)
	f(chat, `{"model":"demo-small","messages":[]}`, `"param":"messages"`)
	f(chat, `{`, `"type":"invalid_request_error"`)
	f("/v1/completions", `{"model":"demo-small","prompt":["a","b"]}`, `"text":"You said: b"`)
	f("/v1/completions", `{"model":"demo-small","prompt":[1,2],"echo":true,"suffix":"."}`, `"text":"1 2You said: 1 2."`)
	f("/v1/embeddings", `{"model":"demo-small","input":"a","dimensions":1}`, `"embedding":[`)
	f("/v1/embeddings", `{"model":"demo-small","input":["a","b"],"encoding_format":"base64"}`, `"object":"embedding","index":1`)
	f("/v1/completions", `{"model":"demo-small"}`, `"choices":[{"index":0,"text":"You said: "`)
	f("/v1/embeddings", `{"model":"demo-small"}`, `"param":"input"`)
	f("/v1/nothing", `{}`, `"code":"not_found"`)
	if ran != 19 {
		t.Fatalf("ran %d cases", ran)
	}
}

func TestEmbeddingsDependOnTheTextAlone(t *testing.T) {
	a, again, b := embed("a", 8), embed("a", 8), embed("b", 8)
	sum := 0.0
	for i := range a {
		if a[i] != again[i] {
			t.Fatal("the same text gave another vector")
		}
		sum += float64(a[i]) * float64(a[i])
	}
	if a[0] == b[0] || sum < 0.999 || sum > 1.001 {
		t.Fatalf("another text gave the same vector, or it is not of length one: %v", sum)
	}
}

// events splits a stream into the data of its events.
func events(body string) []string {
	var out []string
	for _, e := range strings.Split(body, "\n\n") {
		if d, ok := strings.CutPrefix(e, "data: "); ok {
			out = append(out, d)
		}
	}
	return out
}

func TestStream(t *testing.T) {
	s := start(t, Options{})
	res, body := ask(t, s, "/v1/chat/completions", stream)
	if ct := res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") {
		t.Fatalf("content type %q", ct)
	}
	ev := events(body)
	// The role, a frame for each of the four tokens, the finish, the usage, the end.
	if len(ev) != 8 || ev[7] != "[DONE]" || !strings.Contains(ev[6], `"total_tokens":6`) || !strings.Contains(ev[5], `"finish_reason":"stop"`) {
		t.Fatalf("events: %q", ev)
	}
	text := ""
	for _, e := range ev[1:5] {
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(e), &chunk); err != nil {
			t.Fatal(err)
		}
		text += chunk.Choices[0].Delta.Content
	}
	if text != "You said: hello there" {
		t.Fatalf("text %q", text)
	}
	if st := s.Stats(); st.Frames != 7 || st.Completed != 1 || st.InFlight != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestFaults(t *testing.T) {
	s := start(t, Options{})
	ran := 0
	f := func(body, field string, status int, want ...string) {
		t.Helper()
		ran++
		res, got := ask(t, s, "/v1/chat/completions", body, strings.Split(field, "\n")...)
		if res.StatusCode != status {
			t.Errorf("%s: status %d, want %d", field, res.StatusCode, status)
		}
		for _, w := range want {
			if no, ok := strings.CutPrefix(w, "not "); ok == strings.Contains(got, no) && ok || !ok && !strings.Contains(got, w) {
				t.Errorf("%s: got %s\nwant %s", field, got, w)
			}
		}
	}
	f(hello, "x-demo-status: 503", 503, "demo_failure")
	f(hello, "x-demo-delay: 1ms", 200, "You said")
	f(hello, "x-demo-tokens: 6", 200, `You said: hello there You said:"`, `"completion_tokens":6`)
	f(hello, "x-demo-wrong-length: 9", 200, "You said", "!unexpected EOF")
	f(hello, "x-demo-cut-after: 1", 200, `{"id":"chatcmpl-demo`, "!unexpected EOF", "not You said: hello there")
	f(stream, "x-demo-cut-after: 2", 200, "!unexpected EOF", `"You"`, "not said:")
	f(stream, "x-demo-cut-after: 0", 200, "!unexpected EOF", "not data")
	f(stream, "x-demo-error-after: 2", 200, `data: {"error":`, `"You"`, "not said:")
	f(stream, "x-demo-malformed-at: 1", 200, "[DONE]", `not "role":"assistant","content":""}`)
	f(stream, "x-demo-frame-delay: 1ms", 200, "[DONE]")
	f(hello, "x-demo-dealy: 1ms", 400, "x-demo-dealy")
	f(hello, "x-demo-delay: 1", 400, "x-demo-delay")
	f(hello, "x-demo-hold: tail", 400, "want head or frames")
	f(hello, "x-demo-status: 200", 400, "want a status")
	if ran != 14 {
		t.Fatalf("ran %d cases", ran)
	}
	if st := s.Stats(); st.InFlight != 0 || st.Aborted != 0 {
		t.Fatalf("faults that were asked for are not aborts: %+v", st)
	}
}

func TestFailRateIsEven(t *testing.T) {
	s := start(t, Options{})
	res, body := ask(t, s, "/demo/behavior", `{"fail_rate":0.5,"fail_status":429,"retry_after":"7"}`)
	if res.StatusCode != 200 {
		t.Fatal(body)
	}
	var got []string
	for range 4 {
		res, _ := ask(t, s, "/v1/chat/completions", hello)
		got = append(got, res.Status+res.Header.Get("Retry-After"))
	}
	if want := "200 OK 429 Too Many Requests7 200 OK 429 Too Many Requests7"; strings.Join(got, " ") != want {
		t.Fatalf("got %q", got)
	}
	if res, _ := ask(t, s, "/demo/behavior", `{"fail_rate":2}`); res.StatusCode != 400 {
		t.Fatal("accepted a share of 2")
	}
}

// TestHold proves that a frame leaves before the next is made: the second is made only after the first was read.
func TestHold(t *testing.T) {
	s := start(t, Options{})
	res := open(t, s, "/v1/chat/completions", stream, "x-demo-hold: frames")
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	for i := range 3 {
		line, err := r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "data: ") {
			t.Fatalf("frame %d: %q %v", i, line, err)
		}
		if st := s.Stats(); st.Frames > int64(i)+1 {
			t.Fatalf("%d frames were sent before frame %d was asked for", st.Frames, i+1)
		}
		_, _ = r.ReadString('\n')
		s.Step(1)
	}
	s.Step(4)
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
}

func TestAbortIsSeen(t *testing.T) {
	s := start(t, Options{})
	ran := 0
	f := func(body string, fields ...string) {
		t.Helper()
		ran++
		before := s.Stats()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		call, gone := context.WithCancel(ctx)
		req, _ := http.NewRequestWithContext(call, "POST", s.URL()+"/v1/chat/completions", strings.NewReader(body))
		for _, f := range fields {
			k, v, _ := strings.Cut(f, ": ")
			req.Header.Set(k, v)
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			if res, err := client.Do(req); err == nil {
				<-call.Done()
				res.Body.Close()
			}
		}()
		if _, err := s.Await(ctx, func(st Stats) bool { return st.InFlight == 1 }); err != nil {
			t.Fatal(err)
		}
		gone()
		if st, err := s.Await(ctx, func(st Stats) bool { return st.Aborted == before.Aborted+1 && st.InFlight == 0 }); err != nil {
			t.Fatalf("%v: no abort was seen: %+v", fields, st)
		}
		<-over
	}
	f(hello, "x-demo-hold: head")
	f(hello, "x-demo-delay: 1h")
	f(hello, "x-demo-stall-after: 1")
	f(stream, "x-demo-stall-after: 2")
	f(stream, "x-demo-frame-delay: 1h")
	if ran != 5 {
		t.Fatalf("ran %d cases", ran)
	}
}

func TestRequestsAreKeptAsReceived(t *testing.T) {
	s := start(t, Options{Keep: 2})
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	heads := []string{
		"POST /v1/chat/completions?a=%2f HTTP/1.1\r\nhost: x\r\nX-OdD:  Two\r\nContent-Length: 2\r\n\r\n",
		"GET /v1/models HTTP/1.1\r\nHost: y\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: z\r\nTransfer-Encoding: chunked\r\n\r\n",
	}
	for i, body := range []string{"{}", "", "3\r\nabc\r\n0\r\n\r\n"} {
		if _, err := io.WriteString(c, heads[i]+body); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		seen := s.Requests()
		if got := string(seen[len(seen)-1].Head); got != heads[i] {
			t.Errorf("head %d: %q", i, got)
		}
	}
	seen := s.Requests()
	if len(seen) != 2 || seen[0].Target != "/v1/models" || !bytes.Equal(seen[1].Body, []byte("abc")) || seen[1].Host != "z" {
		t.Fatalf("kept %+v", seen)
	}
}

func TestRealtimeEchoes(t *testing.T) {
	s := start(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, res, err := websocket.Dial(ctx, s.URL()+"/v1/realtime", &websocket.DialOptions{Subprotocols: []string{"realtime"}, HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	if c.Subprotocol() != "realtime" || res.Header.Get("X-Demo-Server") != notice {
		t.Fatalf("answer %v", res.Header)
	}
	c.SetReadLimit(1 << 20)
	for _, n := range []int{0, 5, 200, 70000} {
		want := strings.Repeat("x", n)
		if err := c.Write(ctx, websocket.MessageText, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || string(got) != want {
			t.Fatalf("%d bytes came back as %d: %v", n, len(got), err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Await(ctx, func(st Stats) bool { return st.Tunnels == 1 && st.OpenTunnels == 0 }); err != nil {
		t.Fatal(err)
	}
	if res, _ := client.Get(s.URL() + "/v1/realtime"); res == nil || res.StatusCode != http.StatusUpgradeRequired {
		t.Fatal("a plain GET is not told to upgrade")
	} else {
		res.Body.Close()
	}
}

func TestClose(t *testing.T) {
	s := New(Options{})
	res := open(t, s, "/v1/chat/completions", stream, "x-demo-stall-after: 1")
	defer res.Body.Close()
	ws, _, err := websocket.Dial(t.Context(), s.URL()+"/v1/realtime", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	s.Close()
	if st := s.Stats(); st.InFlight != 0 || st.OpenTunnels != 0 {
		t.Fatalf("closed with work in flight: %+v", st)
	}
	if _, err := Listen(Options{Addr: "256.0.0.1:0"}); err == nil {
		t.Fatal("listened on an address that does not exist")
	}
}

func TestText(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		got := tokens(in)
		if strings.Join(got, "|") != strings.Join(want, "|") || strings.Join(got, "") != in {
			t.Errorf("tokens(%q) = %q", in, got)
		}
	}
	f("")
	f("a", "a")
	f("a b", "a", " b")
	f(" a\n\nb ", " a", "\n\nb", " ")
	f("é ü", "é", " ü")
}
