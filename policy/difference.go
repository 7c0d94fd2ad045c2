package policy

import (
	"fmt"
	"io"
	"sort"
	"strings"
)

// Difference is what a replay found.
type Difference struct {
	Lines    int `json:"lines"`     // of all logs
	Requests int `json:"requests"`  // that could be replayed
	HeadOnly int `json:"head_only"` // of them, without their bodies: only what the head decides was compared
	Changed  int `json:"changed"`
	// Rules lists the changes by what decided before and after, the most frequent first.
	Rules []RuleChange `json:"rules"`
}

// RuleChange counts the requests whose verdict went from Was to Now.
type RuleChange struct {
	Was      string   `json:"was"` // pass, or code filter/rule
	Now      string   `json:"now"`
	Count    int      `json:"count"`
	Examples []string `json:"examples"` // request ids
}

const maxExamples = 5

func (p *replayer) change(was, now, id string) {
	p.d.Changed++
	key := [2]string{was, now}
	c := p.found[key]
	if c == nil {
		c = &RuleChange{Was: was, Now: now}
		p.found[key] = c
	}
	c.Count++
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, id)
	}
}

func (p *replayer) difference() *Difference {
	p.d.Rules = []RuleChange{}
	for _, c := range p.found {
		p.d.Rules = append(p.d.Rules, *c)
	}
	sort.Slice(p.d.Rules, func(i, j int) bool {
		a, b := p.d.Rules[i], p.d.Rules[j]
		if a.Count != b.Count {
			return a.Count > b.Count
		}
		return a.Was+a.Now < b.Was+b.Now
	})
	return &p.d
}

// WriteText writes the difference for people.
func (d *Difference) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, r := range d.Rules {
		fmt.Fprintf(&b, "%6d  %s → %s  (%s)\n", r.Count, r.Was, r.Now, strings.Join(r.Examples, ", "))
	}
	fmt.Fprintf(&b, "%d of %d requests get another verdict", d.Changed, d.Requests)
	if d.HeadOnly > 0 {
		fmt.Fprintf(&b, "; %d were recorded without their bodies (telemetry.audit.bodies: full), so only their heads were judged", d.HeadOnly)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}
