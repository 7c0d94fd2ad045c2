package engine

// engines are all that Blaze knows, in the order the documentation names them. Built once, never changed.
var engines = []*Engine{
	build(Engine{Name: "vllm", Version: "main at 00b005cf60 (0.22)", Routes: vllmRoutes(), HealthPath: "/health", IncludeUsage: true}),
	build(Engine{Name: "sglang", Version: "main of 2026 (0.5)", Routes: sglangRoutes(), HealthPath: "/health", IncludeUsage: true}),
	build(Engine{Name: "tgi", Version: "main at 003eaec0fb (3.3)", Routes: tgiRoutes(), HealthPath: "/health", IncludeUsage: true}),
	build(Engine{Name: "triton", Version: "HTTP/REST of 2.6x, KServe v2 with extensions", Routes: tritonRoutes(), HealthPath: "/v2/health/ready"}),
	build(Engine{Name: "ollama", Version: "main at 00188139f1", Routes: ollamaRoutes(), HealthPath: "/", IncludeUsage: true}),
	build(Engine{Name: "llamacpp", Version: "master at 00dd081612", Routes: llamacppRoutes(), HealthPath: "/health", IncludeUsage: true,
		// With it a generation goes on after its client has left, and whoever knows the name may read it.
		Withheld: []string{"x-conversation-id"}}),
	build(Engine{Name: "openai", Version: "API of 2026-11", Routes: openaiRoutes(), HealthPath: "/v1/models", IncludeUsage: true}),
	build(Engine{Name: "none", Version: "-", Routes: []Route{
		{Name: "any", Method: "*", Path: "/*", Class: Inference, Shape: Opaque, Upgrade: true, Streams: true},
	}}),
}

func build(e Engine) *Engine {
	for i := range e.Routes {
		e.Routes[i].engine = &e
	}
	if e.Name == "none" {
		e.any = &e.Routes[0]
		e.any.modelFrom, e.any.modelTo = -1, -1
		return &e
	}
	e.tree = compile(e.Routes)
	return &e
}

// Lookup returns the engine with that name, and whether it exists.
func Lookup(name string) (*Engine, bool) {
	for _, e := range engines {
		if e.Name == name {
			return e, true
		}
	}
	return nil, false
}

// Names lists the engines in the order the documentation names them.
func Names() []string {
	var names []string
	for _, e := range engines {
		names = append(names, e.Name)
	}
	return names
}

// get, post and stream make the lines of the route tables.
func get(name, path string, c Class) Route {
	return Route{Name: name, Method: "GET", Path: path, Class: c, Shape: None}
}

func post(name, path string, c Class, s Shape) Route {
	return Route{Name: name, Method: "POST", Path: path, Class: c, Shape: s}
}

// stream is post for a route whose answer may be a stream.
func stream(name, path string, c Class, s Shape) Route {
	r := post(name, path, c, s)
	r.Streams = true
	return r
}

// with returns r under another method, its name marked with it.
func (r Route) with(method, suffix string) Route {
	r.Method, r.Name = method, r.Name+"."+suffix
	return r
}

// both is a route that an engine takes by GET and by POST alike.
func both(name, path string, c Class, s Shape) []Route {
	return []Route{post(name, path, c, s), {Name: name + ".get", Method: "GET", Path: path, Class: c, Shape: s}}
}

// fastAPI are the pages that a FastAPI application serves about itself; they tell every route it has.
func fastAPI() []Route {
	return []Route{
		get("docs", "/docs", Admin),
		get("docs.oauth", "/docs/oauth2-redirect", Admin),
		get("redoc", "/redoc", Admin),
		get("openapi", "/openapi.json", Admin),
	}
}
