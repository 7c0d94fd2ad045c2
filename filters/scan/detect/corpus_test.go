package detect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"
)

// corpora is where the open test data lies; it is no part of this repository.
const corpora = "../../../../shared/corpora"

type corpusCase struct{ ID, Label, Cat, Src, P string }

func readCorpus(t *testing.T, name string) (out []corpusCase) {
	t.Helper()
	f, err := os.Open(filepath.Join(corpora, name))
	if err != nil {
		t.Skipf("the test data is not here: %v", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c corpusCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// tally counts hits by category.
type tally map[string]*[2]int

func (a tally) add(cat string, hit bool) {
	if a[cat] == nil {
		a[cat] = new([2]int)
	}
	a[cat][1]++
	if hit {
		a[cat][0]++
	}
}

func (a tally) log(t *testing.T, what string) {
	var names []string
	for n := range a {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		t.Logf("%-10s %-18s %5d of %5d  %6.2f %%", what, n, a[n][0], a[n][1], 100*float64(a[n][0])/float64(a[n][1]))
	}
}

// unescape undoes percent-encoding once, as the query's reader does.
func unescape(p string) []byte {
	var out []byte
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]) {
			out = append(out, byte(unhex(p[i+1])<<4|unhex(p[i+2])))
			i += 2
			continue
		}
		out = append(out, p[i])
	}
	return out
}

// TestCorpusAttacks holds the rules against the open half of the real attacks: as a query value and as a JSON string.
func TestCorpusAttacks(t *testing.T) {
	set, got := Default(), tally{}
	var sc Scratch
	var missed bytes.Buffer
	for _, c := range readCorpus(t, "payloads-attack.jsonl") {
		_, inQuery := set.Scan(&sc, unescape(c.P), All, Query)
		_, inField := set.Scan(&sc, []byte(c.P), All, Field)
		got.add(c.Cat, inQuery && inField)
		if !inQuery || !inField {
			fmt.Fprintf(&missed, "%s %v %v %q\n", c.Cat, inQuery, inField, c.P)
		}
	}
	got.log(t, "stopped")
	if f := os.Getenv("CORPUS_MISSES"); f != "" {
		_ = os.WriteFile(f, missed.Bytes(), 0o600)
	}
	f := func(cat string, percent float64) {
		if n := got[cat]; n == nil || 100*float64(n[0]) < percent*float64(n[1]) {
			t.Errorf("%s: %v stopped; want %v %%", cat, n, percent)
		}
	}
	f("sqli", 99)
	f("xss", 99)
	f("traversal", 98)
	f("cmdi", 93)
}

// TestCorpusBenign holds the rules against real harmless values.
func TestCorpusBenign(t *testing.T) {
	set, got := Default(), tally{}
	var sc Scratch
	var wrong bytes.Buffer
	hits, cases := 0, 0
	for _, c := range readCorpus(t, "payloads-benign.jsonl") {
		place := Field
		switch c.Cat {
		case "user-agent":
			place = Agent
		case "referer":
			place = Locus
		}
		h, hit := set.Scan(&sc, []byte(c.P), All, place)
		got.add(c.Cat, hit)
		if c.Cat == "libinjection-fp" {
			continue // a list of values chosen because they look like attacks; counted, and told above
		}
		cases++
		if hit {
			hits++
			fmt.Fprintf(&wrong, "%s %s %q\n", c.Cat, id(h), c.P)
		}
	}
	got.log(t, "refused")
	if f := os.Getenv("CORPUS_WRONG"); f != "" {
		_ = os.WriteFile(f, wrong.Bytes(), 0o600)
	}
	if 200*hits > cases {
		t.Errorf("%d of %d harmless values refused; want at most 0.5 %%", hits, cases)
	}
	f := func(cat string) {
		if n := got[cat]; n == nil || n[0] > 0 {
			t.Errorf("%s: %v refused; want none", cat, n)
		}
	}
	f("user-agent")
	f("filename")
	f("model-id")
	f("image-url")
	f("tool-name")
	f("referer")
}
