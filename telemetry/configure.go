package telemetry

import "blaze/telemetry/sink"

// Configure takes the policy's section in; called at every swap. What did not change goes on as it is. What cannot be
// opened is said in the log and in /health/detailed; the policy serves all the same, unless its audit log is to be
// closed about it.
func (t *Telemetry) Configure(c Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.access.sample(float64(c.AccessLog.Sample))
	t.configureAccess(c.AccessLog)
	t.audit.configure(t, c.Audit)
	t.configureHistory(c.History)
	t.configureCustom(c.CustomMetrics)
	t.configureAlerts(&c)
	t.configureTracing(c.Tracing)
	t.configureProbes(c.HealthChecks)
	t.configurePush(c.Push)
	t.exports.Store(&c.Exports)
}

// configureAccess moves the exchanges' lines to a file of their own, or back into the process's log. Caller holds mu.
func (t *Telemetry) configureAccess(c AccessLog) {
	old := t.accessFile
	if old.is(c.Path, int64(c.MaxSize), c.Keep) || old == nil && c.Path == "" {
		return
	}
	t.accessFile = nil
	if c.Path == "" {
		t.outlet.to.Store(t.batch)
		old.close()
		return
	}
	file, err := sink.OpenFile(c.Path, int64(c.MaxSize), c.Keep)
	if err != nil {
		t.Log.Error().Err(err).Msg("access log goes to the process's log instead")
		t.outlet.to.Store(t.batch)
		old.close()
		return
	}
	f := &logFile{path: c.Path, maxSize: int64(c.MaxSize), keep: c.Keep, file: file, batch: sink.NewBatch(tee{&t.recent, file}, 0)}
	f.stop = t.parts.add(f.batch.Run)
	t.Metrics.counterFunc("blaze_log_dropped_total", func() float64 { return float64(f.batch.Dropped()) }, "access")
	t.outlet.to.Store(f.batch)
	t.accessFile = f
	old.close()
}

// Reopen opens log files again, after somebody moved them (SIGHUP).
func (t *Telemetry) Reopen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accessFile != nil {
		t.accessFile.file.Reopen()
	}
	t.audit.reopen()
}

// Flush writes what the logs still hold in memory, for a process that is about to end.
func (t *Telemetry) Flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batch.Flush()
	if t.accessFile != nil {
		t.accessFile.batch.Flush()
	}
	t.audit.flush()
}
