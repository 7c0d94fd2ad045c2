package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// notice is said in every answer.
const notice = "blaze demo backend: a test server, not a model"

// maxBody bounds a request body, as engines do.
const maxBody = 64 << 20

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/chat/completions", s.generation(s.chat))
	mux.Handle("POST /v1/completions", s.generation(s.completions))
	mux.Handle("POST /v1/embeddings", s.generation(s.embeddings))
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("GET /v1/models/{model...}", s.model)
	mux.HandleFunc("GET /v1/realtime", s.realtime)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]string{"version": "demo"}) })
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, 404, "", "not_found", "no such route: "+r.URL.Path)
	})

	own := http.NewServeMux()
	own.HandleFunc("GET /demo/behavior", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, s.Behavior()) })
	own.HandleFunc("POST /demo/behavior", s.behave)
	own.HandleFunc("POST /demo/step", func(w http.ResponseWriter, _ *http.Request) { s.Step(1); answer(w, 200, s.Stats()) })
	own.HandleFunc("GET /demo/stats", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, s.Stats()) })
	own.Handle("/", s.recorded(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.running.RLock()
		defer s.running.RUnlock()
		w.Header().Set("X-Demo-Server", notice)
		own.ServeHTTP(w, r)
	})
}

// behave replaces the behavior by the request's JSON object, whole.
func (s *Server) behave(w http.ResponseWriter, r *http.Request) {
	var b Behavior
	err := b.read(r.Body)
	if err == nil {
		err = b.check()
	}
	if err != nil {
		fail(w, 400, "", "invalid_request", err.Error())
		return
	}
	s.Behave(b)
	answer(w, 200, b)
}

// recorded reads the whole request before anything is answered, and keeps it.
func (s *Server) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		rec := Request{Body: body, Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone()}
		if t, ok := r.Context().Value(tapKey{}).(*tap); ok {
			rec.Head = t.head()
		}
		s.ledger.record(rec)
		if err != nil {
			fail(w, 400, "", "invalid_request", "cannot read the body: "+err.Error())
			return
		}
		b, err := s.Behavior().forRequest(r.Header)
		if err != nil {
			fail(w, 400, "", "invalid_request", err.Error())
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r.WithContext(withCall(r.Context(), &call{Behavior: b, body: body})))
	})
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	list := []any{}
	for _, m := range s.opts.Models {
		list = append(list, modelObject(m))
	}
	answer(w, 200, map[string]any{"object": "list", "data": list})
}

func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	m := r.PathValue("model")
	if !slices.Contains(s.opts.Models, m) {
		noModel(w, m)
		return
	}
	answer(w, 200, modelObject(m))
}

func modelObject(name string) any {
	return map[string]any{"id": name, "object": "model", "created": 1700000000, "owned_by": "blaze-demo"}
}

// metrics shows what vLLM shows of its load, under vLLM's names.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintf(w, "vllm:num_requests_running %d\nvllm:num_requests_waiting 0\n", s.Stats().InFlight)
}

// answer sends v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// fail sends an OpenAI error.
func fail(w http.ResponseWriter, status int, param, code, message string) {
	kind := "invalid_request_error"
	if status >= 500 {
		kind = "server_error"
	}
	answer(w, status, errorObject(kind, param, code, message))
}

func errorObject(kind, param, code, message string) any {
	e := map[string]any{"message": message, "type": kind, "param": nil, "code": code}
	if param != "" {
		e["param"] = param
	}
	return map[string]any{"error": e}
}

func noModel(w http.ResponseWriter, name string) {
	fail(w, 404, "model", "model_not_found", fmt.Sprintf("the model %q does not exist", name))
}
