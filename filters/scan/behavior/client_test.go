package behavior

import (
	"testing"
	"time"

	"blaze/filters"
	"blaze/telemetry"
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

// TestScoresKeepTheirTime: points age by the monotonic half of the clock. By the wall clock, none would age for as long as it was
// set back, and refusals of a whole day would add up to a ban.
func TestScoresKeepTheirTime(t *testing.T) {
	tracker, err := New(Config{}, nil, filters.Env{Metrics: telemetry.NewMetrics()})
	if err != nil {
		t.Fatal(err)
	}
	if began := tracker.clients.began; began == began.Round(0) {
		t.Error("the table began at a time without the monotonic half")
	}
	later, err := New(Config{}, tracker, filters.Env{Metrics: telemetry.NewMetrics()})
	if err != nil {
		t.Fatal(err)
	}
	if later.clients.began != tracker.clients.began {
		t.Error("a reload begins another count")
	}
	if n := tracker.clients.since(tracker.clients.began.Add(time.Hour)); n != int64(time.Hour) {
		t.Errorf("an hour is %d ns", n)
	}
}
