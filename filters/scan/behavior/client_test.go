package behavior

import (
	"testing"

	"blaze/filters"
)

// TestSizes: a prompt of another order of magnitude than a client's usual ones counts, and never bans on its own.
func TestSizes(t *testing.T) {
	w := newWorld(t, Config{})
	x := from(t, "192.0.2.1")
	say := func(bytes int64, n int) {
		x.BytesIn = bytes
		w.answered(x, 200, n)
	}
	score := func() float32 {
		e := find(&w.clients.shards[unitKey(w, x)>>58].sets[unitKey(w, x)>>51&(sets-1)], unitKey(w, x))
		return e.total()
	}
	say(300, 100)
	if s := score(); s != 0 {
		t.Errorf("an even client has %v points", s)
	}
	say(4<<20, 1)
	if s := score(); s < 1.5 || s > 2 {
		t.Errorf("a sharp change gives %v points", s)
	}
	for range 1000 {
		say(300, 20)
		say(4<<20, 1)
	}
	w.left(x, 0)
	if s := score(); s > 25 {
		t.Errorf("sharp changes alone give %v points", s)
	}
	if magnitude(0) != 0 || magnitude(1) != 1 || magnitude(1024) != 11 || magnitude(1536) != 11.5 || magnitude(1<<62) != 63 {
		t.Error("a size's logarithm is wrong")
	}
}

func unitKey(w *world, x *filters.Exchange) uint64 { return Target{Net: unit(x.Client)}.hash(w.seed) }
