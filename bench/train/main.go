// Command train makes the model of filters/scan/injection: logistic regression over hashed words and pairs of words, on
// top of what the rules say, from the prompts of a corpus whose sources allow it. The same folder gives the same bytes.
// It prints what the whole, rules and model, tells of texts that it was not trained on: in five folds, and with each
// source of attacks left out.
//
//	go run ./bench/train [-write FILE] FOLDER
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"blaze/filters/scan/injection"
)

func main() {
	write := flag.String("write", "", "where the model goes: filters/scan/injection/model.bin")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: go run ./bench/train [-write FILE] FOLDER")
		os.Exit(2)
	}
	model, err := run(flag.Arg(0), os.Stdout)
	if err == nil && *write != "" {
		err = os.WriteFile(*write, model, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// run trains on the corpus in folder and returns the model's bytes.
func run(folder string, out io.Writer) ([]byte, error) {
	examples, err := read(folder)
	if err != nil {
		return nil, err
	}
	examples = append(examples, everyday()...)
	blank, err := begin(examples)
	if err != nil {
		return nil, err
	}
	folds := crossValidate(examples)
	mid := folds.threshold(told)
	folds.print(out, "cross-validated in five folds")
	borrowed(out, examples, blank)
	leaveOut(out, examples)

	m := fit(only(examples, func(e *example) bool { return e.mayTrain }))
	final := m.quantize(blank, mid)
	fmt.Fprintf(out, "\nmodel: %d words and pairs weigh something; 0.8 is at %.2f logits, where %.1f %% of harmless texts are told; 0.5 %% are at %.3f and 0.1 %% at %.3f\n",
		m.count(), mid, 100*told, final.Value(folds.threshold(0.005)), final.Value(folds.threshold(0.001)))
	return final.AppendBinary(nil), nil
}

// begin gives every message what the rules say of it, and returns a model that knows only the common words.
func begin(examples []*example) (*injection.Model, error) {
	blank := commonWords(examples)
	scorer, err := injection.New(blank)
	if err != nil {
		return nil, err
	}
	var look injection.Look
	for _, e := range examples {
		e.points(&look, scorer, e.system)
	}
	return blank, nil
}
