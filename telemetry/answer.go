package telemetry

import (
	"encoding/json"
	"log"
	"net/http"
	"strings"
	"time"
)

// common is what every answer of the admin port has: bounds, headers that keep a browser from guessing, and errors as
// JSON.
func common(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(adminWriteTimeout))
		r.Body = http.MaxBytesReader(w, r.Body, adminMaxBody)
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r) // again through the mux: it fills r.PathValue
			return
		}
		probe := &answerProbe{header: http.Header{}}
		handler.ServeHTTP(probe, r)
		if probe.status == http.StatusMethodNotAllowed {
			h.Set("Allow", probe.header.Get("Allow"))
			writeError(w, probe.status, "This endpoint takes "+probe.header.Get("Allow")+" only.")
			return
		}
		writeError(w, http.StatusNotFound, "There is no such endpoint on the admin port.")
	})
}

// answerProbe learns what the mux would answer.
type answerProbe struct {
	header http.Header
	status int
}

func (p *answerProbe) Header() http.Header         { return p.header }
func (p *answerProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *answerProbe) WriteHeader(status int)      { p.status = status }

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeError(w, http.StatusInternalServerError, "The answer could not be written as JSON.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// errorCodes are the codes of the admin port's own errors, in the contract's shape of an error.
func errorCode(status int) (kind, code string) {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error", "invalid_admin_token"
	case http.StatusForbidden:
		return "permission_error", "admin_access_denied"
	case http.StatusNotFound:
		return "invalid_request_error", "unknown_endpoint"
	case http.StatusMethodNotAllowed:
		return "invalid_request_error", "method_not_allowed"
	case http.StatusInternalServerError:
		return "server_error", "internal_error"
	}
	return "invalid_request_error", "invalid_request"
}

func writeError(w http.ResponseWriter, status int, message string) {
	kind, code := errorCode(status)
	writeJSON(w, status, map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": code}})
}

// stdLog makes net/http's complaints debug lines.
func stdLog(l Logger) *log.Logger { return log.New(debugLines{l}, "", 0) }

type debugLines struct{ log Logger }

func (d debugLines) Write(p []byte) (int, error) {
	d.log.Debug().Str("server", "admin").Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}
