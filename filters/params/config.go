package params

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// Config is the policy's filters.params section.
type Config struct {
	Default   Rules            `yaml:"default" doc:"bounds of every caller; what is not set has the bound built in"`
	Roles     map[string]Rules `yaml:"roles" doc:"bounds by role, in place of the default's; of several roles the widest bound counts" example:"{operator: {n: 8}}"`
	Priority  map[string]int64 `yaml:"priority" doc:"priority in the engine by tier (vLLM, SGLang, with priority scheduling switched on); larger goes first" example:"{gold: 100, free: 10}"`
	CacheSalt CacheSalt        `yaml:"cache_salt" doc:"keeps the engine's prefix cache apart by tenant (vLLM, SGLang)"`
}

// Rules are the bounds of one role. A pointer that is nil says nothing.
type Rules struct {
	MaxTokens      *Number  `yaml:"max_tokens" doc:"tokens of output, under whichever name the engine has; a request without a bound gets this one" example:"{max: 4096, then: clamp}"`
	MinTokens      *Number  `yaml:"min_tokens" doc:"tokens that must come before the answer may end"`
	N              *Number  `yaml:"n" doc:"answers to one prompt; built in: 16" example:"1"`
	BestOf         *Number  `yaml:"best_of" doc:"answers made to choose from; built in: 16"`
	Logprobs       *Number  `yaml:"logprobs" doc:"alternatives listed for each token (top_logprobs, logprobs, top_n_tokens); built in: 20" example:"5"`
	PromptLogprobs *Number  `yaml:"prompt_logprobs" doc:"alternatives listed for each token of the prompt; built in: 0"`
	Context        *Number  `yaml:"context" doc:"context length a request may make the engine load a model with (Ollama's num_ctx); built in: 131072"`
	Stop           *Count   `yaml:"stop" doc:"stop sequences; built in: 32" example:"8"`
	BadWords       *Count   `yaml:"bad_words" doc:"forbidden words; built in: 256"`
	LogitBias      *Count   `yaml:"logit_bias" doc:"biased tokens; built in: 1024"`
	Messages       *Count   `yaml:"messages" doc:"messages or items of a conversation; built in: 10000"`
	Tools          *Count   `yaml:"tools" doc:"tools offered; built in: 512"`
	Batch          *Count   `yaml:"batch" doc:"prompts or inputs in one request; built in: 2048"`
	Grammar        *Size    `yaml:"grammar" doc:"bytes of a grammar to decode by; built in: 64KiB"`
	Regex          *Size    `yaml:"regex" doc:"bytes of a regular expression to decode by; built in: 4KiB"`
	Schema         *Size    `yaml:"schema" doc:"bytes of a JSON schema to decode by; built in: 256KiB"`
	LoRA           *Names   `yaml:"lora" doc:"adapters that may be asked for in a field of their own" example:"{allow: [\"team-a-*\"]}"`
	ChatTemplate   *Switch  `yaml:"chat_template" doc:"a template of the client's own, which the engine executes; built in: deny"`
	Internal       *Switch  `yaml:"internal" doc:"fields that only the engine's own parts send each other (kv_transfer_params, bootstrap_host, custom_logit_processor), and Triton's sampling_parameters, which hide the others; built in: deny"`
	StreamOptions  *Switch  `yaml:"stream_options" doc:"stream_options; built in: pass"`
	KeepAlive      *Switch  `yaml:"keep_alive" doc:"how long Ollama keeps a model loaded; built in: remove"`
	Unknown        *Unknown `yaml:"unknown" doc:"top-level fields that the engines do not document: pass or deny; built in: pass"`
}

// Action says what becomes of a number beyond its bound.
type Action uint8

// The actions. The zero Action is Deny.
const (
	Deny Action = iota
	Clamp
)

// UnmarshalText reads deny or clamp.
func (a *Action) UnmarshalText(text []byte) error { return word((*uint8)(a), text, "deny", "clamp") }

// Want says what UnmarshalText reads.
func (*Action) Want() string { return "deny or clamp" }

// Number bounds a parameter that is a number.
type Number struct {
	filters.Rollout `yaml:",inline"`
	Max             *int64 `yaml:"max" doc:"largest value, that of the default or built in when absent; a negative one in the request counts as no bound at all" example:"4096"`
	Then            Action `yaml:"then" default:"deny" doc:"what follows beyond it: deny refuses, clamp makes it the largest allowed"`
}

// UnmarshalText reads the short form, the largest value.
func (n *Number) UnmarshalText(text []byte) error { return whole(&n.Max, text) }

// Want says what UnmarshalText reads.
func (*Number) Want() string { return "a whole number, or {max, then}" }

// Count bounds a parameter that is a list or map, by its length.
type Count struct {
	filters.Rollout `yaml:",inline"`
	Max             *int64 `yaml:"max" doc:"most elements, as many as the default or built in when absent" example:"8"`
}

