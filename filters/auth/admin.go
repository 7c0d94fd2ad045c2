package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"blaze/telemetry/setting"
)

// maxAdminBody bounds a request to the admin port.
const maxAdminBody = 4 << 10

// revokeRequest is the body of POST /sessions/revoke. One of Token, Subject, Key is set.
type revokeRequest struct {
	Token   string `json:"token"`   // a jti
	Subject string `json:"subject"` // whose tokens until now, and keys, are refused
	Key     string `json:"key"`     // an API key's id
	For     string `json:"for"`     // "24h"; until it is lifted when absent
	Reason  string `json:"reason"`
	Lift    bool   `json:"lift"` // takes the revocation back instead
}

// revocation makes r what is revoked at now.
func (r revokeRequest) revocation(now time.Time) (Revocation, error) {
	out := Revocation{At: now, Reason: r.Reason}
	for kind, id := range map[Kind]string{RevokeToken: r.Token, RevokeSubject: r.Subject, RevokeKey: r.Key} {
		if id == "" {
			continue
		}
		if out.ID != "" {
			return out, ErrRevocation
		}
		out.Kind, out.ID = kind, id
	}
	if r.For != "" {
		d, err := time.ParseDuration(r.For)
		if err != nil || d <= 0 {
			return out, setting.Wrong("for", "a duration such as 24h", r.For)
		}
		out.Until = now.Add(d)
	}
	return out, out.check()
}

// SessionsHandler serves /sessions/revoke on the admin port, which guards it: POST revokes or lifts, GET lists. current
// returns the filter that serves, or nil where the policy has no auth section.
func SessionsHandler(current func() *Filter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := current()
		switch {
		case f == nil:
			answer(w, http.StatusNotFound, map[string]any{"error": "the policy has no auth section"})
		case r.Method == http.MethodGet:
			list := f.Revocations()
			answer(w, http.StatusOK, map[string]any{"revoked": append([]Revocation{}, list...)})
		case r.Method == http.MethodPost:
			f.serveRevoke(w, r)
		default:
			w.Header().Set("Allow", "GET, POST")
			answer(w, http.StatusMethodNotAllowed, map[string]any{"error": "GET or POST"})
		}
	})
}

func (f *Filter) serveRevoke(w http.ResponseWriter, r *http.Request) {
	var body revokeRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": `want {"token"|"subject"|"key": "…", "for": "24h", "reason": "…", "lift": false}`})
		return
	}
	what, err := body.revocation(f.now())
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
		return
	}
	if body.Lift {
		was, err := f.Lift(r.Context(), what.Kind, what.ID)
		if err != nil {
			answer(w, http.StatusServiceUnavailable, map[string]any{"error": err.Error()})
			return
		}
		answer(w, http.StatusOK, map[string]any{"lifted": was})
		return
	}
	switch err := f.Revoke(r.Context(), what); {
	case err == nil:
		answer(w, http.StatusOK, map[string]any{"revoked": what})
	case errors.Is(err, ErrFull):
		answer(w, http.StatusInsufficientStorage, map[string]any{"error": err.Error()})
	default: // in force here, and the caller must know that it may not be elsewhere
		answer(w, http.StatusAccepted, map[string]any{"revoked": what, "warning": err.Error()})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}
