package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// print writes the tables.
func (t *report) print(w io.Writer) error {
	out := bufio.NewWriter(w)
	t.grid(out, "attacks stopped, % by class and place", attacks)
	for _, class := range append(mainClasses(), "all") {
		if mean, ok := t.Means[class]; ok {
			fmt.Fprintf(out, "mean over places, %s: %.2f\n", class, mean)
		}
	}
	t.grid(out, "attacks under the names of free text, % stopped", decoyed)
	t.list(out, "attacks quoted in a prompt: refused is wrong", quoted, false)
	t.list(out, "URLs to be fetched: attacks stopped", urls, true)
	t.list(out, "uploads: bad names stopped", uploads, true)
	t.list(out, "whole requests: attacks stopped", whole, true)
	t.list(out, "whole requests: harmless ones refused", whole, false)
	t.list(out, "harmless values refused", harmless, false)
	t.list(out, "prompts refused", prompts, false)
	t.list(out, "prompts refused, other transports", transports, false)
	t.list(out, "prompt injections told at the default threshold", injections, true)
	t.list(out, "harmless prompts told", injections, false)
	all := t.sum(func(*row) bool { return true })
	gotestwaf := func(attack bool) counts {
		return t.sum(func(r *row) bool { return r.Group == whole && r.Place == "gotestwaf" && r.Attack == attack })
	}
	fmt.Fprintf(out, "\nGoTestWAF: attacks stopped %s %%, harmless refused %s %%\n", figure(gotestwaf(true)), figure(gotestwaf(false)))
	fmt.Fprintf(out, "%d requests; late: %d; neither passed nor stopped: %d\n", all.total(), all.Late, all.Other)
	for _, what := range slices.Sorted(maps.Keys(t.Other)) {
		fmt.Fprintf(out, "  %d x %s\n", t.Other[what], what)
	}
	if t.Cost != nil {
		t.Cost.print(out, "of the corpus")
	}
	return out.Flush()
}

// grid is one line a class, one column a place.
func (t *report) grid(w io.Writer, title, group string) {
	var places, classes []string
	cells := map[[2]string]counts{}
	for _, r := range t.Rows {
		if r.Group != group {
			continue
		}
		if !slices.Contains(places, r.Place) {
			places = append(places, r.Place)
		}
		if !slices.Contains(classes, r.Class) {
			classes = append(classes, r.Class)
		}
		cells[[2]string{r.Class, r.Place}] = r.counts
	}
	fmt.Fprintf(w, "\n## %s\n\n", title)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
	fmt.Fprintf(tw, "class\tcases\t%s\t\n", strings.Join(places, "\t"))
	for _, class := range classes {
		cases := 0
		for _, place := range places {
			cases = max(cases, cells[[2]string{class, place}].total())
		}
		fmt.Fprintf(tw, "%s\t%d\t", class, cases)
		for _, place := range places {
			fmt.Fprintf(tw, "%s\t", figure(cells[[2]string{class, place}]))
		}
		fmt.Fprintln(tw)
	}
	_ = tw.Flush() // the writer below keeps its error
}

// list is one line a class and place, and their sum.
func (t *report) list(w io.Writer, title, group string, attack bool) {
	ours := func(r *row) bool { return r.Group == group && r.Attack == attack }
	all := t.sum(ours)
	if all.total() == 0 {
		return
	}
	fmt.Fprintf(w, "\n## %s\n\n", title)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
	fmt.Fprintln(tw, "class\tplace\tcases\tstopped\t%\tlate\tother\t")
	line := func(class, place string, c counts) {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%s\t%d\t%d\t\n", class, place, c.total(), c.Stopped, figure(c), c.Late, c.Other)
	}
	for _, r := range t.Rows {
		if ours(r) {
			line(r.Class, r.Place, r.counts)
		}
	}
	line("all", "", all)
	_ = tw.Flush()
}

func figure(c counts) string {
	if p := c.percent(); p >= 0 {
		return fmt.Sprintf("%.2f", p)
	}
	return "-"
}
