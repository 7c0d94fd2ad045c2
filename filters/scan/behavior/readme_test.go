package behavior

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"blaze/filters"
)

var update = flag.Bool("update", false, "rewrite the table of weights in the README of scan")

// weightTable is the README's table.
func weightTable() (rows int, text string) {
	var b strings.Builder
	b.WriteString("| what happened | first time | the same again | counts as |\n|---|---|---|---|\n")
	row := func(w weight) {
		rows++
		again := fmt.Sprint(w.again)
		if w.by == always {
			again = "as much"
		}
		fmt.Fprintf(&b, "| %s | %v | %s | %s |\n", w.what, w.first, again, w.cause)
	}
	for _, d := range filters.Catalogue() {
		switch w, ok := byDenial[d.Code]; {
		case d == filters.ExpectationFailed: // counts by its code, which has had its row
		case d == filters.InsufficientAuth:
			row(wrongCode)
			row(w)
		case d == filters.UnknownRoute:
			row(unknownPath)
		case ok:
			row(w)
		}
	}
	row(fromUpstream)
	row(weight{first: jump, cause: sizes, what: "a prompt of quite another size than usual, once served"})
	return rows, b.String()
}

// TestReadme: the README's weights are the code's.
func TestReadme(t *testing.T) {
	const file, begin, end = "../README.md", "<!-- weights -->\n", "<!-- end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, want := weightTable()
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ends := strings.Cut(rest, end)
	if !ok || !ends || rows < len(byDenial)+3 {
		t.Fatalf("the README has no table of weights; %d rows", rows)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatal("the table of weights is not what the code says: go test ./filters/scan/behavior -run Readme -update")
	}
	if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
