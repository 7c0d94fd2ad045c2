package telemetry

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// SecurityStatus is what /security/status answers: who was refused, by what, since the process started.
type SecurityStatus struct {
	Time           time.Time        `json:"time"`
	Since          time.Time        `json:"since"`
	Denials        []RuleCount      `json:"denials"` // most first
	DenialsByClass map[string]int64 `json:"denials_by_class"`
	Shadow         []RuleCount      `json:"shadow"`
	FailedLogins   int64            `json:"failed_logins"`
	Bans           any              `json:"bans"`
	TopOffenders   []OffenderJSON   `json:"top_offenders"`
	Events         []TimedEvent     `json:"events"` // newest first
	Audit          AuditStatus      `json:"audit"`
}

// RuleCount is how often one rule refused, or would have.
type RuleCount struct {
	Filter string `json:"filter"`
	Rule   string `json:"rule"`
	Code   string `json:"code,omitempty"`
	Count  int64  `json:"count"`
}

// AuditStatus is how the audit log does.
type AuditStatus struct {
	Status  string `json:"status"` // off, ok, degraded (lines lost or waiting) or down
	Dropped int64  `json:"dropped"`
	Error   string `json:"error,omitempty"`
}

func (a *Admin) securityStatus(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.t.securityStatus(a.o.Bans))
}

func (t *Telemetry) securityStatus(bans func() any) SecurityStatus {
	s := SecurityStatus{
		Time: t.now().UTC(), Since: t.began.UTC(), DenialsByClass: map[string]int64{}, Bans: []any{},
		FailedLogins: t.threats.logins.Load(), TopOffenders: t.threats.worst(20), Events: t.threats.last(50), Audit: t.audit.status(),
	}
	s.Denials, s.Shadow = ruleCounts(&t.counts.denials), ruleCounts(&t.counts.shadows)
	for _, d := range s.Denials {
		s.DenialsByClass[d.Code] += d.Count
	}
	if bans != nil {
		s.Bans = bans()
	}
	return s
}

func ruleCounts(c *cache[denialKey, *Counter]) []RuleCount {
	out := []RuleCount{}
	c.each(func(k denialKey, n *Counter) { out = append(out, RuleCount{k.filter, k.rule, k.code, n.Value()}) })
	slices.SortFunc(out, func(a, b RuleCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Filter, b.Filter), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Code, b.Code))
	})
	return out
}

func (a *auditing) status() AuditStatus {
	t := a.target.Load()
	switch {
	case t == nil:
		return AuditStatus{Status: "off"}
	case t.file == nil:
		return AuditStatus{Status: StatusDown, Error: t.err.Error()}
	}
	s := AuditStatus{Status: StatusOK, Dropped: t.file.Dropped()}
	if t.file.Failing() || t.file.Full() {
		s.Status = StatusDegraded
	}
	return s
}

// ErrorsSummary is what /errors/summary answers.
type ErrorsSummary struct {
	Time   time.Time   `json:"time"`
	Since  time.Time   `json:"since"`
	Errors []ErrorJSON `json:"errors"`
}

func (a *Admin) errorsSummary(w http.ResponseWriter, _ *http.Request) {
	now := a.t.now()
	writeJSON(w, http.StatusOK, ErrorsSummary{now.UTC(), a.t.began.UTC(), a.t.errors.summary(now)})
}

// recentRequests answers with the log lines of the last exchanges, all or those with ?request_id=, ?client=, ?subject=
// or ?status=… ; newest first.
func (a *Admin) recentRequests(w http.ResponseWriter, r *http.Request) {
	var parts []string
	for _, field := range []string{"request_id", "client", "subject", "code", "rule"} {
		if v := r.URL.Query().Get(field); v != "" {
			parts = append(parts, jsonField(field, v))
		}
	}
	if r.URL.Query().Get("failed") != "" {
		parts = append(parts, `"code":"`)
	}
	writeJSON(w, http.StatusOK, map[string]any{"requests": a.t.recent.last(100, parts...)})
}
