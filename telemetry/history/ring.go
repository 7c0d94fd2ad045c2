package history

import "time"

// ring is a series at one resolution: width numbers for each of the last steps, NaN where nothing was observed.
type ring struct {
	step   int64 // seconds
	width  int
	data   []float32 // steps × width
	newest int64     // number of the newest step since 1970; 0 when empty
	inStep int       // observations in the newest step, for a mean
}

func newRing(step time.Duration, steps, width int) ring {
	r := ring{step: int64(step / time.Second), width: width, data: make([]float32, steps*width)}
	for i := range r.data {
		r.data[i] = missing
	}
	return r
}

func (r *ring) steps() int64 { return int64(len(r.data) / r.width) }

// at is the numbers of step n; n is within the ring.
func (r *ring) at(n int64) []float32 {
	i := int(n%r.steps()) * r.width
	return r.data[i : i+r.width]
}

// has reports whether step n is still, or already, in the ring.
func (r *ring) has(n int64) bool { return r.newest > 0 && n <= r.newest && n > r.newest-r.steps() }

// settles is how far a clock may go back, in seconds beyond a step, and the ring waits for it to come again.
const settles = 60

// advance moves on to the step of now and returns its numbers. A clock that went back a little finds the newest step still; one
// that was set back goes on from where it is, and what it had written of times to come is gone: it would wait for them for
// hours, and show nothing of now until then.
func (r *ring) advance(now time.Time) []float32 {
	n := now.Unix() / r.step
	if r.newest-n > 1+settles/r.step {
		r.clear(max(n, r.newest-r.steps())+1, r.newest)
		r.newest, r.inStep = n, 0
	}
	if n > r.newest {
		r.clear(max(r.newest+1, n-r.steps()+1), n)
		r.newest, r.inStep = n, 0
	}
	return r.at(r.newest)
}

// clear empties the steps from first to last.
func (r *ring) clear(first, last int64) {
	for ; first <= last; first++ {
		cell := r.at(first)
		for j := range cell {
			cell[j] = missing
		}
	}
}

// add adds delta to the step of now.
func (r *ring) add(now time.Time, delta []float32) {
	cell := r.advance(now)
	for i, d := range delta {
		if cell[i] != cell[i] {
			cell[i] = 0
		}
		cell[i] += d
	}
}

// mean takes v into the mean of the step of now.
func (r *ring) mean(now time.Time, v float32) {
	cell := r.advance(now)
	if v != v {
		return
	}
	r.inStep++
	if cell[0] != cell[0] {
		cell[0] = v
		return
	}
	cell[0] += (v - cell[0]) / float32(r.inStep)
}
