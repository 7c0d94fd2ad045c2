package params

import (
	"fmt"

	"blaze/filters"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// names are the rules' words in the policy, in logs and as metric labels.
var names = [engine.ParamCount]string{
	engine.ParamMaxTokens: "max_tokens", engine.ParamMinTokens: "min_tokens", engine.ParamN: "n", engine.ParamBestOf: "best_of",
	engine.ParamLogprobs: "logprobs", engine.ParamPromptLogprobs: "prompt_logprobs", engine.ParamContext: "context",
	engine.ParamStop: "stop", engine.ParamBadWords: "bad_words", engine.ParamLogitBias: "logit_bias",
	engine.ParamMessages: "messages", engine.ParamTools: "tools", engine.ParamBatch: "batch",
	engine.ParamGrammar: "grammar", engine.ParamRegex: "regex", engine.ParamSchema: "schema", engine.ParamLoRA: "lora",
	engine.ParamChatTemplate: "chat_template", engine.ParamInternal: "internal", engine.ParamStreamOptions: "stream_options",
	engine.ParamKeepAlive: "keep_alive", engine.ParamPriority: "priority", engine.ParamCacheSalt: "cache_salt",
}

// measure says what of a parameter a rule bounds.
type measure uint8

const (
	free    measure = iota // nothing
	value                  // its number
	count                  // its elements
	size                   // its bytes
	listed                 // its names
	refused                // that it is there
	removed                // likewise, and it is taken out
)

// rule is one compiled bound.
type rule struct {
	filters.Rollout
	measure measure
	clamp   bool
	max     int64
	allow   []string
	denial  *filters.Denial // made when the policy compiles
}

// rules are the bounds of one role, by parameter.
type rules struct {
	of      [engine.ParamCount]rule
	unknown rule // measure refused when fields that are not documented are refused
}

// builtin are the bounds where the policy says nothing: wide enough for every client that means well, and short of what
// has stopped engines (500,000 stop sequences, prompt_logprobs over the whole vocabulary, a template to execute).
func builtin() *rules {
	r := &rules{}
	set := func(id engine.ParamID, m measure, max int64) { r.of[id] = newRule(id, rule{measure: m, max: max}) }
	set(engine.ParamN, value, 16)
	set(engine.ParamBestOf, value, 16)
	set(engine.ParamLogprobs, value, 20)
	set(engine.ParamPromptLogprobs, value, 0)
	set(engine.ParamContext, value, 128<<10)
	set(engine.ParamStop, count, 32)
	set(engine.ParamBadWords, count, 256)
	set(engine.ParamLogitBias, count, 1024)
	set(engine.ParamMessages, count, 10_000)
	set(engine.ParamTools, count, 512)
	set(engine.ParamBatch, count, 2048)
	set(engine.ParamGrammar, size, 64<<10)
	set(engine.ParamRegex, size, 4<<10)
	set(engine.ParamSchema, size, 256<<10)
	set(engine.ParamChatTemplate, refused, 0)
	set(engine.ParamInternal, refused, 0)
	set(engine.ParamKeepAlive, removed, 0)
	return r
}

// newRule completes r, the rule for id, with what a client is told.
func newRule(id engine.ParamID, r rule) rule {
	name := names[id]
	text := ""
	switch r.measure {
	case value:
		text = fmt.Sprintf("The parameter %s may be at most %d with these credentials.", name, r.max)
	case count:
		text = fmt.Sprintf("The parameter %s may have at most %d elements with these credentials.", name, r.max)
	case size:
		text = fmt.Sprintf("The parameter %s may have at most %d bytes with these credentials.", name, r.max)
	default:
		text = fmt.Sprintf("The parameter %s is not allowed with these credentials.", name)
	}
	r.denial = filters.ParameterNotAllowed.With(text)
	return r
}

// under are r's bounds with those of c in their place.
func (r *rules) under(c Rules, path string, errs *[]error) rules {
	m := &compiler{base: r, out: *r, path: path, errs: errs}
	m.number(engine.ParamMaxTokens, c.MaxTokens)
	m.number(engine.ParamMinTokens, c.MinTokens)
	m.number(engine.ParamN, c.N)
	m.number(engine.ParamBestOf, c.BestOf)
	m.number(engine.ParamLogprobs, c.Logprobs)
	m.number(engine.ParamPromptLogprobs, c.PromptLogprobs)
	m.number(engine.ParamContext, c.Context)
	m.elements(engine.ParamStop, c.Stop)
	m.elements(engine.ParamBadWords, c.BadWords)
	m.elements(engine.ParamLogitBias, c.LogitBias)
	m.elements(engine.ParamMessages, c.Messages)
	m.elements(engine.ParamTools, c.Tools)
	m.elements(engine.ParamBatch, c.Batch)
	m.bytes(engine.ParamGrammar, c.Grammar)
	m.bytes(engine.ParamRegex, c.Regex)
	m.bytes(engine.ParamSchema, c.Schema)
	m.fate(engine.ParamChatTemplate, c.ChatTemplate)
	m.fate(engine.ParamInternal, c.Internal)
	m.fate(engine.ParamStreamOptions, c.StreamOptions)
	m.fate(engine.ParamKeepAlive, c.KeepAlive)
	if c.LoRA != nil {
		m.out.of[engine.ParamLoRA] = newRule(engine.ParamLoRA, rule{Rollout: c.LoRA.Rollout, measure: listed, allow: c.LoRA.Allow})
	}
	if u := c.Unknown; u != nil {
		m.out.unknown = rule{Rollout: u.Rollout}
		if u.Then {
			m.out.unknown.measure = refused
			m.out.unknown.denial = filters.ParameterNotAllowed.With("The request has a field that is not allowed with these credentials.")
		}
	}
	return m.out
}

// compiler turns one role's section into rules.
type compiler struct {
	base *rules
	out  rules
	path string
	errs *[]error
}

func (m *compiler) number(id engine.ParamID, n *Number) {
	if n != nil {
		m.bound(id, n.Max, rule{Rollout: n.Rollout, measure: value, clamp: n.Then == Clamp})
	}
}

func (m *compiler) elements(id engine.ParamID, n *Count) {
	if n != nil {
		m.bound(id, n.Max, rule{Rollout: n.Rollout, measure: count})
	}
}

func (m *compiler) bytes(id engine.ParamID, n *Size) {
	if n != nil {
		m.bound(id, (*int64)(n.Max), rule{Rollout: n.Rollout, measure: size})
	}
}

func (m *compiler) fate(id engine.ParamID, s *Switch) {
	if s != nil {
		m.out.of[id] = newRule(id, rule{Rollout: s.Rollout, measure: [...]measure{refused, free, removed}[s.Then]})
	}
}

// bound sets the rule r for id with the bound max, or without one the bound that is there already.
func (m *compiler) bound(id engine.ParamID, max *int64, r rule) {
	base := &m.base.of[id]
	if max == nil && base.measure == free {
		*m.errs = append(*m.errs, &setting.Problem{Path: m.path + "." + names[id] + ".max", Want: "a whole number", Got: "nothing"})
		return
	}
	if r.max = base.max; max != nil {
		r.max = *max
	}
	checkBound(m.path, id, r.max, m.errs)
	m.out.of[id] = newRule(id, r)
}

// checkBound says what is wrong with a bound.
func checkBound(path string, id engine.ParamID, max int64, errs *[]error) {
	if max < 0 {
		*errs = append(*errs, setting.Wrong(path+"."+names[id]+".max", "a whole number from 0", max))
	}
	if id == engine.ParamMaxTokens && max == 0 {
		*errs = append(*errs, setting.Wrong(path+"."+names[id]+".max", "a whole number from 1", max))
	}
}

// wider reports whether a lets more through than b, a rule for the same parameter.
func (a *rule) wider(b *rule) bool {
	rank := func(r *rule) int {
		switch {
		case r.measure == free || r.Mode == filters.Off:
			return 3
		case r.Mode == filters.Shadow:
			return 2
		case r.measure == refused:
			return 0
		}
		return 1
	}
	if ra, rb := rank(a), rank(b); ra != rb {
		return ra > rb
	}
	if a.max != b.max {
		return a.max > b.max
	}
	return len(a.allow) > len(b.allow) || a.clamp && !b.clamp
}
