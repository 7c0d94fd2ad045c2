package policy

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// maxExplained bounds the request that an explanation is asked for.
const maxExplained = 32 << 20

// Handlers are the policy's endpoints of the admin port, by pattern; whoever mounts them guards them.
func (s *Store) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /policy":          http.HandlerFunc(s.serveView),
		"POST /policy/reload":  http.HandlerFunc(s.serveReload),
		"POST /policy/explain": http.HandlerFunc(s.serveExplain),
	}
}

// View is what GET /policy answers: the policy that serves, secrets masked, and how it came to serve.
type View struct {
	Hash       string         `json:"hash"`
	Loaded     time.Time      `json:"loaded"`
	AgeSeconds int64          `json:"age_seconds"`
	Files      []string       `json:"files"`
	Warnings   []finding      `json:"warnings"`
	LastError  *failure       `json:"last_error"` // of a reload that was refused since; null when none was
	Changes    []Change       `json:"changes"`    // to the policy that served before
	Policy     map[string]any `json:"policy"`
}

type failure struct {
	At       time.Time `json:"at"`
	Problems []finding `json:"problems"`
}

// View returns what the policy endpoint shows now.
func (s *Store) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.Current()
	v := View{
		Hash: snap.Hash, Loaded: snap.Loaded.UTC(), AgeSeconds: int64(s.o.Now().Sub(snap.Loaded).Seconds()),
		Files: snap.Sources, Warnings: findings(snap.Warnings), Changes: notNil(s.changes), Policy: snap.view,
	}
	if s.lastErr != nil {
		v.LastError = &failure{At: s.failed.UTC(), Problems: findings(ProblemsIn(s.lastErr))}
	}
	return v
}

func (s *Store) serveView(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.View()) }

// serveReload reloads now, and says what is wrong with the policy when it is refused.
func (s *Store) serveReload(w http.ResponseWriter, _ *http.Request) {
	before := s.Current()
	if err := s.Reload(); err != nil {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"status": "refused", "serving": before.Hash, "problems": findings(ProblemsIn(err))})
		return
	}
	after, status := s.Current(), "unchanged"
	if after != before {
		status = "reloaded"
	}
	answer(w, http.StatusOK, map[string]any{"status": status, "serving": after.Hash, "warnings": findings(after.Warnings)})
}

// serveExplain explains the HTTP request in the body by the policy that serves. ?client= is the caller's address and ?key=
// the id of the API key it is taken to have.
func (s *Store) serveExplain(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxExplained))
	if err != nil {
		status := http.StatusBadRequest
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		answer(w, status, map[string]string{"error": err.Error()})
		return
	}
	client := netip.MustParseAddr("192.0.2.1")
	if q := r.URL.Query().Get("client"); q != "" {
		if client, err = netip.ParseAddr(q); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "client: want an IP address"})
			return
		}
	}
	call, err := ParseCall(text, client.Unmap(), r.URL.Query().Get("key"), s.o.Now())
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	trace, err := s.Current().Explain(call, s.o.Gate)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, trace)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the caller has gone
}
