package scan

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/filters/scan/detect"
)

func sanitizing() Config {
	return Config{XSS: Rule{Action: Sanitize}, Invisible: Invisible{Action: Sanitize, Which: []string{"invisible", "bidi"}}}
}

// titled is a request with a value in its structure.
func titled(t *testing.T, title string) *filters.Exchange {
	t.Helper()
	return chat(t, map[string]any{"model": "m", "metadata": map[string]any{"title": title}, "messages": []any{map[string]any{"role": "user", "content": "hi"}}})
}

func titleOf(t *testing.T, x *filters.Exchange) string {
	t.Helper()
	var body struct{ Metadata struct{ Title string } }
	if err := json.Unmarshal([]byte(forwarded(x)), &body); err != nil {
		t.Fatalf("%v: %s", err, forwarded(x))
	}
	return body.Metadata.Title
}

// TestMarkupTakenOut: the markup goes and the rest stays; what a decoder alone would see, or what is still an attack without
// its markup, is refused.
func TestMarkupTakenOut(t *testing.T) {
	f := newFilter(t, sanitizing())
	out := func(title, want string) {
		t.Helper()
		x := titled(t, title)
		if v := judge(f, x); !v.Passed() || titleOf(t, x) != want || (x.Sanitized == "xss") != (title != want) {
			t.Errorf("%q: %v (%s), forwarded %q, sanitized %q", title, v.Denial, v.Rule, titleOf(t, x), x.Sanitized)
		}
	}
	refused := func(title string) {
		t.Helper()
		x := titled(t, title)
		if v := judge(f, x); !v.Denied() || v.Field != "metadata.title" || len(x.Edits) > 0 || x.Sanitized != "" {
			t.Errorf("%q: passes as %q", title, forwarded(x))
		}
	}
	out("a plain title", "a plain title")
	out("Hello <b>world</b>", "Hello world")
	out("Hello <script>alert(1)</script>world", "Hello world")
	out("Hello <scr<script>ipt>alert(1)</script>, \"you\"", "Hello ")
	out("<<script>script>x", "<")
	out("a <img src=x onerror=\"alert('>')\"> b", "a  b")
	out("é <svg/onload=alert(1)> ü", "é  ü")
	out("open <style>body{}</style>end", "open end")
	out("cut <iframe src=//x", "cut ")
	out("x <!-- a > b --> y", "x  y")
	refused("&lt;script&gt;alert(1)&lt;/script&gt;")
	refused("%3Cscript%3Ealert(1)%3C/script%3E")
	refused("<b>1' or '1'='1</b>")
	refused("1' or '1'='1")
}

// TestMarkupElsewhere: where nothing can be taken out, sanitize refuses.
func TestMarkupElsewhere(t *testing.T) {
	f := newFilter(t, sanitizing())
	for _, request := range []string{
		"GET /v1/models?q=%3Cscript%3Ealert(1)%3C/script%3E",
		"GET /v1/models\nX-Title: <script>alert(1)</script>",
		"POST /v1/chat/completions\nContent-Type: application/json\n\n{\"model\":\"<script>alert(1)</script>\",\"messages\":[]}",
		"POST /v1/chat/completions\nContent-Type: application/json\n\n{\"model\":\"m\",\"metadata\":{\"<script>alert(1)</script>\":1},\"messages\":[]}",
	} {
		if v := judge(f, filterstest.New(t, request)); !v.Denied() {
			t.Errorf("%s passes", request)
		}
	}
	x := titled(t, "<b>bold</b>")
	x.Shadowed = true
	if v := judge(f, x); !v.Denied() || len(x.Edits) > 0 {
		t.Errorf("a stage in shadow has edited: %s", forwarded(x))
	}
}

// TestMarkupOfEveryRule: whatever an XSS rule finds is taken out whole or refused; what passes is clean when judged again.
func TestMarkupOfEveryRule(t *testing.T) {
	f, strict, out := newFilter(t, sanitizing()), newFilter(t, Config{}), 0
	for _, r := range detect.Rules() {
		if r.Class != detect.XSS {
			continue
		}
		for _, hit := range r.Hits {
			x := titled(t, "so "+hit+" it is")
			if v := judge(f, x); !v.Passed() {
				continue
			}
			out++
			if v := judge(strict, titled(t, titleOf(t, x))); !v.Passed() {
				t.Errorf("%q became %q, which %s refuses", hit, titleOf(t, x), v.Rule)
			}
		}
	}
	if out < 8 {
		t.Errorf("only %d were taken out", out)
	}
}

