package telemetry

import (
	"errors"
	"time"

	"blaze/telemetry/history"
	"blaze/telemetry/setting"
)

// Config is the policy's telemetry section.
type Config struct {
	AccessLog AccessLog `yaml:"access_log" doc:"one JSON line per exchange"`
	Audit     *Audit    `yaml:"audit" doc:"security events in a file with a hash chain; off when absent"`
	Tracing   *Tracing  `yaml:"tracing" doc:"OpenTelemetry spans; none are made when absent"`
	History   History   `yaml:"history" doc:"the recent past of every metric, in memory"`

	CustomMetrics []CustomMetric `yaml:"custom_metrics" doc:"counters of the policy's own" example:"[{name: tokens_by_tenant, count: usage.total_tokens, labels: {tenant: identity.tenant}}]"`
	Exports       []Export       `yaml:"exports" doc:"other forms of the metrics, made by templates" example:"[{name: influx, template: influx.tmpl}]"`
	Push          *Push          `yaml:"push" doc:"metrics are sent somewhere too"`
	HealthChecks  []HealthProbe  `yaml:"health_checks" doc:"what else has to be up" example:"[{name: vector-db, url: \"http://127.0.0.1:6333/healthz\"}]"`

	Alerts        []AlertRule `yaml:"alerts" doc:"conditions over metrics that somebody should know of" example:"[{name: upstream-errors, when: \"error_rate > 5%\", for: 1m}]"`
	AlertPresets  bool        `yaml:"alert_presets" doc:"watch errors, overhead, queue, CPU, memory, disk, lost log lines and refused policies too" default:"true"`
	AlertWebhooks []string    `yaml:"alert_webhooks" doc:"where alerts are sent: Slack incoming webhooks, or Alertmanager's API v2" example:"[http://127.0.0.1:9093/api/v2/alerts]"`
}

// History says how much of the past is kept.
type History struct {
	Keep time.Duration `yaml:"keep" doc:"how long minutes are kept, from 1h to 720h; ten-second steps are kept for an hour" default:"24h" example:"48h"`
	Path string        `yaml:"path" doc:"file that keeps the past over a restart; empty is none" example:"history.bin"`
}

// AccessLog says which exchanges get their line, and where it goes; denials and errors always get theirs.
type AccessLog struct {
	Sample  setting.Percent `yaml:"sample" doc:"share of the served exchanges that get a line; denials and errors always do" default:"100%" example:"10%"`
	Path    string          `yaml:"path" doc:"file for these lines; empty is the process's own log" example:"access.jsonl"`
	MaxSize setting.Bytes   `yaml:"max_size" doc:"the file is moved aside when it is larger; 0 is never (SIGHUP opens it again)" default:"0" example:"256MiB"`
	Keep    int             `yaml:"keep" doc:"how many files that were moved aside are kept" default:"5" example:"5"`
}

// Audit says what the audit log keeps. Security events are always in it.
type Audit struct {
	Path    string        `yaml:"path" doc:"the audit log's file" default:"audit.jsonl" example:"audit.jsonl"`
	Record  Recording     `yaml:"record" doc:"which requests are kept for blaze replay: none, denied or all" default:"denied" example:"all"`
	Bodies  Bodies        `yaml:"bodies" doc:"whether a kept request has its body, prompts included: none or full" default:"none" example:"full"`
	Key     string        `yaml:"key" doc:"makes the hash chain one that only the key's holder can write" example:"${file:/run/secrets/audit.key}"`
	MaxSize setting.Bytes `yaml:"max_size" doc:"the file is moved aside when it is larger; 0 is never" default:"0" example:"1GiB"`
	Keep    int           `yaml:"keep" doc:"how many files that were moved aside are kept" default:"10" example:"10"`
	OnFull  OnFull        `yaml:"on_full" doc:"what follows when the disk takes no more: drop counts and goes on, closed refuses requests with 503" default:"drop" example:"closed"`
}

// Prepare makes the section ready for Configure when a policy is compiled: file names resolved against the policy that
// holds them, templates read, everything checked.
// Problems are joined *setting.Problem, relative to telemetry.
func (c *Config) Prepare(path func(string) string, read func(string) ([]byte, error)) error {
	c.Resolve(path)
	own := func(name string) ([]byte, error) { return read(path(name)) }
	return errors.Join(c.loadExports(own), c.Validate())
}

// Resolve makes the section's file names what they are relative to: the policy file that holds it. Call it once, when
// the policy is compiled.
func (c *Config) Resolve(path func(string) string) {
	if c.AccessLog.Path != "" {
		c.AccessLog.Path = path(c.AccessLog.Path)
	}
	if c.History.Path != "" {
		c.History.Path = path(c.History.Path)
	}
	if c.Audit != nil {
		audit := *c.Audit
		audit.Path = path(audit.Path)
		c.Audit = &audit
	}
}

// Validate finds everything that is wrong with the section: joined *setting.Problem, relative to telemetry.
func (c *Config) Validate() error {
	var errs []error
	whole := func(path string, n int) {
		if n < 0 {
			errs = append(errs, setting.Wrong(path, "a number of files, 0 or more", n))
		}
	}
	whole("access_log.keep", c.AccessLog.Keep)
	if k := c.History.Keep; k != 0 && (k < history.MinKeep || k > history.MaxKeep) {
		errs = append(errs, setting.Wrong("history.keep", "a duration from 1h to 720h", k))
	}
	if c.Audit != nil {
		whole("audit.keep", c.Audit.Keep)
		if c.Audit.Path == "" {
			errs = append(errs, setting.Wrong("audit.path", "a file name", ""))
		}
	}
	if c.Tracing != nil && !httpURL(c.Tracing.OTLP) {
		errs = append(errs, setting.Wrong("tracing.otlp", "an http or https URL", c.Tracing.OTLP))
	}
	errs = append(errs, validateCustom(c.CustomMetrics), validateProbes(c.HealthChecks))
	if c.Push != nil && (!httpURL(c.Push.URL) || c.Push.Every < 0) {
		errs = append(errs, &setting.Problem{Path: "push", Want: "an http or https url, and every as a duration", Got: "something else"})
	}
	_, err := c.alertRules()
	return errors.Join(append(errs, err, c.validateWebhooks())...)
}
