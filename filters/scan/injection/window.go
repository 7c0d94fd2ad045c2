package injection

import "math"

// A long text is judged by the window that says most, so that no amount of harmless text hides what is in it.
const (
	// Window is how many words the model sees at once; Step is how far two windows are apart.
	Window = blocks * Step
	Step   = 64
	blocks = 16
)

// Norm is what the sum of n words is divided by: evidence grows with the root of the length, and a few words are little.
func Norm(n int) float64 { return math.Sqrt(float64(n + 8)) }

// window adds up the weights of words.
type window struct {
	n     int
	all   int32         // of the window so far, without the block
	block int32         // of the words since the last step
	sums  [blocks]int32 // of the last steps
	best  int32         // of a whole window
}

func (w *window) add(v int32) {
	w.block += v
	if w.n++; w.n%Step != 0 {
		return
	}
	at := w.n / Step % blocks
	w.all += w.block - w.sums[at]
	w.sums[at], w.block = w.block, 0
	if w.n == Window || w.n > Window && w.all > w.best {
		w.best = w.all
	}
}

// value is the sum of the window that says most, divided by its norm. The words since the last step count with the whole
// window before them.
func (w *window) value() float64 {
	if w.n < Window {
		return float64(w.all+w.block) / Norm(w.n)
	}
	return float64(max(w.best, w.all+w.block)) / Norm(Window)
}
