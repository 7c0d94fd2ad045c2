package engine

import (
	"strings"
	"testing"
)

func match(t *testing.T, engine, method, path string) (*Route, string) {
	t.Helper()
	e, ok := Lookup(engine)
	if !ok {
		t.Fatalf("no engine %q", engine)
	}
	var p Path
	if err := p.Parse([]byte(path)); err != nil {
		t.Fatalf("%q: %v", path, err)
	}
	return e.Match([]byte(method), &p)
}

func TestMatch(t *testing.T) {
	f := func(engine, method, path, wantRoute, wantAllow string) {
		t.Helper()
		r, allow := match(t, engine, method, path)
		name := ""
		if r != nil {
			name = r.Name
		}
		if name != wantRoute || allow != wantAllow {
			t.Errorf("%s %s %s: want %q, allow %q; got %q, %q", engine, method, path, wantRoute, wantAllow, name, allow)
		}
	}
	f("vllm", "POST", "/v1/chat/completions", "chat.completions", "")
	f("vllm", "GET", "/v1/chat/completions", "", "POST")
	f("vllm", "OPTIONS", "/v1/models", "", "GET, HEAD")
	f("vllm", "HEAD", "/v1/models", "models", "")
	f("vllm", "HEAD", "/v1/chat/completions", "", "POST")
	f("vllm", "get", "/v1/models", "", "GET, HEAD")
	f("vllm", "GET", "/v1/models/llama", "models.retrieve", "")
	f("vllm", "GET", "/v1/models/org%2Fllama", "models.retrieve", "")
	f("vllm", "GET", "/v1/models/org/llama", "models.retrieve.slash", "")
	f("vllm", "GET", "/v1/models/", "", "")
	f("vllm", "GET", "/V1/models", "", "")
	f("vllm", "GET", "/v1%2Fmodels", "", "")
	f("vllm", "GET", "/v1/models.", "", "")
	f("vllm", "POST", "/v1/responses/resp_1/cancel", "responses.cancel", "")
	f("vllm", "POST", "/collective_rpc", "collective_rpc", "")
	f("vllm", "POST", "/api/pull", "", "")
	f("vllm", "GET", "/", "", "")
	f("sglang", "PUT", "/generate", "generate.put", "")
	f("sglang", "DELETE", "/generate", "", "POST, PUT")
	f("sglang", "GET", "/flush_cache", "flush_cache.get", "")
	f("sglang", "GET", "/", "root", "")
	f("triton", "POST", "/v2/models/llama/infer", "model.infer", "")
	f("triton", "POST", "/v2/models/llama/versions/3/infer", "version.infer", "")
	f("triton", "GET", "/v2/models/stats", "stats", "")
	f("triton", "GET", "/v2/models/stats/config", "model.config", "")
	f("triton", "POST", "/v2/repository/index", "repository.index", "")
	f("triton", "POST", "/v2/repository/r/models/m/load", "repository.load.named", "")
	f("ollama", "DELETE", "/api/delete", "delete", "")
	f("ollama", "HEAD", "/api/blobs/sha256:00", "blobs.head", "")
	f("ollama", "GET", "/api/blobs/sha256:00", "", "HEAD, POST")
	f("tgi", "GET", "/", "root", "")
	f("tgi", "POST", "/", "generate.compat", "")
	f("none", "PATCH", "/any/thing/", "any", "")
	f("none", "BREW", "/any/thing/", "", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
	f("triton", "POST", "/v1/models/llama/load", "models.load", "")
	f("triton", "GET", "/health/ready", "ready.openai", "")
	f("llamacpp", "POST", "/completion", "completion", "")
	f("llamacpp", "POST", "/slots/0", "slots.action", "")
	f("llamacpp", "GET", "/props", "props", "")
	f("llamacpp", "GET", "/infill", "", "POST")
	f("openai", "DELETE", "/v1/models/ft:x", "models.delete", "")
}

func TestModelIn(t *testing.T) {
	f := func(engine, method, path, want string) {
		t.Helper()
		r, _ := match(t, engine, method, path)
		var p Path
		_ = p.Parse([]byte(path))
		if got := string(r.ModelIn(&p)); got != want {
			t.Errorf("%s: want %q; got %q", path, want, got)
		}
	}
	f("triton", "POST", "/v2/models/llama/versions/3/infer", "llama")
	f("triton", "POST", "/v2/repository/models/a%2Fb/load", "a/b")
	f("triton", "POST", "/v1/models/llama/unload", "llama")
	f("vllm", "GET", "/v1/models/org/llama", "org/llama")
	f("vllm", "GET", "/v1/models/org%2Fllama", "org/llama")
	f("vllm", "POST", "/v1/chat/completions", "")
}

func TestTablesAreWhole(t *testing.T) {
	routes := 0
	for _, name := range Names() {
		e, _ := Lookup(name)
		if e.Name != name || e.Version == "" || len(e.Routes) == 0 {
			t.Errorf("engine %q is not whole", name)
		}
		if e.any != nil {
			continue
		}
		for i := range e.Routes {
			r := &e.Routes[i]
			routes++
			if r.Class == 0 || r.Name == "" || r.Class.String() == "" || r.Shape.String() == "" {
				t.Errorf("%s %s %s has no name, class or shape", name, r.Method, r.Path)
			}
			got, _ := match(t, name, r.Method, fill(r.Path))
			if got != r {
				t.Errorf("%s %s %s leads elsewhere", name, r.Method, r.Path)
			}
		}
	}
	if routes < 200 {
		t.Errorf("only %d routes", routes)
	}
	for s := Shape(0); int(s) < len(specs); s++ {
		if specs[s] == nil {
			t.Errorf("shape %v has no table", s)
		}
	}
}

// fill puts a name in the place of each parameter.
func fill(path string) string {
	segs := strings.Split(path, "/")
	for i, s := range segs {
		if strings.HasPrefix(s, "{") {
			segs[i] = "zz"
		}
	}
	return strings.Join(segs, "/")
}

func TestMatchAllocatesNothing(t *testing.T) {
	e, _ := Lookup("vllm")
	path, method := []byte("/v1/models/org%2Fllama"), []byte("GET")
	var p Path
	if n := testing.AllocsPerRun(200, func() {
		if p.Parse(path) != nil {
			t.Fatal("refused")
		}
		if r, _ := e.Match(method, &p); r == nil {
			t.Fatal("no route")
		}
	}); n != 0 {
		t.Errorf("want no allocation; got %v", n)
	}
}
