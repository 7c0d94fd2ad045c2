package injection

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the README's table of rules")

// TestReadme: the README lists every rule as it is.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| rule | points | why |\n|---|---|---|\n")
	for _, r := range Rules() {
		points := fmt.Sprintf("%.1f", float64(r.Points)/10)
		if r.Mark == Kept {
			points = "2.4 to 5.4"
		}
		where := ""
		if r.Tool {
			where = " (tools only)"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s%s |\n", r.ID, points, r.Why, where)
	}
	const from, to = "<!-- rules -->\n", "<!-- end -->"
	head, rest, ok := strings.Cut(string(b), from)
	_, tail, ends := strings.Cut(rest, to)
	if !ok || !ends {
		t.Fatal("the README has no place for the rules")
	}
	want := head + from + table.String() + to + tail
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(b) {
		t.Error("the table of rules is not Rules(): run go test ./filters/scan/injection -run Readme -update")
	}
}
