package telemetry

import "blaze/telemetry/setting"

// Config is the policy's telemetry section.
type Config struct {
	AccessLog AccessLog `yaml:"access_log" doc:"one JSON line per exchange"`
}

// AccessLog says which exchanges get their line; denials and errors always do.
type AccessLog struct {
	Sample setting.Percent `yaml:"sample" doc:"share of the served exchanges that get a line; denials and errors always do" default:"100%" example:"10%"`
}

// Configure takes the policy's section in; called at every swap.
func (t *Telemetry) Configure(c Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config = c
	t.access.sample(float64(c.AccessLog.Sample))
}
