package detect

import "testing"

// TestRules holds every rule against its own examples: its hits are refused by that very rule, alone; its misses by none.
func TestRules(t *testing.T) {
	all := Default()
	hits, misses := 0, 0
	for _, r := range Rules() {
		one, err := New([]Rule{r})
		if err != nil {
			t.Fatal(err)
		}
		if r.Why == "" || len(r.Hits) == 0 || len(r.Misses) == 0 {
			t.Errorf("%s: a rule says why, and has hits and misses", r.ID)
		}
		var sc Scratch
		for _, in := range r.Hits {
			hits++
			if h, ok := one.Scan(&sc, []byte(in), All, r.home()); !ok || h.Limit {
				t.Errorf("%s does not find %q", r.ID, in)
			}
		}
		for _, in := range r.Misses {
			misses++
			if h, ok := all.Scan(&sc, []byte(in), All, r.home()); ok {
				t.Errorf("%s finds %q, an example of what %s passes", id(h), in, r.ID)
			}
		}
	}
	if hits < 80 || misses < 80 {
		t.Errorf("only %d hits and %d misses ran", hits, misses)
	}
}

// home is a place in which r speaks.
func (r *Rule) home() Place {
	p := Query
	for !r.in(p) {
		p++
	}
	return p
}

func id(h Hit) string {
	if h.Rule == nil {
		return "limit"
	}
	return h.Rule.ID
}

// TestPatternsAsRegexp: the automata of the patterns say what package regexp says, of every example and of a part of the open corpus.
func TestPatternsAsRegexp(t *testing.T) {
	set := Default()
	for i, p := range set.patterns {
		if p == nil {
			continue
		}
		if _, slow := p.Match(nil); slow {
			t.Errorf("%s: its pattern is too large for an automaton", set.rules[i].ID)
		}
	}
	n := 0
	compare := func(text string) {
		plain, _ := appendForm(nil, []byte(text), Plain)
		for i, p := range set.patterns {
			if p == nil {
				continue
			}
			n++
			if found, _ := p.Match(plain); found != (p.FindIndex(plain) != nil) {
				t.Errorf("%s: its automaton finds something in %q: %v", set.rules[i].ID, plain, found)
			}
		}
	}
	seeds(compare)
	for i, c := range readCorpus(t, "payloads-attack.jsonl") {
		if i%64 == 0 && len(c.P) < 100 {
			compare(c.P)
		}
	}
	if n < 20000 {
		t.Errorf("only %d comparisons", n)
	}
}

// TestOneByte: no rule finds anything in a single byte, but for a control one; Scan counts on it.
func TestOneByte(t *testing.T) {
	set := Default()
	var sc Scratch
	for place := Query; place < places; place++ {
		for c := range 256 {
			value := []byte{byte(c)}
			w := set.wanted(All, place)
			sc.work = patternBytes
			if _, hit := set.decoded(&sc, value, classes(value), w, true); hit && classOf[c]&ctrl == 0 {
				t.Errorf("%s finds %q in place %d", id(sc.hit), value, place)
			}
		}
	}
}
