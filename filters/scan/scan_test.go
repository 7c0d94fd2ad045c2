package scan

import (
	"encoding/json"
	"net/url"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
)

func newFilter(t testing.TB, cfg Config) *Filter {
	t.Helper()
	f, err := New(cfg, nil, filterstest.Env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// judge is head, then body.
func judge(f *Filter, x *filters.Exchange) filters.Verdict {
	if v := f.Request(x); !v.Passed() {
		return v
	}
	return f.Body(x)
}

func chat(t *testing.T, body map[string]any) *filters.Exchange {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\n\n"+string(b))
}

// TestModes: a rule in shadow is noted and refuses nothing; one that is off is not looked for.
func TestModes(t *testing.T) {
	attack := "GET /v1/models?q=" + url.QueryEscape("1' or '1'='1")
	f := func(mode filters.Mode, refused bool, noted int) {
		t.Helper()
		x := filterstest.New(t, attack)
		rule := Rule{Rollout: filters.Rollout{Mode: mode}}
		v := judge(newFilter(t, Config{SQLi: rule}), x)
		if v.Denied() != refused || len(x.Shadows) != noted {
			t.Errorf("%s: refused %v, noted %v", mode, v.Denied(), x.Shadows)
		}
	}
	f(filters.Enforce, true, 0)
	f(filters.Shadow, false, 1)
	f(filters.Off, false, 0)
}

// TestCleanIsRemembered: a header value that was clean is not judged again, and an attack is never remembered as clean.
func TestCleanIsRemembered(t *testing.T) {
	f := newFilter(t, Config{})
	for range 3 {
		if v := judge(f, filterstest.New(t, "GET /v1/models\nUser-Agent: OpenAI/Python 2.8.0\nX-Title: a title")); !v.Passed() {
			t.Fatalf("refused: %s", v.Rule)
		}
		if v := judge(f, filterstest.New(t, "GET /v1/models\nX-Title: <script>alert(1)</script>")); !v.Denied() {
			t.Fatal("an attack passed")
		}
		// Clean in one place is not clean in every place.
		if v := judge(f, filterstest.New(t, "GET /v1/models\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) or 1=1\nX-Title: x")); v.Failed() {
			t.Fatal("could not decide")
		}
	}
}
