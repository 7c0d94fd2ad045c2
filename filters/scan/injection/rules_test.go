package injection

import "testing"

// look reads one message and returns its score.
func look(l *Look, s *Scorer, tool bool, parts ...string) Score {
	l.Begin(s)
	l.Open(tool)
	for _, p := range parts {
		l.Text([]byte(p))
	}
	return l.Close()
}

// TestRules holds every rule against its own examples: each is found in its hits, and none in any rule's misses.
func TestRules(t *testing.T) {
	s, l, ran := Default(), &Look{}, 0
	for i, r := range Rules() {
		if r.Why == "" || len(r.Hits) == 0 || len(r.Misses) == 0 || r.Points <= 0 && r.Mark != Kept {
			t.Errorf("%s: a rule says why, has points, hits and misses", r.ID)
		}
		if r.Mark == Kept {
			continue // see TestKeptBack
		}
		for _, in := range r.Hits {
			ran++
			if sc := look(l, s, r.Tool, in); !sc.found.has(i) {
				t.Errorf("%s is not found in %q", r.ID, in)
			}
		}
		for _, in := range r.Misses {
			ran++
			if sc := look(l, s, r.Tool, in); sc.found != 0 {
				t.Errorf("%v found in %q, which %s passes", sc.Rules(), in, r.ID)
			}
		}
	}
	if ran < 100 {
		t.Errorf("only %d examples ran", ran)
	}
}
