package telemetry

// Kind is what a metric's values mean.
type Kind uint8

// The kinds, as Prometheus knows them.
const (
	KindCounter Kind = iota
	KindGauge
	KindHistogram
)

func (k Kind) String() string { return [...]string{"counter", "gauge", "histogram"}[k] }

// Metric is one line of the catalogue.
type Metric struct {
	Name   string
	Kind   Kind
	Labels []string // in this order everywhere
	Unit   string
	Why    string // the HELP text
	// Buckets are a histogram's upper bounds.
	Buckets []float64
	// MaxSeries bounds the label sets; past it everything counts as "other". 0 is 1000.
	MaxSeries int
}

func counter(name, unit, why string, labels ...string) Metric {
	return Metric{Name: name, Kind: KindCounter, Unit: unit, Why: why, Labels: labels}
}

func gauge(name, unit, why string, labels ...string) Metric {
	return Metric{Name: name, Kind: KindGauge, Unit: unit, Why: why, Labels: labels}
}

func histogram(name, unit, why string, buckets []float64, labels ...string) Metric {
	return Metric{Name: name, Kind: KindHistogram, Unit: unit, Why: why, Buckets: buckets, Labels: labels}
}

// Catalogue lists every metric of Blaze's own. A metric that is not here does not exist.
func Catalogue() []Metric {
	overhead := []float64{25e-6, 50e-6, 100e-6, 200e-6, 300e-6, 500e-6, 750e-6, 1e-3, 2e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 500e-3}
	scores := []float64{.05, .1, .2, .3, .4, .5, .6, .7, .8, .85, .9, .95, .98, .99, .999}
	perFilter := []float64{.5e-6, 1e-6, 2e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 5e-3, 25e-3, 100e-3}
	firstToken := []float64{.01, .025, .05, .1, .2, .35, .5, .75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60, 120}
	interToken := []float64{.001, .0025, .005, .01, .02, .03, .05, .075, .1, .15, .2, .3, .5, 1, 2.5}
	whole := []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 900}
	return []Metric{
		// Traffic: counted once per exchange, when it ends.
		counter("blaze_requests_total", "requests", "Finished exchanges.", "endpoint", "route", "upstream", "status_class"),
		histogram("blaze_request_duration_seconds", "seconds", "Whole exchange, its stream included.", whole, "endpoint", "upstream"),
		histogram("blaze_overhead_seconds", "seconds", "Time spent in Blaze itself: total less waiting for client, queues and upstream.", overhead, "endpoint"),
		histogram("blaze_time_to_first_token_seconds", "seconds", "From the request's begin to the first byte of the answer's body; served exchanges only.", firstToken, "endpoint", "upstream"),
		histogram("blaze_inter_token_seconds", "seconds", "Mean time between two frames of one stream.", interToken, "endpoint", "upstream"),
		histogram("blaze_wait_seconds", "seconds", "Time spent in queues and delays on purpose, of exchanges that waited.", firstToken, "endpoint"),
		counter("blaze_tokens_total", "tokens", "Tokens of prompts (in) and answers (out).", "direction", "upstream", "model"),
		counter("blaze_model_requests_total", "requests", "Finished exchanges by model; only models named in the policy have a name here.", "model", "status_class"),
		counter("blaze_body_bytes_total", "bytes", "Bytes of bodies, from clients (in) and to them (out).", "direction"),
		counter("blaze_retries_total", "attempts", "Upstream attempts beyond the first.", "upstream"),
		counter("blaze_aborts_total", "exchanges", "Exchanges that ended early.", "reason"),
		gauge("blaze_open_exchanges", "exchanges", "Exchanges under way."),

		// Verdicts.
		counter("blaze_filter_verdicts_total", "verdicts", "Verdicts other than a pass, by filter.", "filter", "verdict"),
		counter("blaze_scan_hits_total", "values", "Values in which the scan found something, enforced or in shadow, by class.", "class"),
		counter("blaze_scan_secrets_total", "values", "Secrets and personal data found in prompts and answers, enforced or in shadow, by kind.", "kind", "in"),
		counter("blaze_scan_excepted_total", "values", "Values in which the scan found something that an exception of the policy lets pass."),
		histogram("blaze_scan_prompt_score", "score", "Highest prompt-injection score of a request, of those that have prompts: what a threshold would tell.", scores),
		histogram("blaze_filter_seconds", "seconds", "Time of one filter in one phase, of the exchanges that are timed.", perFilter, "filter", "phase"),
		counter("blaze_denials_total", "exchanges", "Refused exchanges, by who refused and what the client was told; what is malformed, too large or too slow is refused by proxy.", "filter", "rule", "code"),
		counter("blaze_shadow_decisions_total", "decisions", "Refusals that were not enforced.", "filter", "rule"),
		counter("blaze_params_clamped_total", "parameters", "Parameters of requests made smaller by params, by rule.", "rule"),
		counter("blaze_security_events_total", "events", "Security events: denials, bans, failed logins, reloads, admin actions.", "kind"),
		gauge("blaze_bans_active", "bans", "Addresses, networks and identities refused now because they are banned."),
		counter("blaze_bans_total", "bans", "Bans placed here, by score (auto) or by hand (admin); those not enforced (shadow), and those for which there was no room (full).", "by"),
		gauge("blaze_scored_clients", "clients", "Clients whose behaviour is remembered."),

		// Who is calling.
		counter("blaze_token_cache_total", "lookups", "Tokens that were looked up among those verified before: hit, miss.", "result"),
		counter("blaze_jwks_refreshes_total", "fetches", "Fetches of an issuer's keys by result: changed, unchanged, failed.", "issuer", "result"),
		gauge("blaze_jwks_age_seconds", "seconds", "Since an issuer's keys were last fetched with success.", "issuer"),
		gauge("blaze_sessions", "subjects", "Subjects with exchanges under way that are counted for auth.sessions.max_concurrent."),
		gauge("blaze_revocations", "entries", "Token ids, subjects and key ids that are revoked now."),

		// Policy.
		counter("blaze_policy_reloads_total", "reloads", "Reloads by result: applied, unchanged, failed.", "result"),
		gauge("blaze_policy_age_seconds", "seconds", "Since the serving policy was swapped in."),

		// Upstreams.
		counter("blaze_upstream_requests_total", "attempts", "Attempts at an upstream, by outcome.", "upstream", "outcome"),
		counter("blaze_hedges_total", "attempts", "Second requests beside slow ones (sent), and those that answered first (won).", "upstream", "result"),
		gauge("blaze_upstream_inflight", "requests", "Requests at a target now.", "upstream", "target"),
		gauge("blaze_upstream_healthy", "bool", "1 when the target's health check passes.", "upstream", "target"),
		gauge("blaze_upstream_connections", "connections", "Open connections to a target.", "upstream", "target"),
		gauge("blaze_breaker_state", "state", "0 closed, 1 half-open, 2 open.", "upstream", "target"),
		counter("blaze_breaker_changes_total", "changes", "Changes of a breaker's state.", "upstream", "target", "to"),
		gauge("blaze_queue_depth", "requests", "Requests waiting for a place at an upstream.", "upstream"),
		gauge("blaze_concurrency_limit", "requests", "Places at an upstream now; it moves when the limit is adaptive.", "upstream"),
		counter("blaze_cache_requests_total", "requests", "Requests that the cache could answer, by what became of them: miss, hit, join, stale, bypass.", "upstream", "result"),
		counter("blaze_idempotency_requests_total", "requests", "Requests with an idempotency key, by what became of them: miss, hit, join.", "upstream", "result"),
		gauge("blaze_cache_bytes", "bytes", "Memory for kept answers now, by what keeps them: cache, idempotency.", "upstream", "store"),
		gauge("blaze_cache_entries", "answers", "Kept answers now, those being written too.", "upstream", "store"),

		// Limits.
		counter("blaze_ratelimit_decisions_total", "decisions", "Decisions of a limit other than letting pass.", "limit", "decision"),
		gauge("blaze_ratelimit_accounts", "accounts", "Accounts of a limit that something is used of.", "limit"),
		gauge("blaze_ratelimit_coarse", "decisions", "Decisions on an account shared by a network, because the table is full.", "limit"),
		gauge("blaze_ratelimit_waiting", "requests", "Requests that wait for their turn at a limit.", "limit"),
		gauge("blaze_ratelimit_limit", "units", "What a limit's account holds now; it moves when the limit is adaptive.", "limit"),
		gauge("blaze_ratelimit_redis_up", "bool", "1 when the shared store answers."),
		gauge("blaze_ratelimit_replicas", "replicas", "Replicas that share the limits, as last seen."),
		counter("blaze_ratelimit_redis_errors_total", "requests", "Requests and settlements that the shared store gave no answer in time."),
		counter("blaze_ratelimit_fallback_total", "decisions", "Decisions made without the shared store, by on_error."),
		histogram("blaze_ratelimit_redis_seconds", "seconds", "Round trips to the shared store, each for all requests that came meanwhile.", []float64{100e-6, 250e-6, 500e-6, 1e-3, 2e-3, 3e-3, 5e-3, 10e-3, 50e-3}),

		// The proxy.
		gauge("blaze_open_connections", "connections", "Open client connections."),
		gauge("blaze_parked_connections", "connections", "Those among them that hold no goroutine and no buffer: silent since they came, or for a second."),
		counter("blaze_connections_rejected_total", "connections", "Connections closed at once, by the bound they were over: max_connections, max_connections_per_client.", "bound"),
		counter("blaze_connections_displaced_total", "connections", "Silent connections closed to make room for new ones at proxy.max_connections."),
		counter("blaze_panics_total", "panics", "Panics caught; each is a bug and in the log."),

		// The machine, the container (cgroup v2) and the process.
		gauge("blaze_system_cpu_percent", "percent", "CPU in use, of what host or container may use.", "scope"),
		gauge("blaze_system_cpu_throttled_percent", "percent", "Share of scheduling periods in which the container was held back."),
		gauge("blaze_system_memory_percent", "percent", "Memory in use, of what host or container has; no series without a limit.", "scope"),
		gauge("blaze_system_memory_bytes", "bytes", "Memory in use that cannot be reclaimed at will.", "scope"),
		gauge("blaze_system_memory_limit_bytes", "bytes", "Memory that host or container has.", "scope"),
		gauge("blaze_system_disk_percent", "percent", "How full the file system of the working directory is."),
		gauge("blaze_system_pressure_percent", "percent", "Share of the last ten seconds in which some task waited for cpu, memory or io.", "resource"),
		gauge("blaze_system_load1", "tasks", "Load average of one minute."),
		counter("blaze_system_network_bytes_total", "bytes", "Bytes over all interfaces but loopback.", "direction"),
		counter("blaze_system_disk_bytes_total", "bytes", "Bytes over all disks.", "direction"),
		gauge("blaze_process_memory_bytes", "bytes", "Memory that the Go runtime has from the system and has not given back."),
		gauge("blaze_process_heap_bytes", "bytes", "Live and not yet collected objects."),
		gauge("blaze_process_goroutines", "goroutines", "Goroutines."),
		gauge("blaze_process_gc_cpu_percent", "percent", "Share of the CPU time spent on garbage collection, since the start."),
		gauge("blaze_process_memory_limit_bytes", "bytes", "GOMEMLIMIT; no series when there is none."),

		// Telemetry itself.
		counter("blaze_log_dropped_total", "lines", "Log lines lost because their destination was slow or full.", "log"),
		counter("blaze_pushes_total", "pushes", "Pushes of metrics, by result: sent, failed.", "result"),
		counter("blaze_spans_lost_total", "spans", "Spans that could not be kept or sent."),
		counter("blaze_alert_notifications_total", "messages", "Messages to alert webhooks, by result: sent, failed, dropped.", "result"),
		gauge("blaze_alerts_firing", "alerts", "Alerts that fire now."),
		gauge("blaze_build_info", "info", "Always 1; the version is its label.", "version"),
		gauge("blaze_uptime_seconds", "seconds", "Since the process started."),
	}
}
