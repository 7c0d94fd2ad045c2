package scan

import (
	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/upstream/engine"
)

// The rules of this file.
const (
	ruleModelName = "model-name"
	ruleToolName  = "tool-name"
)

// Longest names; engines' own are under 100 bytes.
const (
	maxModel = 256
	maxTool  = 128
)

// named judges the name of a model or tool, which comes again with every request.
func (p *pass) named(b []byte, kind engine.Kind, at spot) (filters.Verdict, bool) {
	sum, known := p.known(p.f.clean, b, aName+uint64(kind))
	if known {
		return filters.Verdict{}, false
	}
	if v, bad := p.judge(b, detect.Field, at); bad {
		return v, true
	}
	v, bad := p.name(b, kind, at)
	if !bad && p.names {
		p.learn(p.f.clean, sum)
	}
	return v, bad
}

// name holds a model's or tool's name against its grammar: an allow list needs no detector.
func (p *pass) name(b []byte, kind engine.Kind, at spot) (filters.Verdict, bool) {
	if !p.names {
		return filters.Verdict{}, false
	}
	rule, most, extra := ruleModelName, maxModel, " ._:/@+-()[],="
	if kind == engine.Tool {
		rule, most, extra = ruleToolName, maxTool, "_.:/-"
	}
	if len(b) <= most && inAlphabet(b, extra) || p.exempt(hitNames.String(), rule, at) {
		return filters.Verdict{}, false
	}
	v, bad := p.decide(hitNames, p.f.cfg.Names, rule, at, excerpt(b, 0, len(b)))
	p.names = p.names && bad
	return v, bad
}

// inAlphabet reports whether b is made of ASCII letters, digits and the bytes of extra.
func inAlphabet(b []byte, extra string) bool {
next:
	for _, c := range b {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		for i := 0; i < len(extra); i++ {
			if c == extra[i] {
				continue next
			}
		}
		return false
	}
	return true
}
