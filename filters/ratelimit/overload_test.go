package ratelimit

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestOverloadKeepsTheTopTierFast: under three times the load the top tier waits a few turns at most, and the lowest tier is
// still served.
func TestOverloadKeepsTheTopTierFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 50 // a second; a turn is 20ms
		q := newQueuer(t, shaper(rate, 2000, 5*time.Second))
		waits := map[string][]time.Duration{}
		offered := map[string]int{}
		tick := time.Second / (3 * rate)
		for i := range 10 * 3 * rate {
			tier := []string{"gold", "silver", "free", "silver", "free", "silver", "free"}[i%7]
			offered[tier]++
			q.now = time.Now()
			x := q.exchange(caller{subject: tier, tenant: tier, tier: tier})
			q.wg.Go(func() {
				if q.f.Request(x).Passed() {
					q.mu.Lock()
					defer q.mu.Unlock()
					waits[tier] = append(waits[tier], x.Waited)
				}
			})
			time.Sleep(tick)
		}
		q.wg.Wait()
		for tier, w := range waits {
			slices.Sort(w)
			t.Logf("%-6s %4d of %4d served, half within %v, 99%% within %v", tier, len(w), offered[tier], w[len(w)/2], w[len(w)*99/100])
		}
		gold := waits["gold"]
		if len(gold) != offered["gold"] || gold[len(gold)*99/100] > 80*time.Millisecond {
			t.Errorf("%d of %d of the top tier served, 99%% within %v; want all within four turns", len(gold), offered["gold"], gold[len(gold)*99/100])
		}
		if len(waits["free"]) < 10 {
			t.Errorf("%d of the lowest tier served", len(waits["free"]))
		}
	})
}
