package history

import (
	"testing"
	"time"
)

// TestClockIsSet: a clock that is set forward leaves a gap, one that is set back goes on where it is, and what was written of times
// that are to come again is gone; a little it may go back without either.
func TestClockIsSet(t *testing.T) {
	const step, steps = 10 * time.Second, 360
	for _, jump := range []time.Duration{2 * time.Minute, time.Hour, 3 * time.Hour, 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		r := newRing(step, steps, 1)
		at := time.Unix(1_800_000_000, 0)
		number := func(t time.Time) int64 { return t.Unix() / int64(step/time.Second) }
		write := func(at time.Time, v float32) { r.add(at, []float32{v}) }
		read := func(at time.Time) (float32, bool) {
			n := number(at)
			if !r.has(n) {
				return 0, false
			}
			v := r.at(n)[0]
			return v, v == v
		}
		for i := range 10 {
			write(at.Add(time.Duration(i)*step), float32(i+1))
		}
		now := at.Add(10 * step)
		write(now.Add(jump), 100) // set forward by mistake
		write(now.Add(jump+step), 101)
		write(now, 11) // and back
		write(now.Add(step), 12)
		if v, ok := read(now); !ok || v != 11 {
			t.Errorf("%s: of now it shows %v, %v", jump, v, ok)
		}
		if v, ok := read(now.Add(step)); !ok || v != 12 {
			t.Errorf("%s: of the step after it shows %v, %v", jump, v, ok)
		}
		if v, ok := read(now.Add(jump)); ok {
			t.Errorf("%s: what is to come shows %v", jump, v)
		}
		for n, empty := r.newest-steps+1, 0; n <= r.newest; n++ {
			if v := r.at(n)[0]; v == v && (v > 12 || n != number(at)+int64(v)-1) {
				t.Errorf("%s: step %d shows %v, which was written at another", jump, n-number(at), v)
			} else if v != v {
				empty++
			}
		}
		if jump <= 2*time.Minute {
			if v, ok := read(at.Add(3 * step)); !ok || v != 4 {
				t.Errorf("%s: what was before is gone: %v, %v", jump, v, ok)
			}
		}
	}
	r := newRing(step, steps, 1)
	at := time.Unix(1_800_000_000, 0)
	r.add(at, []float32{1})
	r.add(at.Add(-50*time.Second), []float32{1})
	if v := r.at(r.newest)[0]; v != 2 || r.newest != at.Unix()/10 {
		t.Errorf("a little back: %v at %d", v, r.newest)
	}
}
