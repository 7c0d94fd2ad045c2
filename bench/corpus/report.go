package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// counts are outcomes of one class in one place.
type counts struct {
	Passed  int `json:"passed"`
	Stopped int `json:"stopped"`
	Late    int `json:"late"`
	Other   int `json:"other"`
}

func (c counts) total() int { return c.Passed + c.Stopped + c.Late + c.Other }

// percent is how much of the total was stopped, -1 of nothing.
func (c counts) percent() float64 {
	if c.total() == 0 {
		return -1
	}
	return 100 * float64(c.Stopped) / float64(c.total())
}

func (c *counts) add(outcome string) {
	switch outcome {
	case passed:
		c.Passed++
	case stopped:
		c.Stopped++
	case late:
		c.Late++
	default:
		c.Other++
	}
}

// row is one class in one place of a group.
type row struct {
	Group  string `json:"group"`
	Class  string `json:"class"`
	Place  string `json:"place"`
	Attack bool   `json:"attack"`
	counts
}

// report is what a run found: rows in the order of group, attack, class and place, and the headline figures.
type report struct {
	Rows  []*row             `json:"rows"`
	Means map[string]float64 `json:"means"` // percent, of each main class over the structural places; "all" is their mean
	Other map[string]int     `json:"other"` // the answers that count as neither, "status code" to how often
}

// mainClasses are those that the mean is over.
func mainClasses() []string { return []string{"sqli", "xss", "traversal", "cmdi"} }

func tally(probes []*probe) *report {
	t := &report{Means: map[string]float64{}, Other: map[string]int{}}
	at := map[row]*row{}
	for _, p := range probes {
		key := row{Group: p.group, Class: p.entry.Class, Place: p.place, Attack: p.attack}
		r := at[key]
		if r == nil {
			r = new(key)
			at[key] = r
			t.Rows = append(t.Rows, r)
		}
		r.add(p.outcome)
		if p.outcome == other {
			t.Other[fmt.Sprintf("%d %s", p.answer.status, p.answer.code)]++
		}
	}
	slices.SortStableFunc(t.Rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Class, b.Class))
	})
	sum, classes := 0.0, 0
	for _, class := range mainClasses() {
		if mean, ok := t.mean(class); ok {
			t.Means[class] = mean
			sum, classes = sum+mean, classes+1
		}
	}
	if classes > 0 {
		t.Means["all"] = sum / float64(classes)
	}
	return t
}

// mean is what is stopped of a class, each structural place weighing the same.
func (t *report) mean(class string) (float64, bool) {
	sum, places := 0.0, 0
	for _, r := range t.Rows {
		if r.Group == attacks && r.Class == class {
			sum, places = sum+r.percent(), places+1
		}
	}
	return sum / float64(max(places, 1)), places > 0
}

// sum adds up the rows that match.
func (t *report) sum(match func(*row) bool) counts {
	var c counts
	for _, r := range t.Rows {
		if match(r) {
			c.Passed, c.Stopped, c.Late, c.Other = c.Passed+r.Passed, c.Stopped+r.Stopped, c.Late+r.Late, c.Other+r.Other
		}
	}
	return c
}

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
	all := t.sum(func(*row) bool { return true })
	fmt.Fprintf(out, "\n%d requests; late: %d; neither passed nor stopped: %d\n", all.total(), all.Late, all.Other)
	for _, what := range slices.Sorted(maps.Keys(t.Other)) {
		fmt.Fprintf(out, "  %d x %s\n", t.Other[what], what)
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

// miss is one probe that did not end as it should.
type miss struct {
	ID      string `json:"id"`
	Group   string `json:"group"`
	Place   string `json:"place"`
	Outcome string `json:"outcome"`
	Status  int    `json:"status"`
	Code    string `json:"code,omitempty"`
	Attack  bool   `json:"attack"`
	Payload string `json:"payload,omitempty"`
	Target  string `json:"target,omitempty"`
}

// writeMisses writes the attacks that were not stopped and the harmless requests that did not pass, one a line.
func writeMisses(path string, probes []*probe) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	for _, p := range probes {
		if p.attack && p.outcome == stopped || !p.attack && p.outcome == passed {
			continue
		}
		m := miss{p.entry.ID, p.group, p.place, p.outcome, p.answer.status, p.answer.code, p.attack, p.entry.Payload, p.entry.URI}
		if err := e.Encode(m); err != nil {
			break // the writer keeps its error
		}
	}
	if err := out.Flush(); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
