package scan

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"blaze/filters"
	"blaze/filters/scan/secrets"
	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Secrets is the rule for keys, tokens and personal data. It is off unless asked for.
type Secrets struct {
	Mode   filters.Mode     `yaml:"mode" doc:"enforce does what action says, shadow only counts and logs, off does not look" default:"off"`
	Share  *setting.Percent `yaml:"enforce" doc:"share of identities (or addresses) for whom the rule is enforced, stable by hash; for the others it is in shadow" example:"10%"`
	Action Action           `yaml:"action" doc:"sanitize puts a label such as [redacted:card] in the place of each; block refuses the prompt, and ends the answer before it" default:"sanitize"`
	Kinds  []string         `yaml:"kinds" doc:"what is looked for: the classes secret and personal, or single kinds; the README of scan lists them" default:"[secret, personal]" example:"[secret, card, iban]"`
	Hold   time.Duration    `yaml:"hold" doc:"how long a frame of an answer waits for the next while it ends in what is only a word, or in the first six bytes of something; 0s waits as long as it takes" default:"200ms" example:"0s"`
	In     []string         `yaml:"in" doc:"where: prompts, answers" default:"[prompts, answers]" example:"[answers]"`
}

const (
	inPrompts = "prompts"
	inAnswers = "answers"
)

