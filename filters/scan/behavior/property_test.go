package behavior

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"blaze/filters"
)

// TestBusyIsNotHostile: nothing that a busy client does within or over its limits bans it or its address: answers, their
// failures, limits, queues, leaving early, in any order and at any pace, with prompts of any size, beside up to one
// mistake in a hundred.
func TestBusyIsNotHostile(t *testing.T) {
	busy := []*filters.Denial{
		filters.RateLimitExceeded, filters.QueueFull, filters.QueueTimeout, filters.TooManySessions,
		filters.InternalError, filters.UpstreamError, filters.UpstreamUnavailable, filters.UpstreamTimeout, filters.FilterUnavailable, filters.Draining,
	}
	mistakes := []*filters.Denial{filters.InvalidJSON, filters.ModelNotAllowed, filters.ParameterNotAllowed, filters.RequestTooLarge}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, Config{})
		x := from(t, "192.0.2.1")
		if rapid.Bool().Draw(r, "known") {
			as(x, "ada", "")
		}
		for range rapid.IntRange(1, 20).Draw(r, "bursts") {
			w.at = w.at.Add(time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(r, "pause")))
			x.BytesIn = rapid.Int64Range(0, 16<<20).Draw(r, "size")
			x.Abort = ""
			n := rapid.IntRange(1, 400).Draw(r, "n")
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0, 1:
				w.answered(x, 200, n)
			case 2:
				w.ends(x, rapid.SampledFrom(busy).Draw(r, "busy"), n)
			case 3:
				w.answered(x, rapid.SampledFrom([]int{429, 500, 502, 503, 504}).Draw(r, "status"), n)
			case 4:
				x.Abort = "client_gone"
				w.answered(x, 499, n)
			case 5:
				w.ends(x, rapid.SampledFrom(mistakes).Draw(r, "mistake"), n/100)
				w.answered(x, 400, n/100)
				w.answered(x, 200, n)
			}
			if b := w.Bans(); len(b) > 0 {
				r.Fatalf("banned: %s", b[0].Reason)
			}
		}
	})
}

// TestScoreIsTheSum: the table says what a plain sum of decayed points says, whatever comes in between.
func TestScoreIsTheSum(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var c clients
		rules := rules{half: float64(time.Minute), goal: 1e9}
		now, want := int64(1), 0.0
		for range rapid.IntRange(1, 60).Draw(r, "notes") {
			pause := rapid.Int64Range(0, int64(5*time.Minute)).Draw(r, "pause")
			now += pause
			want *= exp2(-float64(pause) / rules.half)
			n := note{weight: weight{first: float32(rapid.IntRange(1, 50).Draw(r, "points")), cause: cause(rapid.IntRange(0, int(causes)-1).Draw(r, "cause"))}}
			if rapid.IntRange(0, 3).Draw(r, "good") == 0 {
				n = note{forgiven: 10}
				want = max(0, want-10)
			} else {
				want += float64(n.first)
			}
			c.add(1<<60|1, now, n, rules)
		}
		got := float64(0)
		if s := c.shards[1<<60>>58].sets; s != nil {
			if e := find(&s[0], 1<<60|1); e != nil {
				got = float64(e.total())
			}
		}
		if diff := got - want; diff > .01+want/1000 || diff < -.01-want/1000 {
			r.Fatalf("the score is %v, want %v", got, want)
		}
	})
}
