// Package policy turns policy files into one immutable Snapshot and keeps the one that serves: read, decoded strictly,
// compiled, tested, swapped by one atomic pointer. It decides nothing about a request; it makes those who do.
package policy

import (
	"crypto/tls"
	"time"

	"blaze/filters"
	"blaze/filters/access"
	"blaze/policy/decode"
	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// Policy is a policy as written. The filters section is decoded by the list in stages.go.
type Policy struct {
	Version   int                        `yaml:"version" doc:"the policy language's version" example:"1"`
	Proxy     Proxy                      `yaml:"proxy" doc:"the proxied port and its bounds"`
	Upstreams map[string]upstream.Config `yaml:"upstreams" doc:"the model servers, by name" example:"{model: {engine: vllm, targets: [{url: \"http://127.0.0.1:8080\"}]}}"`
	Routes    []Route                    `yaml:"routes" doc:"which requests go to which upstream; the first match wins" example:"[{name: chat, path: /v1/chat/completions, upstream: model}]"`
	Filters   decode.Raw                 `yaml:"filters" doc:"what judges the requests: one section per filter"`
	Telemetry telemetry.Config           `yaml:"telemetry" doc:"logs, metrics, traces, alerts"`
	Tests     []Test                     `yaml:"tests" doc:"requests with the verdict they must get; run by blaze check and before every reload" example:"[{name: strangers stay out, request: GET /v1/models, status: 401}]"`
}

// Proxy is the proxy section. Every bound has a default that serves a large prompt and refuses a flood.
type Proxy struct {
	MaxBody                 setting.Bytes `yaml:"max_body" default:"16MiB" doc:"largest request body; 413 beyond it"`
	MaxHeader               setting.Bytes `yaml:"max_header" default:"32KiB" doc:"largest request head; 431 beyond it"`
	MaxFields               int           `yaml:"max_fields" default:"100" doc:"most header fields in a request; 431 beyond it"`
	Timeout                 time.Duration `yaml:"timeout" default:"15m" doc:"one exchange, its stream included"`
	HeaderTimeout           time.Duration `yaml:"header_timeout" default:"10s" doc:"to receive the request's head; 408"`
	BodyTimeout             time.Duration `yaml:"body_timeout" default:"30s" doc:"to receive the request's body; 408"`
	IdleTimeout             time.Duration `yaml:"idle_timeout" default:"75s" doc:"how long a kept connection may wait for its next request"`
	WriteTimeout            time.Duration `yaml:"write_timeout" default:"30s" doc:"how long one write to the client may block; it renews with every write"`
	MaxConnections          int           `yaml:"max_connections" default:"10000" doc:"open client connections; for one more the one silent longest is closed, or the new one where all are at work"`
	MaxConnectionsPerClient int           `yaml:"max_connections_per_client" default:"0" doc:"open connections of one address (IPv6: of one /64); one more is closed at once; 0 is no bound. Trusted proxies and who must send a PROXY header are not counted"`
	TrustedProxies          []string      `yaml:"trusted_proxies" doc:"networks whose X-Forwarded-For is believed, read right to left" example:"[10.0.0.0/8]"`
	TLS                     *TLS          `yaml:"tls" doc:"serve TLS; files are read again when they change"`
	CORS                    *CORS         `yaml:"cors" doc:"answer browsers' preflight requests"`
}

// TLS is proxy.tls.
type TLS struct {
	Cert       string `yaml:"cert" doc:"PEM file with the certificate chain" example:"tls.crt"`
	Key        string `yaml:"key" doc:"PEM file with the private key" example:"tls.key"`
	ClientCA   string `yaml:"client_ca" doc:"PEM file; clients must then show a certificate signed by it" example:"ca.crt"`
	MinVersion string `yaml:"min_version" default:"1.2" doc:"1.2 or 1.3"`
}

// CORS is proxy.cors.
type CORS struct {
	Origins     []string      `yaml:"origins" doc:"allowed origins; * only without credentials" example:"[\"https://app.example.com\"]"`
	Headers     []string      `yaml:"headers" doc:"request headers a page may send" example:"[authorization, content-type]"`
	MaxAge      time.Duration `yaml:"max_age" default:"10m" doc:"how long a browser may keep the preflight's answer"`
	Credentials bool          `yaml:"credentials" default:"false" doc:"whether a page may send cookies"`
}

// Route is one entry of routes.
type Route struct {
	Name     string        `yaml:"name" doc:"name in logs and limits" example:"chat"`
	Path     string        `yaml:"path" doc:"canonical path; * stands for any run of characters" example:"/v1/chat/completions"`
	Methods  []string      `yaml:"methods" doc:"methods; absent: those the engine takes; the engine none takes others than the usual seven only where they are named here" example:"[POST]"`
	Models   []string      `yaml:"models" doc:"model names with *; all when absent" example:"[\"bge-*\"]"`
	Upstream string        `yaml:"upstream" doc:"name of an upstream" example:"model"`
	Timeout  time.Duration `yaml:"timeout" doc:"this route's proxy.timeout" example:"30s"`
}

// Test is one entry of tests.
type Test struct {
	Name    string            `yaml:"name" doc:"said when the test fails" example:"strangers stay out"`
	Request string            `yaml:"request" doc:"method and target" example:"POST /v1/chat/completions"`
	Headers map[string]string `yaml:"headers" doc:"request headers" example:"{content-type: application/json}"`
	Key     string            `yaml:"key" doc:"id of the API key the caller has; no key is needed for it" example:"ci"`
	Body    string            `yaml:"body" doc:"request body; JSON unless headers say otherwise" example:"'{\"model\":\"llama-3\"}'"`
	Client  string            `yaml:"client" default:"192.0.2.1" doc:"the caller's address"`
	Status  int               `yaml:"status" doc:"the status a refusal must have; 200 stands for one that is passed on" example:"401"`
	Verdict string            `yaml:"verdict" doc:"pass, or the code of the refusal" example:"missing_credentials"`
}

// Snapshot is a compiled policy. Immutable; an exchange keeps the one that admitted it to its end.
type Snapshot struct {
	Hash      string // SHA-256 of all files read, hex
	Loaded    time.Time
	Sources   []string // the policy's own files, in the order they were merged
	Proxy     Proxy
	Chain     *filters.Chain
	Pools     *upstream.Pools
	Telemetry telemetry.Config
	// Trusted are the networks of proxy.trusted_proxies; nil trusts nobody.
	Trusted *access.Networks
	// JSON bounds the bodies that are parsed (filters.scan.json).
	JSON engine.Limits
	// TLS is what the proxied port serves with; nil is plain text.
	TLS *tls.Config
	// Warnings are what is legal in the policy but hardly meant.
	Warnings []Problem

	routes []route
	only   *upstream.Pool // where everything goes without routes
	models []string       // every model name and pattern in the policy
	tests  []Test
	view   map[string]any // the policy as written, secrets masked
	watch  map[string]digest
}