// UnmarshalText reads the short form, the most elements.
func (c *Count) UnmarshalText(text []byte) error { return whole(&c.Max, text) }

// Want says what UnmarshalText reads.
func (*Count) Want() string { return "a whole number, or {max}" }

// Size bounds a parameter by the bytes it has in the request.
type Size struct {
	filters.Rollout `yaml:",inline"`
	Max             *setting.Bytes `yaml:"max" doc:"most bytes, as many as the default or built in when absent" example:"16KiB"`
}

// UnmarshalText reads the short form, the most bytes.
func (s *Size) UnmarshalText(text []byte) error {
	s.Max = new(setting.Bytes)
	return s.Max.UnmarshalText(text)
}

// Want says what UnmarshalText reads.
func (*Size) Want() string { return "a size such as 16KiB, or {max}" }

// Switch says what becomes of a parameter that is there at all.
type Switch struct {
	filters.Rollout `yaml:",inline"`
	Then            Fate `yaml:"then" default:"deny" doc:"pass lets it through, deny refuses the request, remove takes it out"`
}

// UnmarshalText reads the short form.
func (s *Switch) UnmarshalText(text []byte) error { return s.Then.UnmarshalText(text) }

// Want says what UnmarshalText reads.
func (*Switch) Want() string { return "pass, deny or remove" }

// Fate is what becomes of a parameter.
type Fate uint8

// The fates. The zero Fate is to be refused.
const (
	Refused Fate = iota
	Passed
	Removed
)

// UnmarshalText reads deny, pass or remove.
func (f *Fate) UnmarshalText(text []byte) error {
	return word((*uint8)(f), text, "deny", "pass", "remove")
}

// Want says what UnmarshalText reads.
func (*Fate) Want() string { return "pass, deny or remove" }

// Unknown says what becomes of fields that the engines do not document.
type Unknown struct {
	filters.Rollout `yaml:",inline"`
	Then            PassOrDeny `yaml:"then" default:"deny" doc:"pass or deny"`
}

// UnmarshalText reads the short form.
func (u *Unknown) UnmarshalText(text []byte) error { return u.Then.UnmarshalText(text) }

// Want says what UnmarshalText reads.
func (*Unknown) Want() string { return "pass or deny" }

// PassOrDeny is true for deny.
type PassOrDeny bool

// UnmarshalText reads pass or deny.
func (p *PassOrDeny) UnmarshalText(text []byte) error {
	var n uint8
	err := word(&n, text, "pass", "deny")
	*p = n == 1
	return err
}

// Want says what UnmarshalText reads.
func (*PassOrDeny) Want() string { return "pass or deny" }

// Names bounds a parameter that is a name, or a list of them.
type Names struct {
	filters.Rollout `yaml:",inline"`
	Allow           []string `yaml:"allow" doc:"names that may be asked for, * for any run of characters; none when empty" example:"[\"team-a-*\"]"`
}

// CacheSalt is the cache_salt section.
type CacheSalt struct {
	By     By     `yaml:"by" default:"tenant" doc:"who shares a cache: tenant, subject, or none for everybody"`
	Secret string `yaml:"secret" doc:"key of the HMAC that makes the salt; without one Blaze makes it up, and replicas then do not share caches" example:"${env:SALT_SECRET}"`
}

// By says who shares a cache.
type By uint8

// The groups that may share a cache.
const (
	ByTenant By = iota
	BySubject
	ByNone
)

// UnmarshalText reads tenant, subject or none.
func (b *By) UnmarshalText(text []byte) error {
	return word((*uint8)(b), text, "tenant", "subject", "none")
}

// Want says what UnmarshalText reads.
func (*By) Want() string { return "tenant, subject or none" }

// check says what is wrong with the section beyond its types.
func (c *Config) check() []error {
	var errs []error
	if s := c.CacheSalt.Secret; s != "" && len(s) < 16 {
		errs = append(errs, &setting.Problem{Path: "cache_salt.secret", Want: "at least 16 characters", Got: strconv.Itoa(len(s))})
	}
	for _, tier := range sortedKeys(c.Priority) {
		if p := c.Priority[tier]; p < -1<<31 || p >= 1<<31 {
			errs = append(errs, setting.Wrong("priority."+tier, "a number of 32 bits", p))
		}
	}
	return errs
}

// word reads one of words into n.
func word(n *uint8, text []byte, words ...string) error {
	i := slices.Index(words, string(text))
	if i < 0 {
		return errors.New("not one of the words")
	}
	*n = uint8(i)
	return nil
}

// whole reads a number from 0 into *n.
func whole(n **int64, text []byte) error {
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err == nil && v < 0 {
		err = errors.New("negative")
	}
	*n = &v
	return err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
