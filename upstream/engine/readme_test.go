package engine

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated part of the README")

const routesHeading = "## Routes\n"

// routeTables renders the routes of every engine, by class.
func routeTables() string {
	var b strings.Builder
	for _, name := range Names() {
		e, _ := Lookup(name)
		fmt.Fprintf(&b, "\n### %s\n\nRead from: %s.\n\n| class | method | path | name | body | stream |\n|---|---|---|---|---|---|\n", e.Name, e.Version)
		routes := slices.Clone(e.Routes)
		slices.SortStableFunc(routes, func(a, b Route) int { return cmp.Compare(a.Class, b.Class) })
		for _, r := range routes {
			flow := ""
			if r.Streams {
				flow = "yes"
			}
			if r.Upgrade {
				flow = strings.TrimPrefix(flow+", WebSocket", ", ")
			}
			fmt.Fprintf(&b, "| %v | %s | `%s` | %s | %v | %s |\n", r.Class, r.Method, r.Path, r.Name, r.Shape, flow)
		}
	}
	return b.String()
}

func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, tables, ok := strings.Cut(string(text), routesHeading)
	if !ok {
		t.Fatal("README.md has no section Routes")
	}
	intro, _, _ := strings.Cut(tables, "\n### ")
	want := head + routesHeading + strings.TrimRight(intro, "\n") + "\n" + routeTables()
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("README.md does not show the routes of the code; run this test with -update")
	}
	for _, c := range Classes() {
		if !strings.Contains(head, "\n| "+c.String()+" |") {
			t.Errorf("README.md does not explain the class %v", c)
		}
	}
}
