package telemetry

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/rs/zerolog"

	"blaze/telemetry/audit"
)

// auditing writes security events, and the requests that the policy wants kept, to the audit log, if there is one.
type auditing struct {
	log    Logger
	target atomic.Pointer[auditTarget]

	stop func() // guarded by Telemetry.mu; ends the open file's writer
}

type auditTarget struct {
	file   *audit.Log // nil when it could not be opened
	err    error
	config Audit
}

// Write makes auditing the destination of its own logger.
func (a *auditing) Write(p []byte) (int, error) {
	if t := a.target.Load(); t != nil && t.file != nil {
		return t.file.Write(p)
	}
	return len(p), nil
}

// configure opens the audit log that c asks for. Caller holds Telemetry.mu.
func (a *auditing) configure(t *Telemetry, c *Audit) {
	old := a.target.Load()
	open := old != nil && old.file != nil
	switch {
	case c == nil && old == nil:
		return
	case c != nil && open && sameFile(old.config, *c):
		a.target.Store(&auditTarget{file: old.file, config: *c})
		return
	}
	if open { // closed before the next is opened: it may be the same file
		a.stop()
		_ = old.file.Close()
	}
	var next *auditTarget
	if c != nil {
		next = a.open(t, *c)
	}
	a.target.Store(next)
	if open && next != nil && next.file != nil {
		_, _ = next.file.Write(old.file.Take()) // what came in between
	}
}

func (a *auditing) open(t *Telemetry, c Audit) *auditTarget {
	file, err := audit.Open(audit.Options{Path: c.Path, Key: []byte(c.Key), MaxSize: int64(c.MaxSize), Keep: c.Keep})
	if err != nil {
		t.Log.Error().Err(err).Msg("security events are not audited")
		return &auditTarget{err: err, config: c}
	}
	a.stop = t.parts.add(file.Run)
	t.Metrics.counterFunc("blaze_log_dropped_total", func() float64 { return float64(file.Dropped()) }, "audit")
	return &auditTarget{file: file, config: c}
}

// sameFile reports whether two configurations write the same file in the same way.
func sameFile(a, b Audit) bool {
	return a.Path == b.Path && a.Key == b.Key && a.MaxSize == b.MaxSize && a.Keep == b.Keep
}

func (a *auditing) reopen() {
	if t := a.target.Load(); t != nil && t.file != nil {
		t.file.Reopen()
	}
}

func (a *auditing) flush() {
	if t := a.target.Load(); t != nil && t.file != nil {
		t.file.Flush()
	}
}

// AuditReady is an error while the audit log takes no more and the policy says closed about it: the proxy then refuses
// with filter_unavailable.
func (t *Telemetry) AuditReady() error {
	a := t.audit.target.Load()
	if a == nil || a.config.OnFull != FullClosed || a.file != nil && !a.file.Full() && !a.file.Failing() {
		return nil
	}
	return errAudit
}

var errAudit = errors.New("the audit log cannot be written")

// WantsRequest reports whether the audit log keeps requests with this outcome, and whether with their bodies: the proxy
// then fills Record.Request.
func (t *Telemetry) WantsRequest(denied bool) (request, body bool) {
	a := t.audit.target.Load()
	if a == nil || a.file == nil {
		return false, false
	}
	request = a.config.Record == RecordAll || a.config.Record == RecordDenied && denied
	return request, request && a.config.Bodies == BodiesFull
}

// exchange audits a denial, and whatever the policy wants kept.
func (a *auditing) exchange(r *Record) {
	t := a.target.Load()
	if t == nil || t.file == nil {
		return
	}
	denied := r.Filter != ""
	keep := t.config.Record == RecordAll || t.config.Record == RecordDenied && denied
	if !denied && !keep {
		return
	}
	e := a.log.Log()
	if denied {
		e.Str("kind", "denial")
	} else {
		e.Str("kind", "exchange")
	}
	who(e, r)
	e.Int("status", r.Status)
	denial(e, r)
	if keep && r.Request != nil {
		recorded(e, r.Request, t.config.Bodies == BodiesFull)
	}
	e.Send()
}

// recorded writes the request as blaze replay reads it. Credentials are left out whoever forgot to.
func recorded(e *zerolog.Event, q *Request, body bool) {
	d := zerolog.Dict().Str("target", MaskQuery(q.Target))
	headers := zerolog.Arr()
	for _, h := range q.Headers {
		if !secretName(h.Name) {
			headers.Dict(zerolog.Dict().Str("name", h.Name).Str("value", h.Value))
		}
	}
	d.Array("headers", headers).Strs("roles", q.Roles).Int("body_bytes", len(q.Body))
	if body {
		d.Str("body", string(q.Body))
	}
	e.Dict("request", d)
}

// secretName reports whether a header or query parameter of this name holds a credential.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range [...]string{"auth", "cookie", "token", "key", "secret", "passw", "otp", "session", "sig", "cred"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// MaskQuery replaces the values of query parameters whose names speak of credentials.
func MaskQuery(target string) string {
	path, query, ok := strings.Cut(target, "?")
	if !ok {
		return target
	}
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		if name, _, ok := strings.Cut(p, "="); ok && secretName(name) {
			pairs[i] = name + "=***"
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}
