package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"blaze/filters/scan/injection"
)

// told is the share of harmless texts that may score 0.8 and more. The issue allows 0.5 %; texts that nobody has seen
// are a little worse than those here.
const told = 0.004

// judged is an example with the score of a model that was not trained on it, in logits.
type judged struct {
	*example
	score float64
}

type result []judged

// crossValidate judges every example by a model trained on four fifths of the others.
func crossValidate(examples []*example) (all result) {
	parts := make([]result, folds)
	parallel(folds, func(k int) {
		m := fit(only(examples, func(e *example) bool { return e.mayTrain && e.fold != k }))
		parts[k] = m.judge(only(examples, func(e *example) bool { return e.fold == k }))
	})
	return slices.Concat(parts...)
}

// leaveOut judges the attacks of each source by a model that has seen none of them, against a fifth of the harmless texts
// that it has not seen either, and prints what it tells.
func leaveOut(out io.Writer, examples []*example) {
	var sources []string
	for _, e := range examples {
		if e.attack && !slices.Contains(sources, e.source) {
			sources = append(sources, e.source)
		}
	}
	slices.Sort(sources)
	parts := make([]result, len(sources))
	parallel(len(sources), func(i int) {
		m := fit(only(examples, func(e *example) bool { return e.mayTrain && e.source != sources[i] && (e.attack || e.fold != 0) }))
		parts[i] = m.judge(only(examples, func(e *example) bool { return e.attack && e.source == sources[i] || !e.attack && e.fold == 0 }))
	})
	fmt.Fprintf(out, "\neach source of attacks left out of training\n%-24s %6s %8s %8s\n", "", "texts", "at 0.5 %", "at 0.1 %")
	var n, a, b int
	mean := 0.0
	for i, r := range parts {
		attacks := result(slices.DeleteFunc(slices.Clone(r), func(j judged) bool { return !j.attack }))
		half, tenth := attacks.above(r.threshold(0.005)), attacks.above(r.threshold(0.001))
		row(out, sources[i], len(attacks), half, tenth)
		n, a, b = n+len(attacks), a+half, b+tenth
		mean += percent(half, len(attacks)) / float64(len(sources))
	}
	row(out, "all of them", n, a, b)
	fmt.Fprintf(out, "%-24s %6s %8.1f\n", "mean of the sources", "", mean)
}

func (m *linear) judge(examples []*example) (r result) {
	for _, e := range examples {
		score := math.Inf(-1)
		if len(e.messages) > 0 {
			score, _ = m.best(e)
		}
		r = append(r, judged{e, score})
	}
	return r
}

// borrowed prints how many harmless prompts are told when they are asked under a system prompt that forbids something,
// taken from an attack in the same script: the corpus has none of its own.
func borrowed(out io.Writer, examples []*example, blank *injection.Model) {
	var systems [][]string
	for _, e := range examples {
		if e.attack && len(e.system) > 0 {
			systems = append(systems, e.system)
		}
	}
	scorer, err := injection.New(blank)
	if len(systems) == 0 || err != nil {
		return
	}
	random := rand.New(rand.NewPCG(3, 4))
	var look injection.Look
	n, asked := 0, 0
	for _, e := range examples {
		if e.attack || e.fold < 0 {
			continue
		}
		other := systems[random.IntN(len(systems))]
		for try := 0; try < 200 && script(other[0]) != script(e.last()); try++ {
			other = systems[random.IntN(len(systems))]
		}
		look.Begin(scorer)
		for _, text := range other {
			look.Guard([]byte(text))
		}
		kept := 0
		for _, m := range e.messages {
			look.Open(m.tool)
			for _, p := range m.parts {
				look.Text([]byte(p))
			}
			score := look.Close()
			kept = max(kept, score.Kept)
		}
		if n++; kept > 0 {
			asked++
		}
	}
	fmt.Fprintf(out, "\nharmless prompts under another's forbidding system prompt: %d of %d, %.2f %%, touch what it keeps back\n", asked, n, percent(asked, n))
}

// script tells writing systems apart: the byte that most of a text's characters begin with, 0 for ASCII.
func script(text string) (most byte) {
	var count [256]int
	for _, r := range text {
		lead := byte(0)
		if r >= 0x80 {
			lead = string(r)[0]
		}
		if count[lead]++; count[lead] > count[most] {
			most = lead
		}
	}
	return most
}

// parallel calls f for 0 to n-1, on every processor.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		wg.Go(func() {
			free <- struct{}{}
			f(i)
			<-free
		})
	}
	wg.Wait()
}
