package proxy_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"blaze/filters/scan/behavior"
	"blaze/policy"
)

// shadowRule is one key of the policy that has a mode, alone in its policy.
type shadowRule struct {
	key     string // as TestShadowCoversTheSchema finds it in the schema, below filters
	filter  string // who refuses by it
	section string // the filters section: {mode} and {hash} stand for the mode and the hash of the corpus's key
	also    string // what it does, where the key is there twice
	engine  string // of the upstream; vllm when empty
	options string // of the upstream
	rule    string // what is counted; everything of the filter's when empty
	// changes: enforced, it changes the request instead of refusing it, and says so in the answer's head.
	changes bool
	// held: one exchange of the corpus's key is under way meanwhile.
	held bool
	// silent: a replay does not ask it. Credentials are in no log, bans and places are of the hour.
	silent bool
}

func (r *shadowRule) name() string { return strings.TrimSpace(r.key + " " + r.also) }

// policy is the rule's in one of its modes.
func (r *shadowRule) policy(mode, hash string) string {
	text := "version: 1\nproxy: {trusted_proxies: [127.0.0.1/32]}\nupstreams: {model: {engine: " + cmp.Or(r.engine, "vllm") +
		", targets: [{url: \"${env:BACKEND}\"}]" + r.options + "}}\nfilters:\n  " + r.section
	return strings.NewReplacer("{mode}", mode, "{hash}", hash).Replace(text)
}

const (
	shadowIdentity = "auth: {required: false, api_keys: [{id: story, hash: \"{hash}\", subject: ada, roles: [user], tier: gold, tenant: acme}]}"
	shadowQuiet    = "scan: {mode: off}\n  "
)

// shadowed are the rules of every filter.
func shadowed() []shadowRule {
	known := shadowQuiet + shadowIdentity + "\n  "
	out := []shadowRule{
		{key: "access", filter: "access", section: shadowQuiet + "access: {mode: {mode}, deny: [203.0.113.0/24]}"},
		{key: "auth", filter: "auth", silent: true, section: shadowQuiet + "auth: {mode: {mode}, required: true, api_keys: [{id: story, hash: \"{hash}\", subject: ada, roles: [user]}]}"},
		{key: "auth.sessions", also: "max_age", filter: "auth", silent: true,
			section: shadowQuiet + "auth: {required: false, jwt: [{issuer: \"https://id.example\", secret: " + tokenSecret + ", algorithms: [HS256]}], sessions: {mode: {mode}, max_age: 12h}}"},
		{key: "auth.sessions", also: "max_concurrent", filter: "auth", silent: true, held: true,
			section: shadowQuiet + strings.TrimSuffix(shadowIdentity, "}") + ", sessions: {mode: {mode}, max_concurrent: 1}}"},
		{key: "authz", filter: "authz", section: known + "authz: {mode: {mode}, roles: {user: {routes: [inference], models: [demo-small]}}}"},
		{key: "authz.roles.*.mfa", filter: "authz", section: known + "authz: {anonymous: [open], roles: {open: {routes: [\"*\"], models: [\"*\"]}, user: {routes: [\"*\"], models: [\"*\"], mfa: {mode: {mode}, within: 15m}}}}"},
		{key: "params", filter: "params", section: shadowQuiet + "params: {mode: {mode}, cache_salt: {secret: the salt of the test}, default: {n: {max: 1}, stop: {max: 1}}}"},
		{key: "ratelimit", filter: "ratelimit", section: known + "ratelimit: {mode: {mode}, limits: [{name: few, by: user, algorithm: token_bucket, limit: 40, per: 240h, then: reject}]}"},
		{key: "ratelimit.limits[]", filter: "ratelimit", section: known + "ratelimit: {limits: [{name: few, by: ip, algorithm: fixed_window, limit: 7, per: 240h, then: reject, mode: {mode}}]}"},
		{key: "circuit", filter: "circuit", silent: true, held: true, options: ", concurrency: {max: 1}", section: known + "circuit: {mode: {mode}}"},
		{key: "scan", filter: "scan", section: "scan: {mode: {mode}, prompt_injection: {mode: off}, behavior: {mode: off}}"},
		{key: "scan.behavior", filter: "scan", rule: behavior.Rule, silent: true,
			section: "scan: {behavior: {mode: {mode}, score: 50, window: 720h, ban: 720h}}\n  " + shadowIdentity},
	}
	return append(append(out, shadowedScans()...), shadowedParams()...)
}

