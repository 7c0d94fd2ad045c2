//go:build !race

package bench

import "testing"

// TestChainAllocates nothing: a request that passes every filter costs the garbage collector nothing.
func TestChainAllocates(t *testing.T) {
	store, _ := open(t, "127.0.0.1:1")
	x := exchange(t, store, 300)
	for range 10 {
		pass(t, store.Current().Chain, x)
	}
	if n := testing.AllocsPerRun(1000, func() { pass(t, store.Current().Chain, x) }); n != 0 {
		t.Errorf("the chain allocates %v times for a request that passes", n)
	}
}

// TestExchangeAllocates bounds a whole exchange over loopback, everything in the process counted: the client and the
// stub above, which allocate nothing when warm, and fasthttp's server, which allocates once to drain a streamed body.
func TestExchangeAllocates(t *testing.T) {
	c := dial(t, blaze(t, stub(t)), chat(300))
	for range 200 {
		c.do(t)
	}
	if n := testing.AllocsPerRun(1000, func() { c.do(t) }); n > budget {
		t.Errorf("an exchange allocates %v times, over the budget of %d", n, budget)
	}
}

// budget has fasthttp's drain (one) and the two of the harness's own reading in it.
const budget = 6
