package ratelimit

import (
	"errors"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// Config is the policy's filters.ratelimit section.
type Config struct {
	Store    Store          `yaml:"store" doc:"where the accounts are kept: memory, or {redis: {…}} when several replicas share the limits" default:"memory"`
	Priority map[string]int `yaml:"priority" doc:"which tiers go first where requests queue: larger goes first, a tier that is not named has 0" example:"{gold: 100, silver: 50}"`
	Limits   []Limit        `yaml:"limits" doc:"the limits; all that apply to a request are asked, and a request that one refuses takes nothing from the others" example:"[{name: per-user, by: user, limit: 100, per: 1m}]"`
}

// Limit is one entry of limits.
type Limit struct {
	filters.Rollout `yaml:",inline"`

	Name      string        `yaml:"name" doc:"name in answers, metrics and logs; the account of a name survives a reload" example:"per-user"`
	By        By            `yaml:"by" doc:"who shares one account: global, user, ip (IPv6 by /64), endpoint, model, tenant, tier, key, header:NAME or claim:PATH" example:"user"`
	For       Scope         `yaml:"for" doc:"which requests the limit is for; all when absent"`
	Algorithm Algorithm     `yaml:"algorithm" doc:"token_bucket, fixed_window, sliding_window, leaky_bucket or adaptive" default:"token_bucket"`
	Limit     int64         `yaml:"limit" doc:"how much may be used in the time given by per" example:"100"`
	Per       time.Duration `yaml:"per" doc:"the time in which limit may be used, 1ms to 744h" example:"1m"`
	Burst     *int64        `yaml:"burst" doc:"token_bucket: how much an untouched account holds, limit when absent; leaky_bucket: how many may wait (then: delay or queue), or how much it holds (then: reject)" example:"50"`
	Count     Count         `yaml:"count" doc:"what is counted: requests, tokens (of prompts and answers), input or output tokens" default:"requests"`
	Then      Action        `yaml:"then" doc:"what happens beyond the limit: reject, delay (first come, first served), queue (by priority, fair between tenants) or degrade" default:"reject"`
	MaxWait   time.Duration `yaml:"max_wait" doc:"delay and queue: the longest wait; what cannot be served within it is refused at once" example:"2s"`
	MaxQueue  int           `yaml:"max_queue" doc:"delay and queue: how many requests of one account may wait; a leaky_bucket uses burst instead" default:"100"`
	Degrade   *Degrade      `yaml:"degrade" doc:"degrade: what a request beyond the limit gets instead of a refusal"`

	Hard    bool  `yaml:"hard" doc:"token limits: end a running answer, legally, when the account is used up" default:"false"`
	Reserve int64 `yaml:"reserve" doc:"token limits: output tokens set aside for a request that names no bound, while nothing is known of its caller" default:"1024"`

	Min    int64   `yaml:"min" doc:"adaptive: the limit never falls below it" default:"0" example:"20"`
	Max    int64   `yaml:"max" doc:"adaptive: the limit never rises above it" default:"0" example:"400"`
	Target *Target `yaml:"target" doc:"adaptive: what the limit is steered by"`

	MaxKeys int `yaml:"max_keys" doc:"accounts kept at most (about 64 bytes each, twice that while a table grows); beyond, newcomers share accounts by their network and nobody's account is dropped" default:"1000000"`
}

// Degrade says what a request beyond the limit gets.
type Degrade struct {
	MaxTokens int64  `yaml:"max_tokens" doc:"the answer is bounded to so many tokens" example:"256"`
	DropN     bool   `yaml:"drop_n" doc:"one answer instead of n (and best_of)" default:"true"`
	Model     string `yaml:"model" doc:"another model is asked" example:"llama-3-8b"`
	Upstream  string `yaml:"upstream" doc:"another upstream is asked, where it has the route" example:"small"`
}

// Target is what an adaptive limit is steered by.
type Target struct {
	Latency time.Duration    `yaml:"latency" doc:"the time to the first byte that is still good, 90th percentile" example:"2s"`
	Errors  *setting.Percent `yaml:"errors" doc:"the share of 5xx and 429 answers of the upstream that is still good" example:"5%"`
}

// errors is the target share; 0 is none.
func (t *Target) errors() float64 {
	if t.Errors == nil {
		return 0
	}
	return float64(*t.Errors)
}

// Store says where the accounts are kept. The zero Store is memory.
type Store struct {
	Redis *Redis `yaml:"redis" doc:"a Redis that all replicas share"`
}

// UnmarshalText reads the short form.
func (s *Store) UnmarshalText(text []byte) error {
	if string(text) != "memory" {
		return errors.New("not a store")
	}
	*s = Store{}
	return nil
}

// Want says what UnmarshalText reads.
func (*Store) Want() string { return "memory, or {redis: {addresses: [host:port]}}" }

// Redis is how the shared store is reached.
type Redis struct {
	Addresses []string      `yaml:"addresses" doc:"host:port of the server, of some cluster nodes, or of the sentinels" example:"[127.0.0.1:6379]"`
	Mode      RedisMode     `yaml:"mode" doc:"single, cluster or sentinel" default:"single"`
	Master    string        `yaml:"master" doc:"sentinel: the name of the master" example:"mymaster"`
	Username  string        `yaml:"username" doc:"the ACL user" example:"blaze"`
	Password  string        `yaml:"password" doc:"the password" example:"${env:REDIS_PASSWORD}"`
	DB        int           `yaml:"db" doc:"the database number; a cluster has only 0" default:"0"`
	TLS       *RedisTLS     `yaml:"tls" doc:"speak TLS to Redis"`
	Prefix    string        `yaml:"prefix" doc:"begins every key, so that several installations can share one Redis" default:"blaze"`
	Timeout   time.Duration `yaml:"timeout" doc:"the longest a request waits for Redis, 1ms to 1s" default:"5ms"`
	OnError   OnError       `yaml:"on_error" doc:"without Redis: local lets each replica use its share of every limit, open lets everything pass, closed refuses with 503" default:"local"`
}

// RedisTLS is how Redis proves itself.
type RedisTLS struct {
	CA         string `yaml:"ca" doc:"PEM file of the authorities; the system's when absent" example:"redis-ca.crt"`
	Cert       string `yaml:"cert" doc:"PEM file of the client's certificate" example:"redis-client.crt"`
	Key        string `yaml:"key" doc:"PEM file of the client's key" example:"redis-client.key"`
	ServerName string `yaml:"server_name" doc:"the name the certificate must have; the address's when absent" example:"redis.internal"`
}
