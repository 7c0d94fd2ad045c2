package scan

import (
	"net/url"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
)

// TestExceptions: an exception holds for its rule, its route and its field, and for nothing else.
func TestExceptions(t *testing.T) {
	const attack = "1' or 1=1 --"
	ran := 0
	f := func(e Exception, x *filters.Exchange, passes bool) {
		t.Helper()
		ran++
		v := judge(newFilter(t, Config{Except: []Exception{e}}), x)
		if v.Passed() != passes {
			t.Errorf("%+v: %v by %s at %s", e, v.Denial, v.Rule, v.Field)
		}
		if passes && len(x.Excepted) == 0 {
			t.Errorf("%+v: recorded %v", e, x.Excepted)
		}
	}
	query := func() *filters.Exchange { return filterstest.New(t, "GET /v1/models?q="+url.QueryEscape(attack)) }
	header := func() *filters.Exchange { return filterstest.New(t, "GET /v1/models\nX-Note: "+attack) }
	body := func() *filters.Exchange {
		return chat(t, map[string]any{"model": "m", "metadata": map[string]any{"a": attack, "query": map[string]any{"q": attack}}, "messages": []any{}})
	}
	f(Exception{Rule: "sqli"}, query(), true)
	f(Exception{Rule: "sqli-*", Route: "models", Field: "query.q"}, query(), true)
	f(Exception{Rule: "sqli", Route: "utility", Field: "query.*"}, query(), true)
	f(Exception{Rule: "sqli", Route: "chat.completions"}, query(), false)
	f(Exception{Rule: "sqli", Field: "query.p"}, query(), false)
	f(Exception{Rule: "xss"}, query(), false)
	f(Exception{Rule: "sqli-comment"}, query(), false) // another rule finds it too
	f(Exception{Rule: "sqli", Field: "header.x-note"}, header(), true)
	f(Exception{Rule: "sqli", Field: "query.x-note"}, header(), false)
	f(Exception{Rule: "sqli", Field: "body.metadata.*"}, body(), true)
	f(Exception{Rule: "sqli", Field: "body.metadata.a"}, body(), false)
	f(Exception{Rule: "sqli", Field: "query.*"}, body(), false) // a JSON field cannot pass for a query
	f(Exception{Rule: "ssrf-address"}, picture(t, "http://127.0.0.1/"), true)
	f(Exception{Rule: "ssrf", Route: "inference"}, picture(t, "http://127.0.0.1/"), true)
	f(Exception{Rule: "ssrf-name"}, picture(t, "http://127.0.0.1/"), false)
	f(Exception{Rule: "model-name", Field: "body.model"}, chat(t, map[string]any{"model": "täst", "messages": []any{}}), true)
	f(Exception{Rule: "tool-name"}, chat(t, map[string]any{"model": "täst", "messages": []any{}}), false)
	if ran != 17 {
		t.Errorf("%d cases ran", ran)
	}
}

func picture(t *testing.T, url string) *filters.Exchange {
	t.Helper()
	part := map[string]any{"type": "image_url", "image_url": map[string]any{"url": url}}
	return chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": []any{part}}}})
}

// TestExceptedIsNotClean: what passes by an exception, in a header or a body, is not remembered as clean for another place.
func TestExceptedIsNotClean(t *testing.T) {
	f := newFilter(t, Config{Except: []Exception{{Rule: "sqli", Field: "header.x-a"}}})
	for range 3 {
		if v := judge(f, filterstest.New(t, "GET /v1/models\nX-A: 1' or 1=1 --")); !v.Passed() {
			t.Fatal("refused in spite of the exception")
		}
		if v := judge(f, filterstest.New(t, "GET /v1/models\nX-B: 1' or 1=1 --")); !v.Denied() {
			t.Fatal("passes where there is no exception")
		}
	}
	f = newFilter(t, Config{Except: []Exception{{Rule: "sqli", Field: "body.metadata.a"}}})
	ask := func(key string) filters.Verdict {
		return judge(f, chat(t, map[string]any{"model": "m", "metadata": map[string]any{key: "1' or 1=1 -- a long one"}, "messages": []any{}}))
	}
	for range 3 {
		if !ask("a").Passed() || !ask("b").Denied() {
			t.Fatal("an exception of one field of a body holds for another")
		}
	}
}

// TestExceptionsAreBounded: naming the fields of a body full of hits ends, and then nothing is excepted any more.
func TestExceptionsAreBounded(t *testing.T) {
	f := newFilter(t, Config{Except: []Exception{{Rule: "sqli", Field: "body.tags*"}}})
	tags := make([]string, 5000)
	for i := range tags {
		tags[i] = "1' or 1=1 -- " + strings.Repeat("x", 20)
	}
	x := chat(t, map[string]any{"model": "m", "tags": tags, "messages": []any{}})
	v := judge(f, x)
	if n := len(x.Excepted); !v.Denied() || n < 5 || n > pathBytes/len(x.Body) {
		t.Errorf("%v after %d exceptions of a body of %d bytes", v.Denial, n, len(x.Body))
	}
}

// TestExceptionProblems: an exception that could never do anything is told, with what was probably meant.
func TestExceptionProblems(t *testing.T) {
	f := func(e Exception, want string) {
		t.Helper()
		env := filterstest.Env(t, nil, nil)
		env.Routes = []string{"talk"}
		_, err := New(Config{Except: []Exception{e}}, nil, env)
		switch {
		case want == "" && err != nil:
			t.Errorf("%+v: %v", e, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%+v: got %v, want %s", e, err, want)
		}
	}
	f(Exception{Rule: "sqli", Route: "talk", Field: "body"}, "")
	f(Exception{Rule: "xss-tag", Route: "chat.*"}, "")
	f(Exception{Rule: "names", Field: "*.note"}, "")
	f(Exception{}, `except[0].rule: want a rule or class of the scan; got ""`)
	f(Exception{Rule: "sqlli"}, `did you mean "sqli"?`)
	f(Exception{Rule: "upload-type", Field: "form.file"}, "")
	f(Exception{Rule: "upload-form"}, "except[0].rule") // what two parsers could read differently passes nowhere
	f(Exception{Rule: "sqli", Route: "tlak"}, `did you mean "talk"?`)
	f(Exception{Rule: "sqli", Field: "metadata.note"}, "except[0].field: want a field such as query.q")
	f(Exception{Rule: "sqli", Field: "query"}, "except[0].field")
}

// TestDataThatIsAnAddress: what stands for bytes is fetched by some engines when it is an address (llama.cpp's sound, by http and
// file).
func TestDataThatIsAnAddress(t *testing.T) {
	f := newFilter(t, Config{})
	ask := func(sound map[string]any) filters.Verdict {
		part := map[string]any{"type": "input_audio", "input_audio": sound}
		return judge(f, chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": []any{part}}}}))
	}
	for _, address := range []string{"http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "\u0068ttp://localhost/x"} {
		for _, name := range []string{"data", "url"} {
			if v := ask(map[string]any{name: address}); !v.Denied() {
				t.Errorf("%s: %q passes", name, address)
			}
		}
	}
	if v := ask(map[string]any{"data": "UklGRiQAAABXQVZFZm10IBAAAAABAAEA", "format": "wav"}); !v.Passed() {
		t.Errorf("base64 is refused: %s", v.Rule)
	}
	if v := ask(map[string]any{"data": "data:audio/wav;base64,UklGRiQAAABXQVZF"}); !v.Passed() {
		t.Errorf("a data URI is refused: %s", v.Rule)
	}
}
