package main

import (
	"math"
	"math/rand/v2"

	"blaze/filters/scan/injection"
)

// How the model is trained: by AdaGrad (Duchi, Hazan, Singer, 2011), in a fixed number of passes. Chosen by
// cross-validation; the figures hardly depend on them.
const (
	passes   = 12
	rate     = 0.15
	decay    = 1e-5 // L2
	priority = 4    // weight of an attack against a harmless text, of which there are twelve times as many
	enough   = 1e-3 // a gradient that changes nothing
	harmless = -1.5 // logits that no everyday sentence need be below
)

// linear is a model in training. Every product is rounded on its own (the conversions forbid fusing), so that training
// gives the same bytes on every machine.
type linear struct {
	w, seen []float64 // weights, and the sum of their squared gradients
	bias    float64
	biases  float64
	// blind models have seen no attack by a tool: they say nothing of what tools return but the bias.
	blind bool
}

// fit trains on examples. Each counts by the message, and the window in it, that says most: where in a text an attack
// stands is not known.
func fit(examples []*example) *linear {
	m := &linear{w: make([]float64, injection.Slots), seen: make([]float64, injection.Slots), blind: true}
	for _, e := range examples {
		for i := range e.messages {
			m.blind = m.blind && !(e.attack && e.messages[i].tool)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for pass := range passes {
		for _, i := range random.Perm(len(examples)) {
			m.learn(examples[i], pass)
		}
	}
	return m
}

func (m *linear) learn(e *example, pass int) {
	if len(e.messages) == 0 {
		return
	}
	score, words := m.best(e)
	if e.fold < 0 && score < harmless { // everyday speech is to be let alone, and no more evidence than that
		return
	}
	if pass == 0 && e.attack { // nothing is learned yet: the last message as a whole
		words = e.messages[len(e.messages)-1].words
	}
	g := logistic(score)
	if e.attack {
		g = (g - 1) * priority
	}
	if len(words) == 0 || math.Abs(g) < enough {
		return
	}
	each := g / injection.Norm(len(words))
	for _, s := range words {
		m.step(s.one, each)
		m.step(s.pair, each)
	}
	m.biases += float64(g * g)
	m.bias -= float64(rate * g / math.Sqrt(m.biases+1))
}

func (m *linear) step(k uint32, g float64) {
	g += float64(decay * m.w[k])
	m.seen[k] += float64(g * g)
	m.w[k] -= float64(rate * g / math.Sqrt(m.seen[k]+1e-2))
}

// best is the score of the message that says most, in logits, and the window of it that does.
func (m *linear) best(e *example) (score float64, words []slots) {
	score = math.Inf(-1)
	for i := range e.messages {
		msg := &e.messages[i]
		s, w := 0.0, []slots(nil)
		if !m.blind || !msg.tool {
			s, w = m.window(msg.words)
		}
		if s += msg.rules; s > score {
			score, words = s, w
		}
	}
	return score + m.bias, words
}

// window is the value of the window that says most, as injection's own windows are.
func (m *linear) window(words []slots) (value float64, in []slots) {
	n, sum := len(words), 0.0
	if n < injection.Window {
		for _, s := range words {
			sum += m.w[s.one] + m.w[s.pair]
		}
		return sum / injection.Norm(n), words
	}
	best := math.Inf(-1)
	for i, s := range words {
		sum += m.w[s.one] + m.w[s.pair]
		from := i + 1 - injection.Window
		if from < 0 || from%injection.Step != 0 {
			continue
		}
		for _, s := range words[max(from-injection.Step, 0):from] {
			sum -= m.w[s.one] + m.w[s.pair]
		}
		if sum > best {
			best, in = sum, words[from:i+1]
		}
	}
	if n%injection.Step != 0 && sum > best { // the last whole window, and the words since
		best, in = sum, words[n-n%injection.Step-injection.Window:]
	}
	return best / injection.Norm(injection.Window), in
}

// logistic is 1/(1+e^-x), from operations alone that every machine rounds the same way.
func logistic(x float64) float64 {
	e := 1 - min(max(x, -30), 30)/1024
	for range 10 {
		e = float64(e * e)
	}
	return 1 / (1 + e)
}

// count is how many weights say something.
func (m *linear) count() (n int) {
	for _, w := range m.w {
		if w != 0 {
			n++
		}
	}
	return n
}

// quantize makes the model that the scan uses. The largest weights are cut off, so that the many small ones keep their
// differences.
func (m *linear) quantize(common *injection.Model, mid float64) *injection.Model {
	const most = 127
	largest := quantile(m.w, 0.9995)
	out := &injection.Model{Scale: largest / most, Bias: m.bias, Mid: mid, Common: common.Common}
	for i, w := range m.w {
		out.Weights[i] = int8(min(max(math.RoundToEven(w/out.Scale), -most), most))
	}
	return out
}
