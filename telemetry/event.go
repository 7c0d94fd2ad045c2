package telemetry

import "github.com/rs/zerolog"

// Event is something a security engineer wants to find again.
type Event struct {
	Kind                                   string // denial, ban, login_failed, reload, admin
	RequestID, Client, Subject, Rule, Note string
}

// Event records a security event: in the log, the audit log, /security/status and a counter. Denials are recorded by
// Exchange; a filter reports what a denial does not say. The strings are copied.
func (t *Telemetry) Event(e Event) {
	one(&t.counts.events, t.Metrics, "blaze_security_events_total", e.Kind).Inc()
	t.threats.happened(t.now(), e)
	line := t.Log.Info()
	e.fields(line)
	line.Msg("security event")
	line = t.audit.log.Log()
	e.fields(line)
	line.Send()
}

func (e Event) fields(line *zerolog.Event) {
	str(line, "kind", e.Kind)
	str(line, "request_id", e.RequestID)
	str(line, "client", e.Client)
	str(line, "subject", e.Subject)
	str(line, "rule", e.Rule)
	str(line, "note", e.Note)
}
