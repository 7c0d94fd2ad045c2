package scan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"blaze/filters"
	"blaze/filters/scan/injection"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// PromptInjection is the rule for what prompts say, the only one that reads them.
type PromptInjection struct {
	Mode      filters.Mode       `yaml:"mode" doc:"enforce refuses, shadow only counts and logs what it would have refused, off does not look" default:"shadow"`
	Share     *setting.Percent   `yaml:"enforce" doc:"share of identities (or addresses) for whom the rule is enforced, stable by hash; for the others it is in shadow" example:"10%"`
	Threshold float64            `yaml:"threshold" doc:"score from which a message is told: of harmless prompts, 0.8 tells about 4 in 1000, 0.99 about 1" default:"0.8"`
	Roles     map[string]float64 `yaml:"roles" doc:"threshold by role, in place of the one above; of several roles of a caller the highest counts" example:"{red-team: 1, support: 0.9}"`
	Read      setting.Bytes      `yaml:"read" doc:"bytes of a request that are read, the newest message first; of one that is longer than what is left, its start and its end. 0 reads every word of every message" default:"4KiB" example:"0B"`
	Trusted   []string           `yaml:"trusted" doc:"speakers whose messages are not judged: system and developer are the operator's own, assistant is what the model said; user and tool too, if need be" default:"[system, developer, assistant]" example:"[]"`
}

// unset reports whether the rule was made by a program that says nothing of it, not read from a policy.
func (r *PromptInjection) unset() bool { return r.Threshold == 0 && r.Trusted == nil }

// check lists what is wrong, by paths relative to the rule.
func (r *PromptInjection) check() error {
	if r.unset() {
		return nil
	}
	var problems []error
	score := func(path string, v float64) {
		if !(v > 0 && v <= 1) {
			problems = append(problems, setting.Wrong(path, "a score over 0, at most 1", strconv.FormatFloat(v, 'g', -1, 64)))
		}
	}
	score("threshold", r.Threshold)
	for role, v := range r.Roles {
		score("roles."+role, v)
	}
	for i, name := range r.Trusted {
		if !slices.Contains(speakerNames[:], name) {
			problems = append(problems, setting.Wrong(fmt.Sprintf("trusted[%d]", i), "user, tool, assistant, system or developer", name))
		}
	}
	return errors.Join(problems...)
}

// promptRule is the rule, compiled. Immutable.
type promptRule struct {
	filters.Rollout
	PromptInjection
	scorer  *injection.Scorer // nil when nobody looks
	heard   *heard
	trusted [speakers]bool
}

// compile makes the rule; prev is the one that serves now, or nil.
func (r PromptInjection) compile(prev *promptRule) *promptRule {
	c := &promptRule{Rollout: filters.Rollout{Mode: r.Mode, Share: r.Share}, PromptInjection: r}
	if r.unset() || r.Mode == filters.Off {
		return c
	}
	if prev != nil && prev.scorer != nil {
		c.scorer, c.heard = prev.scorer, prev.heard // rules and model are the program's, not the policy's
	} else {
		c.scorer, c.heard = injection.Default(), newHeard()
	}
	for s, name := range speakerNames {
		c.trusted[s] = slices.Contains(r.Trusted, name)
	}
	return c
}

// promptRule is f's, nil when there is no f.
func (f *Filter) promptRule() *promptRule {
	if f == nil {
		return nil
	}
	return f.prompt
}

// from is the score from which x's caller is told.
func (r *promptRule) from(x *filters.Exchange) float64 {
	if len(r.Roles) == 0 || x.Identity == nil {
		return r.Threshold
	}
	highest := 0.0
	for _, role := range x.Identity.Roles {
		highest = max(highest, r.Roles[role])
	}
	if highest == 0 {
		return r.Threshold
	}
	return highest
}

// promptWork is the working memory for one request's prompts.
type promptWork struct {
	look  injection.Look
	turns turns
}

// rulePrompt is the rule's name, also in a policy.
const rulePrompt = "prompt_injection"

// prompts judges what the messages of a body say, each as a whole, and tells the one that scores highest. A verdict that
// passes names it too where the request is only explained.
func (p *pass) prompts(d *engine.Document) (filters.Verdict, bool) {
	rule := p.f.prompt
	if rule.scorer == nil || d.TextBytes == 0 {
		return filters.Verdict{}, false
	}
	score, turn := p.highest(d)
	if turn == nil {
		return filters.Verdict{}, false
	}
	if !p.x.Dry {
		p.f.scores.Observe(score.Value)
	}
	told := score.Value >= rule.from(p.x)
	if !told && !p.x.Dry {
		return filters.Verdict{}, false
	}
	at := spot{doc: d, off: turn.offset(d)}
	if !told {
		return filters.Pass().At(at.String(), "score "+score.String()), false
	}
	if p.exempt(rulePrompt, rulePrompt, at) {
		return filters.Verdict{}, false
	}
	p.count(p.f.others[hitPrompt])
	v := filters.Deny(filters.ThreatDetected, rulePrompt).At(at.String(), "score "+score.String())
	v = rule.Decide(p.x, name, v)
	return v, !v.Passed()
}

// highest is the score of the message that scores highest; nil when none is judged. The newest message is read first: what
// came with an earlier request was read then.
func (p *pass) highest(d *engine.Document) (best injection.Score, at *turn) {
	rule := p.f.prompt
	p.prompt.turns.read(d)
	l, from := p.listen(d), rule.from(p.x)
	left := rule.budget()
	for i := len(p.prompt.turns.list) - 1; i >= 0 && left > 0; i-- {
		t := &p.prompt.turns.list[i]
		if rule.trusted[t.by] {
			continue
		}
		s, read := l.score(t, left, from)
		if left -= read; at == nil || s.Value >= best.Value {
			best, at = s, t
		}
	}
	return best, at
}

// budget is how many bytes are read, of what the operator says and of what the others do.
func (r *promptRule) budget() int {
	if r.Read == 0 {
		return math.MaxInt
	}
	return int(r.Read)
}

// say calls f with the texts of t as they were sent, with most bytes of them at most, and returns how many these were. An escape that
// is cut in two makes odd characters, no more.
func (p *pass) say(d *engine.Document, t *turn, most int, f func(raw []byte, escaped bool)) (read int) {
	all := 0
	for i := t.from; i < t.to; i++ {
		if v := &d.Values[i]; v.Kind == engine.Text {
			all += int(v.Len)
		}
	}
	from, to := all, all // what is left out
	if all > most {
		from, to = most/2, all-(most-most/2)
	}
	at := 0
	for i := t.from; i < t.to; i++ {
		v := &d.Values[i]
		if v.Kind != engine.Text {
			continue
		}
		raw := d.Body[v.Off : v.Off+v.Len]
		within := func(n int) int { return max(0, min(n-at, len(raw))) }
		for _, part := range [...][]byte{raw[:within(from)], raw[within(to):]} {
			if len(part) > 0 {
				f(part, v.Escaped)
			}
		}
		at += len(raw)
	}
	return all - (to - from)
}

// sayDecoded calls f with the same texts, decoded.
func (p *pass) sayDecoded(d *engine.Document, t *turn, most int, f func([]byte)) {
	p.say(d, t, most, func(raw []byte, escaped bool) {
		if escaped {
			p.value = engine.Unescape(p.value[:0], raw)
			raw = p.value
		}
		f(raw)
	})
}