// check lists what is wrong with s.
func (s *Secrets) check() (problems []error) {
	for i, k := range s.Kinds {
		if !slices.Contains(secrets.Names(), k) {
			p := &setting.Problem{Path: fmt.Sprintf("secrets.kinds[%d]", i), Want: "a kind, or one of the classes secret and personal", Got: fmt.Sprintf("%q", k)}
			if near := setting.Nearest(k, secrets.Names()); near != "" {
				p.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			problems = append(problems, p)
		}
	}
	for i, where := range s.In {
		if where != inPrompts && where != inAnswers {
			problems = append(problems, setting.Wrong(fmt.Sprintf("secrets.in[%d]", i), "prompts or answers", where))
		}
	}
	if s.Hold < 0 || s.Hold > time.Minute || s.Hold > 0 && s.Hold < time.Millisecond {
		problems = append(problems, setting.Wrong("secrets.hold", "0s, or a duration from 1ms to 1m", s.Hold.String()))
	}
	return problems
}

// secretsRule is the rule as compiled. Immutable.
type secretsRule struct {
	filters.Rollout
	block            bool
	prompts, answers bool
	hold             time.Duration
	finder           *secrets.Finder
	kinds            []string   // what finder was made for
	rules            []string   // by kind: the name in logs
	labels           [][]byte   // by kind
	readers          *sync.Pool // of *answer
	hits             *telemetry.Counter
	found            [2][]*telemetry.Counter // in prompts and answers, by kind
}

// newSecrets compiles cfg, where something is to be looked for.
func (f *Filter) newSecrets(cfg Secrets, prev *Filter, env filters.Env) error {
	if cfg.Mode == filters.Off || len(cfg.Kinds) == 0 || len(cfg.In) == 0 {
		return nil
	}
	r := &secretsRule{
		Rollout: filters.Rollout{Mode: cfg.Mode, Share: cfg.Share}, block: cfg.Action == Block, kinds: cfg.Kinds,
		prompts: slices.Contains(cfg.In, inPrompts), answers: slices.Contains(cfg.In, inAnswers),
		hold: cfg.Hold, readers: &sync.Pool{}, hits: f.others[hitSecrets],
	}
	if prev != nil && prev.secrets != nil && slices.Equal(prev.secrets.kinds, cfg.Kinds) {
		r.finder = prev.secrets.finder
	} else {
		var err error
		if r.finder, err = secrets.New(cfg.Kinds); err != nil {
			return err
		}
	}
	for i, k := range r.finder.Kinds() {
		r.rules, r.labels = append(r.rules, "secrets-"+k.ID), append(r.labels, []byte(r.finder.Label(i)))
		r.found[0] = append(r.found[0], env.Metrics.Counter("blaze_scan_secrets_total", k.ID, inPrompts))
		r.found[1] = append(r.found[1], env.Metrics.Counter("blaze_scan_secrets_total", k.ID, inAnswers))
	}
	f.secrets = r
	return nil
}

// enforced reports whether something happens to x's secrets.
func (r *secretsRule) enforced(x *filters.Exchange) bool {
	return !x.Shadowed && r.Enforced(x, hitSecrets.String())
}

// maxEdits bounds how many places of one request are changed. Beyond it the request is refused.
const maxEdits = 4096

var tooMany = filters.InvalidRequest.With("The request holds more that would have to be taken out than the limit of 4096 places.")

// said looks for secrets in every prompt of the body. Where the shape is unknown, every string may be one.
func (p *pass) said(d *engine.Document) filters.Verdict {
	if r := p.f.secrets; r == nil || !r.prompts {
		return filters.Pass()
	}
	for i := range d.Values {
		val := &d.Values[i]
		if !promptIn(d, val) {
			continue
		}
		if v, bad := p.saidIn(d, val); bad {
			return v
		}
	}
	return filters.Pass()
}

// saidIn looks into one prompt. One that was written anew already is judged, and written, as it will be sent.
func (p *pass) saidIn(d *engine.Document, val *engine.Value) (filters.Verdict, bool) {
	at, text, edits := spot{doc: d, off: val.Off}, p.text(d, val), len(p.x.Edits)
	changed := p.wasChanged(val.Off)
	if changed == nil {
		return p.conceal(text, d.Text(*val), val.Off, val.Escaped, true, at)
	}
	v, bad := p.conceal(text, text, 0, false, true, at)
	if bad || len(p.x.Edits) == edits {
		return v, bad
	}
	text = engine.Apply(nil, text, p.x.Edits[edits:])
	p.x.Edits = p.x.Edits[:edits]
	return p.rewrite(val, text, hitSecrets.String(), at)
}

// saidRaw looks for them in a body, or a part of one, that is no JSON; change says that it is the whole body as it will be
// sent.
func (p *pass) saidRaw(text []byte, change bool, at spot) (filters.Verdict, bool) {
	if r := p.f.secrets; r == nil || !r.prompts {
		return filters.Verdict{}, false
	}
	return p.conceal(text, text, 0, false, change, at)
}

// saidPairs looks for them in the keys and values of a form whose body is percent-encoded, where nothing can be changed.
func (p *pass) saidPairs(raw []byte) (filters.Verdict, bool) {
	for len(raw) > 0 {
		var pair []byte
		pair, raw, _ = bytes.Cut(raw, []byte{'&'})
		key, _, _ := bytes.Cut(pair, []byte{'='})
		p.value = appendUnescaped(p.value[:0], pair, true)
		if v, bad := p.saidRaw(p.value, false, spot{kind: "form", name: key}); bad {
			return v, true
		}
	}
	return filters.Verdict{}, false
}

// conceal does what the rule says to what it finds in text, whose raw form stands at off. What cannot be changed where it
// stands is refused instead.
func (p *pass) conceal(text, raw []byte, off uint32, escaped, change bool, at spot) (filters.Verdict, bool) {
	r, x := p.f.secrets, p.x
	p.spans = r.finder.Find(p.spans[:0], text)
	if len(p.spans) == 0 {
		return filters.Verdict{}, false
	}
	enforced, place := r.enforced(x), rawPlace{raw: raw, escaped: escaped}
	for _, s := range p.spans {
		if p.exempt(hitSecrets.String(), r.rules[s.Kind], at) {
			continue
		}
		p.count(r.hits)
		p.count(r.found[0][s.Kind])
		switch {
		case !enforced:
			p.noteSecret(s.Kind)
		case r.block || !change:
			return filters.Deny(filters.ThreatDetected, r.rules[s.Kind]).At(at.String(), r.finder.Label(s.Kind)), true
		case len(x.Edits) >= maxEdits:
			p.count(p.f.limits)
			return filters.Deny(tooMany, "limit").At(at.String(), ""), true
		default:
			from := place.at(s.From)
			x.Edits = append(x.Edits, engine.Edit{Off: off + uint32(from), Len: uint32(place.at(s.To) - from), With: r.labels[s.Kind]})
			sanitized(x, hitSecrets.String())
		}
	}
	return filters.Verdict{}, false
}

// noteSecret notes what is not enforced.
func (p *pass) noteSecret(kind int) {
	if bit := uint64(1) << (kind % 64); p.noted[kind/64]&bit == 0 {
		p.noted[kind/64] |= bit
		p.f.secrets.note(p.x, kind, filters.ThreatDetected)
	}
}

// note notes a kind in shadow: each once, and of those that block only the first, since nothing would have followed it.
func (r *secretsRule) note(x *filters.Exchange, kind int, d *filters.Denial) {
	if r.block && slices.ContainsFunc(x.Shadows, func(h telemetry.ShadowHit) bool { return h.Filter == name && slices.Contains(r.rules, h.Rule) }) {
		return
	}
	x.NoteShadow(name, filters.Deny(d, r.rules[kind]))
}

// sanitized says in the answer's header that rule has changed something.
func sanitized(x *filters.Exchange, rule string) {
	switch {
	case x.Sanitized == "":
		x.Sanitized = rule
	case !listed(x.Sanitized, rule):
		x.Sanitized += ", " + rule
	}
}

// listed reports whether list, as sanitized writes it, has rule.
func listed(list, rule string) bool {
	for len(list) >= len(rule) {
		if list[:len(rule)] == rule && (len(list) == len(rule) || list[len(rule)] == ',') {
			return true
		}
		i := 0
		for i < len(list) && list[i] != ' ' {
			i++
		}
		if i == len(list) {
			return false
		}
		list = list[i+1:]
	}
	return false
}

// rawPlace finds places of a text in its raw form, a JSON string; from left to right.
type rawPlace struct {
	raw     []byte
	escaped bool
	off, n  int // the same place, in raw and in the text
}

// at is where the text's byte n stands in raw. Whatever is found is ASCII, and so no escape is cut.
func (p *rawPlace) at(n int) int {
	if !p.escaped {
		return n
	}
	for p.n < n && p.off < len(p.raw) {
		if p.raw[p.off] != '\\' {
			p.off, p.n = p.off+1, p.n+1
			continue
		}
		size, length := 2, 1
		if p.raw[p.off+1] == 'u' {
			r, l := engine.Escape(p.raw[p.off:])
			size, length = l, utf8.RuneLen(r)
		}
		p.off, p.n = p.off+size, p.n+length
	}
	return p.off
}
