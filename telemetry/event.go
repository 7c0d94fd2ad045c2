package telemetry

// Event is something a security engineer wants to find again.
type Event struct {
	Kind                                   string // denial, ban, login_failed, reload, admin
	RequestID, Client, Subject, Rule, Note string
}

// Event records a security event.
func (t *Telemetry) Event(e Event) {
	t.Metrics.Counter("blaze_security_events_total", e.Kind).Inc()
	line := t.Log.Info()
	str(line, "kind", e.Kind)
	str(line, "request_id", e.RequestID)
	str(line, "client", e.Client)
	str(line, "subject", e.Subject)
	str(line, "rule", e.Rule)
	str(line, "note", e.Note)
	line.Msg("security event")
}