// FuzzMarkup: whatever passes sanitized, passes when judged again.
func FuzzMarkup(f *testing.F) {
	f.Add("Hello <scr<script>ipt>alert(1)</script>")
	f.Add(`<a href="javascript:alert(1)" onclick=x()>y</a>`)
	f.Add("<!--<script>-->alert(1)")
	sanitizer, strict := newFilter(f, sanitizing()), newFilter(f, Config{})
	f.Fuzz(func(t *testing.T, title string) {
		if !utf8.ValidString(title) {
			return
		}
		x := titled(t, title)
		if v := judge(sanitizer, x); !v.Passed() || x.Sanitized == "" {
			return
		}
		if v := judge(strict, titled(t, titleOf(t, x))); !v.Passed() {
			t.Fatalf("%q became %q, which %s refuses", title, titleOf(t, x), v.Rule)
		}
	})
}

// TestInvisible: what is not seen is taken out of prompts, what has its use stays.
func TestInvisible(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		x := chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": text}}})
		v := judge(newFilter(t, sanitizing()), x)
		var body struct{ Messages []struct{ Content string } }
		if err := json.Unmarshal([]byte(forwarded(x)), &body); err != nil || !v.Passed() {
			t.Fatalf("%v, %v: %s", v.Denial, err, forwarded(x))
		}
		if got := body.Messages[0].Content; got != want || (x.Sanitized == "invisible") != (text != want) {
			t.Errorf("%+q became %+q, want %+q; sanitized %q", text, got, want, x.Sanitized)
		}
	}
	f("plain \"text\" — with é, 汉字, 🙂", "plain \"text\" — with é, 汉字, 🙂")
	f("ig\u200bnore\u2060 all\ufeff", "ignore all")
	f("access\u202egnp.exe\u202c \u2066x\u2069", "accessgnp.exe x")
	f("hi\U000e0049\U000e0067\U000e006e!", "hi!")
	f("soft\u00adhyphen", "softhyphen")
	f("x\ufe01\ufe02\ufe03", "x\ufe01")
	f("👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 \u0645\u06cc\u200c\u062e", "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 \u0645\u06cc\u200c\u062e")
	f("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f wins", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f wins")
	f("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e007f", "\U0001f3f4")
	f("葛\U000e0100城 a\U000e0100", "葛\U000e0100城 a")
	f("a\u200db\u200cc", "abc")
	f(strings.Repeat("\u200b", 40)+"a\u200d\u200d\u200db", "ab")
}

// TestInvisibleByMode: block refuses and names the field, shadow changes nothing.
func TestInvisibleByMode(t *testing.T) {
	f := func(rule Invisible, refused bool, edits, noted int) {
		t.Helper()
		x := chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": "a\u200bb"}, map[string]any{"role": "user", "content": "a\u200bb"}}})
		v := judge(newFilter(t, Config{Invisible: rule}), x)
		if v.Denied() != refused || len(x.Edits) != edits || len(x.Shadows) != noted || refused && v.Field != "messages[0].content" {
			t.Errorf("%+v: %v at %q, %d edits, noted %v", rule, v.Denial, v.Field, len(x.Edits), x.Shadows)
		}
	}
	all := []string{"invisible", "bidi"}
	f(Invisible{Action: Block, Which: all}, true, 0, 0)
	f(Invisible{Action: Sanitize, Which: all}, false, 2, 0)
	f(Invisible{Action: Sanitize, Which: []string{"bidi"}}, false, 0, 0)
	f(Invisible{Action: Sanitize, Mode: filters.Shadow, Which: all}, false, 0, 1)
	f(Invisible{Action: Block, Mode: filters.Off, Which: all}, false, 0, 0)
}

// TestHiddenSecret: a secret that invisible characters have cut is hidden once they are gone, beside the others.
func TestHiddenSecret(t *testing.T) {
	cfg := sanitizing()
	cfg.Secrets = secretsRuleOf(Sanitize, filters.Enforce)
	x := chat(t, map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": "say \"" + token[:9] + "\u200b" + token[9:] + "\" and " + card + "\u202e"}}})
	v := judge(newFilter(t, cfg), x)
	want := `{"messages":[{"content":"say \"[redacted:github_token]\" and [redacted:card]","role":"user"}],"model":"m"}`
	if !v.Passed() || forwarded(x) != want || x.Sanitized != "invisible, secrets" {
		t.Errorf("%v, sanitized %q, forwarded %s", v.Denial, x.Sanitized, forwarded(x))
	}
}

// TestInvisibleOfManyKinds: text made of nothing but what is not seen takes time in proportion to its length.
func TestInvisibleOfManyKinds(t *testing.T) {
	text := strings.Repeat("é\u200d\ufe0f\u200c\U000e0041\u200d", 20000)
	u := unseenBidi | unseenOther
	if got := u.appendRest(nil, []byte(text)); u.in(got) {
		t.Errorf("%d bytes are left", len(got))
	}
}
