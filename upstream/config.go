package upstream

import (
	"errors"
	"strings"
	"time"

	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Config is one entry of the policy's upstreams section: a named pool of model servers that can stand in for each other.
type Config struct {
	Engine      EngineName   `yaml:"engine" default:"openai" doc:"what the targets speak, and so which routes exist" example:"vllm"`
	Targets     []Target     `yaml:"targets" doc:"the model servers" example:"[{url: \"http://127.0.0.1:8080\"}]"`
	Resolve     *Resolve     `yaml:"resolve" doc:"makes one target of each address that a target's host name has, and looks again for those that come and go; absent: each connection goes to whichever address the system gives"`
	Balance     Balance      `yaml:"balance" default:"least_inflight" doc:"how a target is chosen: least_inflight (the less busy of two picked at random), round_robin (by weight), prefix (same tenant and conversation, same target, so that its KV cache is used again)"`
	Timeout     Timeout      `yaml:"timeout" doc:"how long a target may keep an exchange waiting" example:"{first_byte: 120s}"`
	Health      *Health      `yaml:"health" doc:"active checks of the targets; absent: only the breaker takes one out"`
	Concurrency *Concurrency `yaml:"concurrency" doc:"how many requests the targets together work on at once; absent: any number"`
	Queue       *Queue       `yaml:"queue" doc:"where requests over the concurrency limit wait; absent: they are refused"`
	Fallback    []Fallback   `yaml:"fallback" doc:"what stands in when this upstream cannot serve, in order: an upstream, the same with another model, or a fixed answer" example:"[small, {upstream: spare, model: llama-3-8b}, {status: 200, body: {choices: []}}]"`
	Headers     *Headers     `yaml:"headers" doc:"fields to set or take out in every request to this upstream"`
	TLS         *TLS         `yaml:"tls" doc:"for https targets: whom to trust and which certificate to show"`
	Retry       *Retry       `yaml:"retry" doc:"when a request is sent again; absent: only to another target, when no connection came about"`
	Hedge       *Hedge       `yaml:"hedge" doc:"a second target asked beside a slow one, for requests that may run twice (GET, embeddings, ranks); absent: none"`
	Breaker     Breaker      `yaml:"breaker" doc:"when a target that fails is left alone for a while"`
	Cache       *Cache       `yaml:"cache" doc:"answers kept for those who ask the very same again; absent: none"`
	Idempotency *Idempotency `yaml:"idempotency" doc:"requests with an Idempotency-Key that are not run twice; absent: the field is passed on and means nothing here"`
}

// EngineName is the name of a known engine. The zero EngineName is openai.
type EngineName string

// UnmarshalText reads the name of a known engine.
func (n *EngineName) UnmarshalText(text []byte) error {
	if _, ok := engine.Lookup(string(text)); !ok {
		return errors.New("not an engine")
	}
	*n = EngineName(text)
	return nil
}

// Want says what UnmarshalText reads.
func (*EngineName) Want() string {
	names := engine.Names()
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Target is one model server.
type Target struct {
	URL    string `yaml:"url" doc:"http://host:port, https://host:port or unix:/path; no path, since the request's own path is sent as it came" example:"http://127.0.0.1:8080"`
	Weight int    `yaml:"weight" default:"1" doc:"its share of the traffic beside the other targets' weights; 1 to 1000"`
}

// Timeout bounds the waits on a target. None of them bounds a healthy stream: that is proxy.timeout.
type Timeout struct {
	Connect   time.Duration `yaml:"connect" default:"2s" doc:"to connect, TLS included"`
	FirstByte time.Duration `yaml:"first_byte" default:"120s" doc:"from the request's last byte to the answer's head: queueing and prefill in the engine"`
	Stall     time.Duration `yaml:"stall" default:"60s" doc:"longest silence inside an answer; it renews with every byte"`
}

// Concurrency bounds the requests in flight at an upstream, all targets together.
type Concurrency struct {
	Max      int       `yaml:"max" doc:"requests in flight at most" example:"64"`
	Adaptive *Adaptive `yaml:"adaptive" doc:"instead of max: a limit that moves with what the engine can take"`
}

// Queue is where requests wait for a place.
type Queue struct {
	Depth    int            `yaml:"depth" default:"256" doc:"requests that wait at most; one more gets a 429 queue_full, or pushes out the last of a lower priority"`
	MaxWait  time.Duration  `yaml:"max_wait" default:"30s" doc:"longest wait; then a 429 queue_timeout"`
	Priority map[string]int `yaml:"priority" doc:"by tier; the larger goes first, a tier without one is 0" example:"{gold: 100, silver: 50, free: 10}"`
}

// TLS is how https targets are spoken to. The files are read again when they change.
type TLS struct {
	CA         string `yaml:"ca" doc:"PEM file of the authorities to trust instead of the system's" example:"ca.crt"`
	Cert       string `yaml:"cert" doc:"PEM file of the client certificate to show (mTLS)" example:"client.crt"`
	Key        string `yaml:"key" doc:"PEM file of its private key" example:"client.key"`
	ServerName string `yaml:"server_name" doc:"name to ask for and verify, when it is not the URL's host" example:"model.internal"`
}

// Breaker says when a target counts as broken. A failure is an answer of 500, 502, 503 or 504, no connection, no or a
// late first byte, a stall, a cut, a malformed answer, an error inside a stream. A client that leaves is no failure.
type Breaker struct {
	FailureRate   setting.Percent `yaml:"failure_rate" default:"50%" doc:"share of failures at which the breaker opens; 0% switches it off"`
	Over          time.Duration   `yaml:"over" default:"30s" doc:"the sliding window that the rate is taken over"`
	MinRequests   int             `yaml:"min_requests" default:"20" doc:"requests in the window below which it does not open"`
	OpenFor       time.Duration   `yaml:"open_for" default:"10s" doc:"how long it stays open before probes are let in; doubles each time they fail, to at most 16 times"`
	Probes        int             `yaml:"probes" default:"2" doc:"requests let in at once to try the target again; as many successes close the breaker"`
	SlowFirstByte time.Duration   `yaml:"slow_first_byte" default:"30s" doc:"an answer's head later than this is a failure, though it is still delivered; 0s never is"`
}

// Balance is a way to choose a target. The zero Balance is LeastInflight.
type Balance uint8

// The ways.
const (
	LeastInflight Balance = iota
	RoundRobin
	Prefix
)

var balanceNames = [...]string{"least_inflight", "round_robin", "prefix"}

// UnmarshalText reads a way's name.
func (b *Balance) UnmarshalText(text []byte) error {
	for i, n := range balanceNames {
		if n == string(text) {
			*b = Balance(i)
			return nil
		}
	}
	return errors.New("not a balance")
}

// Want says what UnmarshalText reads.
func (*Balance) Want() string { return "least_inflight, round_robin or prefix" }

func (b Balance) String() string { return balanceNames[min(int(b), len(balanceNames)-1)] }
