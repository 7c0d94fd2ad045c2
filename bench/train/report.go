package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"blaze/filters/scan/injection"
)

// threshold is the score that at most a share of the harmless texts are above.
func (r result) threshold(share float64) float64 {
	var scores []float64
	for _, j := range r {
		if !j.attack {
			scores = append(scores, j.score)
		}
	}
	slices.Sort(scores)
	if len(scores) == 0 {
		return math.Inf(1)
	}
	return scores[len(scores)-1-int(share*float64(len(scores)))]
}

func (r result) above(t float64) (n int) {
	for _, j := range r {
		if j.score > t {
			n++
		}
	}
	return n
}

// print prints what is told of each source of attacks and each class of harmless texts.
func (r result) print(out io.Writer, title string) {
	half, tenth := r.threshold(0.005), r.threshold(0.001)
	fmt.Fprintf(out, "%s\n%-24s %6s %8s %8s\n", title, "", "texts", "at 0.5 %", "at 0.1 %")
	for _, attack := range []bool{true, false} {
		groups := map[string]result{}
		all := result{}
		for _, j := range r {
			if j.attack != attack {
				continue
			}
			name := j.class
			if attack {
				name = j.source + " " + j.class
			}
			groups[name] = append(groups[name], j)
			all = append(all, j)
		}
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			g := groups[name]
			row(out, name, len(g), g.above(half), g.above(tenth))
		}
		row(out, map[bool]string{true: "all attacks", false: "all harmless"}[attack], len(all), all.above(half), all.above(tenth))
	}
}

func row(out io.Writer, name string, n, half, tenth int) {
	fmt.Fprintf(out, "%-24s %6d %8.1f %8.1f\n", clip(name, 24), n, percent(half, n), percent(tenth, n))
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

// quantile is the size that a share of the values that are not zero do not exceed; 1 when there are none.
func quantile(values []float64, share float64) float64 {
	var sizes []float64
	for _, v := range values {
		if v != 0 {
			sizes = append(sizes, math.Abs(v))
		}
	}
	if len(sizes) == 0 {
		return 1
	}
	slices.Sort(sizes)
	return sizes[int(share*float64(len(sizes)-1))]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// commonWords is a model that knows nothing but the words that many harmless texts have.
func commonWords(examples []*example) *injection.Model {
	const (
		many = 0.005 // of the texts, for a word of ASCII letters
		few  = 5     // texts, for others: of each language there are few
	)
	texts := map[uint64]int{}
	harmless := only(examples, func(e *example) bool { return !e.attack && e.mayTrain })
	for _, e := range harmless {
		seen := map[uint64]bool{}
		for _, m := range e.messages {
			for _, p := range m.parts {
				injection.Topics([]byte(p), func(h uint64) bool { seen[h] = true; return true })
			}
		}
		for h := range seen {
			texts[h]++
		}
	}
	m := &injection.Model{}
	for h, n := range texts {
		if float64(n) > many*float64(len(harmless)) || h&1 == 1 && n >= few {
			m.AddCommon(h)
		}
	}
	return m
}
