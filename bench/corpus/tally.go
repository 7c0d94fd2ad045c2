package main

import (
	"cmp"
	"fmt"
	"slices"
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
	Cost  *cost              `json:"cost,omitempty"`
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
