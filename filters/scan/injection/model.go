package injection

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"math"
)

//go:embed model.bin
var embedded []byte

// Model is a linear model over words and pairs of words: logistic regression, trained by bench/train.
type Model struct {
	Weights [Slots]int8
	Scale   float64 // what one step of a weight is worth, in logits
	Bias    float64
	// Mid is the sum of model and rules, in logits, that scores 0.8: where few enough of the harmless texts are.
	Mid float64
	// Common is a set of words (Bloom filter, one hash) that say nothing of what a text is about.
	Common [commonBits / 64]uint64
}

// steep is how fast the score grows around Mid.
const steep = 2

// Value is the score from 0 to 1 of a sum in logits.
func (m *Model) Value(sum float64) float64 { return 1 / (1 + math.Exp(-steep*(sum-m.Mid))/4) }

const commonBits = 1 << 15

const magic = "blazepi1"

var order = binary.LittleEndian

// AppendBinary appends m in the form that Decode reads: magic, scale, bias and mid as float64, the set of common words,
// the weights, all little-endian.
func (m *Model) AppendBinary(dst []byte) []byte {
	dst = append(dst, magic...)
	for _, f := range []float64{m.Scale, m.Bias, m.Mid} {
		dst = order.AppendUint64(dst, math.Float64bits(f))
	}
	for _, c := range m.Common {
		dst = order.AppendUint64(dst, c)
	}
	for _, w := range m.Weights {
		dst = append(dst, byte(w))
	}
	return dst
}

// Decode reads a model.
func Decode(b []byte) (*Model, error) {
	if len(b) != len(magic)+3*8+commonBits/8+Slots || string(b[:len(magic)]) != magic {
		return nil, errors.New("not a model of this version")
	}
	b = b[len(magic):]
	m := &Model{}
	for _, f := range []*float64{&m.Scale, &m.Bias, &m.Mid} {
		*f = math.Float64frombits(order.Uint64(b))
		if math.IsNaN(*f) || math.IsInf(*f, 0) {
			return nil, errors.New("a model with a number that is none")
		}
		b = b[8:]
	}
	for i := range m.Common {
		m.Common[i] = order.Uint64(b)
		b = b[8:]
	}
	for i := range m.Weights {
		m.Weights[i] = int8(b[i])
	}
	return m, nil
}

// Embedded is the model in this package.
func Embedded() (*Model, error) { return Decode(embedded) }

// AddCommon adds a word, by the hash that Topics gives, to those that say nothing.
func (m *Model) AddCommon(h uint64) {
	h %= commonBits
	m.Common[h/64] |= 1 << (h % 64)
}

func (m *Model) common(h uint64) bool {
	h %= commonBits
	return m.Common[h/64]>>(h%64)&1 != 0
}
