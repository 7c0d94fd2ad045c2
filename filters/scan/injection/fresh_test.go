package injection

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fresh is a text of testdata/fresh-*.txt.
type fresh struct{ family, text string }

func readFresh(t *testing.T, name string) (all []fresh) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		family, quoted, ok := strings.Cut(line, ": ")
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(quoted, `"`, `\"`) + `"`)
		if !ok || err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		all = append(all, fresh{family, text})
	}
	return all
}

// TestFresh: what is told, at the default threshold, of texts of our own that no model was trained on; their heads say how
// fresh they are. The bounds are a little short of what was measured: they notice a change for the worse.
func TestFresh(t *testing.T) {
	s, l := Default(), &Look{}
	f := func(name string, count int) (share float64) {
		t.Helper()
		n, told, all := map[string]int{}, map[string]int{}, readFresh(t, name)
		for _, c := range all {
			sc := look(l, s, strings.HasPrefix(c.family, "tool-"), c.text)
			if n[c.family]++; sc.Value >= 0.8 {
				told[c.family]++
				share += 100 / float64(len(all))
			}
			t.Logf("%-13s %.60q %s", c.family, c.text, sc.String())
		}
		var rows []string
		for _, family := range slices.Sorted(maps.Keys(n)) {
			rows = append(rows, fmt.Sprintf("%s %d/%d", family, told[family], n[family]))
		}
		t.Logf("%s: %.1f %% of %d told: %s", name, share, len(all), strings.Join(rows, ", "))
		if len(all) < count {
			t.Errorf("%s: only %d texts", name, len(all))
		}
		return share
	}
	for _, list := range []struct {
		name        string
		count       int
		least, most float64
	}{
		{"fresh-attacks.txt", 120, 80, 100},
		{"fresh-harmless.txt", 200, 0, 12},
		{"fresh2-attacks.txt", 150, 45, 100},
		{"fresh2-harmless.txt", 165, 0, 15},
	} {
		if got := f(list.name, list.count); got < list.least || got > list.most {
			t.Errorf("%s: %.1f %% are told", list.name, got)
		}
	}
}
