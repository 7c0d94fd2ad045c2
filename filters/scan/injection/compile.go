package injection

import (
	"fmt"
	"strings"
)

// compile reads the rules.
func compile(rules []Rule, lists map[string]string) (*phrases, error) {
	p := &phrases{}
	for i, r := range rules {
		for _, say := range r.Say {
			if err := p.say(say, int16(i), lists); err != nil {
				return nil, fmt.Errorf("rule %s: %q: %w", r.ID, say, err)
			}
		}
		for _, l := range r.Literals {
			if err := p.literal(l, int16(i)); err != nil {
				return nil, fmt.Errorf("rule %s: %q: %w", r.ID, l, err)
			}
		}
	}
	for _, scheme := range []string{"http", "https"} {
		e, ok := p.add(hash([]byte(scheme), lower))
		if !ok {
			return nil, errFull
		}
		e.address = true
	}
	return p, nil
}

// say compiles one phrase.
func (p *phrases) say(say string, rule int16, lists map[string]string) error {
	gap, first, open := int32(near), true, ""
	for f := range strings.FieldsSeq(say) {
		if f = open + f; strings.HasSuffix(f, "|") { // goes on in the next line
			open = f
			continue
		}
		open = ""
		switch f {
		case "+":
			gap = adjacent
			continue
		case "...":
			gap = far
			continue
		}
		if first {
			gap = -1
		}
		if err := p.step(f, gap, lists); err != nil {
			return err
		}
		gap, first = near, false
	}
	if first {
		return fmt.Errorf("no steps")
	}
	p.steps[len(p.steps)-1].rule = rule
	return nil
}

// step adds a step and its alternatives, lists written out.
func (p *phrases) step(words string, gap int32, lists map[string]string) error {
	n := len(p.steps)
	if n == 64*stepWords {
		return errFull
	}
	p.steps = append(p.steps, step{gap: gap, rule: -1})
	if gap < 0 {
		p.firsts.add(n)
	}
	for w := range strings.SplitSeq(words, "|") {
		name, isList := strings.CutPrefix(w, "@")
		if isList {
			if w = lists[name]; w == "" {
				return fmt.Errorf("no list @%s", name)
			}
		}
		for alt := range strings.FieldsFuncSeq(w, func(r rune) bool { return r == '|' || r == '\n' || r == '\t' || r == ' ' }) {
			if err := p.alternative(alt, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// alternative adds one word of a step, or several joined with _.
func (p *phrases) alternative(alt string, step int) error {
	alt, stem := strings.CutSuffix(alt, "*")
	t := tokens{text: []byte(strings.ReplaceAll(alt, "_", " "))}
	var key, last, pair uint64
	n := 0
	for {
		h, ok := t.next()
		if !ok {
			break
		}
		if n++; n == 1 {
			key = h
		} else {
			key, pair = join(key, h), join(last, h)
		}
		last = h
	}
	switch {
	case n == 0 || n > phraseMax:
		return fmt.Errorf("%q has %d words", alt, n)
	case stem && (n > 1 || len(alt) < 8):
		return fmt.Errorf("%q* needs eight bytes of one word", alt)
	case stem:
		key = stemOf(t.text)
	case n > 2:
		e, ok := p.add(pair)
		if !ok {
			return errFull
		}
		e.lengths |= 1 << n
	}
	e, ok := p.add(key)
	if !ok {
		return errFull
	}
	e.steps.add(step)
	return nil
}

func (p *phrases) literal(l string, rule int16) error {
	t := tokens{text: []byte(l)}
	h, ok := t.next()
	if !ok {
		return fmt.Errorf("no word")
	}
	e, ok := p.add(h)
	if !ok {
		return errFull
	}
	e.literals = append(e.literals, literal{text: []byte(strings.ToLower(l)), at: t.from, rule: rule})
	return nil
}
