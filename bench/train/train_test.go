package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"blaze/filters/scan/injection"
)

// TestTheSameBytes: training on the same corpus gives the same model, and one that tells its attacks.
func TestTheSameBytes(t *testing.T) {
	var out bytes.Buffer
	a, err := run("testdata", &out)
	if err != nil {
		t.Fatal(err)
	}
	b, err := run("testdata", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two runs, two models")
	}
	for _, want := range []string{"cross-validated in five folds", "garak inj-direct             16    100.0    100.0", "each source of attacks left out", "mean of the sources"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
	if _, err := injection.Decode(a); err != nil {
		t.Error(err)
	}
}

// TestQuantized: the scan's scores are those of training, but for weights that were rounded and cut off.
func TestQuantized(t *testing.T) {
	examples, err := read("testdata")
	if err != nil {
		t.Fatal(err)
	}
	blank, err := begin(examples)
	if err != nil {
		t.Fatal(err)
	}
	m := fit(examples)
	scorer, err := injection.New(m.quantize(blank, 0))
	if err != nil {
		t.Fatal(err)
	}
	var look injection.Look
	ran := 0
	for _, e := range examples {
		look.Begin(scorer)
		for _, s := range e.system {
			look.Guard([]byte(s))
		}
		best := math.Inf(-1)
		for _, msg := range e.messages {
			look.Open(msg.tool)
			for _, p := range msg.parts {
				look.Text([]byte(p))
			}
			score := look.Close()
			best = max(best, score.Words+score.Points())
		}
		if want, _ := m.best(e); math.Abs(best-want) > 0.25 {
			t.Errorf("%s: %.3f in training, %.3f in the scan", e.class, want, best)
		}
		ran++
	}
	if ran < 80 {
		t.Errorf("%d examples ran", ran)
	}
}

// TestWindows: a long text's window is the scan's own.
func TestWindows(t *testing.T) {
	m := &linear{w: make([]float64, injection.Slots)}
	for i := range m.w {
		m.w[i] = float64(i%255 - 127)
	}
	scale := &injection.Model{Scale: 1}
	for i := range scale.Weights {
		scale.Weights[i] = int8(i%255 - 127)
	}
	scorer, err := injection.New(scale)
	if err != nil {
		t.Fatal(err)
	}
	var look injection.Look
	for n := 1; n < 2500; n += 37 {
		var text []byte
		for i := range n {
			text = fmt.Appendf(text, "w%dx ", i*i)
		}
		var words []slots
		injection.Features([]string{string(text)}, false, func(one, pair uint32) { words = append(words, slots{one, pair}) })
		want, in := m.window(words)
		look.Begin(scorer)
		look.Open(false)
		look.Text(text)
		if score := look.Close(); math.Abs(score.Words-want) > 1e-6*math.Abs(want) {
			t.Errorf("%d words: %v, want %v", len(words), score.Words, want)
		}
		sum := 0.0
		for _, s := range in {
			sum += m.w[s.one] + m.w[s.pair]
		}
		if got := sum / injection.Norm(min(len(words), injection.Window)); math.Abs(got-want) > 1e-6*math.Abs(want) {
			t.Errorf("%d words: the window's own sum is %v, its value %v", len(words), got, want)
		}
	}
}

// TestEmbeddedModel: the model in the scan is the one that the corpus gives, where the corpus is there.
func TestEmbeddedModel(t *testing.T) {
	const corpus = "../../../shared/corpora"
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	want, err := run(corpus, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("../../filters/scan/injection/model.bin"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("not the model of the corpus (%v): run go run ./bench/train -write filters/scan/injection/model.bin ../shared/corpora", err)
	}
}

// TestUnlicensed: what may not be trained on is not.
func TestUnlicensed(t *testing.T) {
	for _, source := range []string{"alpaca-eval", "wizardlm", "codealpaca", "mbxp", "spider", "tldr", "owasp-cs", "never heard of"} {
		if _, may := license(source); may {
			t.Errorf("%s is trained on", source)
		}
	}
	examples, err := read("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(only(examples, func(e *example) bool { return e.source == "alpaca-eval" && !e.mayTrain })); n == 0 {
		t.Error("no example of a source that is only measured")
	}
}
