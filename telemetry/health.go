package telemetry

import (
	"fmt"
	"net/http"
	"time"
)

// The words for how a part does, best first.
const (
	StatusOK       = "ok"
	StatusDegraded = "degraded"
	StatusDown     = "down"
)

// live says that the process answers, nothing more: a restart would not help a model server that is down.
func (a *Admin) live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": StatusOK})
}

// ready says whether traffic should come here. Why not is for those who may see the details.
func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	if a.notReady() != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "not_ready"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": StatusOK})
}

// health is ready with a word for a person: ok, degraded or down.
func (a *Admin) health(w http.ResponseWriter, _ *http.Request) {
	if a.notReady() != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": StatusDown})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": StatusOK})
}

func (a *Admin) notReady() error {
	if a.o.Ready != nil {
		if err := a.o.Ready(); err != nil {
			return err
		}
	}
	return a.t.criticalDown()
}

// Health is what /health/detailed answers.
type Health struct {
	Status        string                 `json:"status"`
	Reason        string                 `json:"reason,omitempty"`
	Version       string                 `json:"version"`
	Time          time.Time              `json:"time"`
	UptimeSeconds int64                  `json:"uptime_seconds"`
	Checks        map[string]HealthCheck `json:"checks"`
}

// HealthCheck is one part of it.
type HealthCheck struct {
	Status string `json:"status"`
	Detail any    `json:"detail,omitempty"`
}

// healthDetailed answers 200 whatever it says: it is read by people and dashboards, /ready by probes.
func (a *Admin) healthDetailed(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.detail())
}

func (a *Admin) detail() Health {
	now := time.Now()
	h := Health{
		Status: StatusOK, Version: a.t.version, Time: now.UTC(),
		UptimeSeconds: int64(now.Sub(a.t.began).Seconds()), Checks: map[string]HealthCheck{},
	}
	for _, c := range a.checks() {
		h.Checks[unused(h.Checks, c.Name)] = HealthCheck{c.Status, c.Detail}
		if c.Status != StatusOK {
			h.Status = StatusDegraded
		}
	}
	if err := a.notReady(); err != nil {
		h.Status, h.Reason = StatusDown, err.Error()
	}
	return h
}

func (a *Admin) checks() []Check {
	checks := a.t.checks()
	if a.o.Checks != nil {
		checks = append(checks, a.o.Checks()...)
	}
	return checks
}

// checks are telemetry's own parts.
func (t *Telemetry) checks() []Check {
	status := StatusOK
	if t.batch.Failing() {
		status = StatusDegraded
	}
	checks := []Check{{Name: "log", Status: status, Detail: map[string]any{"dropped": t.batch.Dropped()}}}
	if a := t.audit.status(); a.Status != "off" {
		checks = append(checks, Check{Name: "audit", Status: a.Status, Detail: a})
	}
	checks = append(checks, t.disks()...)
	if list := t.probes.Load(); list != nil {
		for _, p := range *list {
			checks = append(checks, p.part())
		}
	}
	return checks
}

// unused is name, or name with a number when two parts have the same.
func unused(m map[string]HealthCheck, name string) string {
	if _, taken := m[name]; !taken {
		return name
	}
	for i := 2; ; i++ {
		n := fmt.Sprintf("%s#%d", name, i)
		if _, taken := m[n]; !taken {
			return n
		}
	}
}
