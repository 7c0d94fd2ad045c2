package main

import (
	_ "embed"
	"strings"
)

// everydayText is ours: what people ask every day, in the languages of the corpus's attacks. Of those languages the
// corpus has attacks but hardly a harmless word, and without any a model takes the language for the attack.
//
//go:embed everyday.txt
var everydayText string

// everyday makes harmless examples of every sentence with every topic of its language. They are trained on in every
// fold, and never counted: no figure is better for them.
func everyday() (out []*example) {
	for block := range strings.SplitSeq(strings.TrimSpace(everydayText), "\n\n") {
		head, rest, _ := strings.Cut(block, "\n")
		for sentence := range strings.Lines(rest) {
			for topic := range strings.SplitSeq(head, "; ") {
				e := &example{class: "everyday", source: "own", mayTrain: true, fold: -1}
				e.add(false, []string{strings.TrimSpace(strings.ReplaceAll(sentence, "X", topic))})
				out = append(out, e)
				if !strings.Contains(sentence, "X") {
					break
				}
			}
		}
	}
	return out
}
