package behavior

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"blaze/filters"
)

const (
	maxAdminBody = 4 << 10
	maxListed    = 1000
)

// View is a ban as the admin port shows it. ID is what DELETE /bans/ID lifts.
type View struct {
	ID       string    `json:"id"`
	Address  string    `json:"address,omitempty"`
	Identity string    `json:"identity,omitempty"`
	Issuer   string    `json:"issuer,omitempty"` // "*" is whoever has that subject
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	By       string    `json:"by"` // auto or admin
	Reason   string    `json:"reason"`
	Count    int       `json:"count"`            // in a row
	Shadow   bool      `json:"shadow,omitempty"` // refuses nobody, since the rule is in shadow
}

func (t *Tracker) view(b *Ban) View {
	v := View{
		ID: b.Target.String(), Identity: b.Subject, Issuer: b.Issuer, Since: b.Since.UTC(), Until: b.Until.UTC(),
		By: b.By, Reason: b.Reason, Count: b.Count, Shadow: b.By == byScore && t.cfg.Mode != filters.Enforce,
	}
	if b.Net.IsValid() {
		v.Address = v.ID
	}
	return v
}

// Views are the bans in force, the last placed first; at most the last thousand. A nil Tracker has none.
func (t *Tracker) Views() []View {
	if t == nil {
		return []View{}
	}
	list := t.Bans()
	out := make([]View, 0, min(len(list), maxListed))
	for i := range list[:min(len(list), maxListed)] {
		out = append(out, t.view(&list[i]))
	}
	return out
}

// Handlers are the endpoints of the admin port, by pattern; whoever mounts them guards them. current returns the tracker
// that serves, or nil where the policy has the scan off.
func Handlers(current func() *Tracker) map[string]http.Handler {
	with := func(f func(t *Tracker, w http.ResponseWriter, r *http.Request)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if t := current(); t != nil {
				f(t, w, r)
				return
			}
			refused(w, http.StatusConflict, "the policy has filters.scan off: nobody is banned")
		})
	}
	return map[string]http.Handler{
		"GET /bans":                with((*Tracker).serveList),
		"POST /bans":               with((*Tracker).servePlace),
		"DELETE /bans/{target...}": with((*Tracker).serveLift),
	}
}

func (t *Tracker) serveList(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"bans": t.Views(), "total": len(t.Bans())})
}

// placing is the body of POST /bans.
type placing struct {
	Address  string `json:"address"`  // an address or a network
	Identity string `json:"identity"` // a subject
	Issuer   string `json:"issuer"`   // whose tokens name it; any when absent
	For      string `json:"for"`      // "24h"; the policy's ban when absent
	Reason   string `json:"reason"`
}

func (t *Tracker) servePlace(w http.ResponseWriter, r *http.Request) {
	var p placing
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		refused(w, http.StatusBadRequest, `want {"address": "203.0.113.7" or "203.0.113.0/24", or "identity": "SUBJECT"; "for": "24h", "reason": "…"}`)
		return
	}
	target, err := newTarget(p.Address, p.Identity, p.Issuer)
	var length time.Duration
	if err == nil && p.For != "" {
		if length, err = time.ParseDuration(p.For); err != nil || length <= 0 {
			err = errTime
		}
	}
	if err == nil && !fit(p.Reason) {
		err = fmt.Errorf("want a reason of at most %d bytes, without control characters", maxText)
	}
	if err != nil {
		refused(w, http.StatusBadRequest, err.Error())
		return
	}
	b, err := t.Place(target, length, p.Reason)
	switch {
	case errors.Is(err, ErrFull):
		refused(w, http.StatusInsufficientStorage, err.Error())
	case err != nil:
		refused(w, http.StatusBadRequest, err.Error())
	default:
		t.done(w, r, map[string]any{"ban": t.view(&b)})
	}
}

// serveLift lifts the ban whose id is the rest of the path. That of an identity is for all that have the subject, unless
// ?issuer= names one.
func (t *Tracker) serveLift(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("target")
	address, identity := id, ""
	if subject, ok := strings.CutPrefix(id, identityMark); ok {
		address, identity = "", subject
	}
	target, err := newTarget(address, identity, "")
	if err != nil {
		refused(w, http.StatusBadRequest, err.Error())
		return
	}
	all := []Target{target}
	if q := r.URL.Query(); identity != "" && q.Has("issuer") {
		all[0].Issuer = q.Get("issuer")
	} else if identity != "" {
		all = t.named(identity)
	}
	was := false
	for _, one := range all {
		was = t.Lift(one) || was
	}
	if !was {
		refused(w, http.StatusNotFound, t.notBanned(target))
		return
	}
	t.done(w, r, map[string]any{"lifted": id})
}

// named are the targets with a subject that are banned now, whoever issued it.
func (t *Tracker) named(subject string) (all []Target) {
	for _, b := range t.Bans() {
		if !b.Net.IsValid() && b.Subject == subject {
			all = append(all, b.Target)
		}
	}
	return all
}

// notBanned says which ban an address is under, where it has none of its own.
func (t *Tracker) notBanned(target Target) string {
	if wide := t.bans.wide.Load(); wide != nil && target.Net.IsValid() {
		if net, in := wide.Lookup(target.Net.Addr()); in {
			return fmt.Sprintf("there is no ban of %s alone; its network %s is banned", target, net)
		}
	}
	return fmt.Sprintf("there is no ban of %s", target)
}

// done answers for what is in force here; where the other replicas could not be told at once, the caller must know.
func (t *Tracker) done(w http.ResponseWriter, r *http.Request, body map[string]any) {
	status := http.StatusOK
	if t.remote != nil && t.look(r.Context()) != nil {
		status = http.StatusAccepted
		body["warning"] = "cannot reach Redis: in force on this replica now, on the others when it is back"
	}
	answer(w, status, body)
}

// refused answers with an error of the contract's shape.
func refused(w http.ResponseWriter, status int, why string) {
	answer(w, status, map[string]any{"error": map[string]any{"message": why, "type": "invalid_request_error", "param": nil, "code": "invalid_request"}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}