// shadowedScans are the scan's rules, each with all others off.
func shadowedScans() (out []shadowRule) {
	rules := []string{"sqli", "xss", "traversal", "command", "injection", "control", "names", "ssrf", "upload", "prompt_injection", "secrets", "invisible"}
	add := func(rule, rest string) *shadowRule {
		var b strings.Builder
		for _, other := range rules {
			if other == rule {
				fmt.Fprintf(&b, "%s: {mode: {mode}%s}, ", rule, rest)
			} else {
				fmt.Fprintf(&b, "%s: {mode: off}, ", other)
			}
		}
		out = append(out, shadowRule{key: "scan." + rule, filter: "scan", section: "scan: {" + b.String() + "behavior: {mode: off}}"})
		return &out[len(out)-1]
	}
	for _, rule := range rules[:10] {
		add(rule, "")
	}
	for _, rule := range rules[10:] {
		add(rule, ", action: block")
	}
	for _, rule := range []string{"xss", "secrets", "invisible"} {
		r := add(rule, ", action: sanitize")
		r.also, r.changes = "sanitize", true
	}
	return out
}

// shadowedParams are the bounds on parameters, everybody's and a role's.
func shadowedParams() (out []shadowRule) {
	add := func(rule, rest, also string) {
		one := "{" + rule + ": {mode: {mode}, " + rest + "}}"
		r := shadowRule{key: "params.roles.*." + rule, also: also, filter: "params", engine: engineOf(rule), changes: also == "clamp",
			section: shadowQuiet + shadowIdentity + "\n  params: {cache_salt: {secret: the salt of the test}, roles: {user: " + one + "}}"}
		all := r
		all.key, all.section = "params.default."+rule, shadowQuiet+"params: {cache_salt: {secret: the salt of the test}, default: "+one+"}"
		out = append(out, r, all)
	}
	for rule, rest := range map[string]string{
		"n": "max: 1, then: deny", "best_of": "max: 1", "logprobs": "max: 2", "max_tokens": "max: 10, then: deny", "stop": "max: 1",
		"logit_bias": "max: 1", "messages": "max: 1", "tools": "max: 0", "grammar": "max: 4B", "chat_template": "then: deny", "unknown": "then: deny",
		"bad_words": "max: 1", "batch": "max: 1", "context": "max: 64, then: deny", "internal": "then: deny", "keep_alive": "then: deny", "lora": "allow: [ours]",
		"min_tokens": "max: 10", "prompt_logprobs": "max: 1", "regex": "max: 4B", "schema": "max: 4B", "stream_options": "then: deny",
	} {
		add(rule, rest, "")
	}
	add("best_of", "max: 1, then: clamp", "clamp")
	add("max_tokens", "max: 10, then: clamp", "clamp")
	return out
}

// engineOf is the engine whose requests have what the parameter is about.
func engineOf(param string) string {
	switch param {
	case "context", "keep_alive":
		return "ollama"
	case "lora", "regex":
		return "sglang"
	}
	return "vllm"
}

// TestShadowCoversTheSchema: every key of the policy language that takes mode and enforce is one of those that TestShadow
// puts into shadow.
func TestShadowCoversTheSchema(t *testing.T) {
	text, err := json.Marshal(policy.Schema())
	if err != nil {
		t.Fatal(err)
	}
	var root schemaNode
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, r := range shadowed() {
		covered[r.key] = true
	}
	found := map[string]bool{}
	root.walk(root.Defs, "", 0, func(path string) {
		path = strings.TrimPrefix(path, ".filters.")
		found[path] = true
		if !covered[path] {
			t.Errorf("%s has a mode, and TestShadow does not put it into shadow", path)
		}
	})
	for key := range covered {
		if !found[key] {
			t.Errorf("%s is no key with a mode", key)
		}
	}
	if len(found) < 60 {
		t.Errorf("%d keys with a mode: %v", len(found), slices.Sorted(maps.Keys(found)))
	}
}

// schemaNode is what of a JSON Schema says which keys there are.
type schemaNode struct {
	Ref        string                `json:"$ref"`
	Defs       map[string]schemaNode `json:"$defs"`
	Properties map[string]schemaNode `json:"properties"`
	Items      *schemaNode           `json:"items"`
	Any        json.RawMessage       `json:"additionalProperties"` // a schema, or false
	AnyOf      []schemaNode          `json:"anyOf"`
	OneOf      []schemaNode          `json:"oneOf"`
	AllOf      []schemaNode          `json:"allOf"`
}

// walk tells found of each object below n that has both a mode and an enforce.
func (n *schemaNode) walk(defs map[string]schemaNode, path string, depth int, found func(path string)) {
	if depth > 20 {
		return
	}
	down := func(to schemaNode, at string) { to.walk(defs, path+at, depth+1, found) }
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		down(defs[name], "")
	}
	for _, other := range slices.Concat(n.AnyOf, n.OneOf, n.AllOf) {
		down(other, "")
	}
	if n.Items != nil {
		down(*n.Items, "[]")
	}
	var each schemaNode
	if len(n.Any) > 0 && n.Any[0] == '{' && json.Unmarshal(n.Any, &each) == nil {
		down(each, ".*")
	}
	_, mode := n.Properties["mode"]
	if _, share := n.Properties["enforce"]; mode && share {
		found(path)
	}
	for key, property := range n.Properties {
		down(property, "."+key)
	}
}
