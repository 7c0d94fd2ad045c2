package ratelimit

import (
	"context"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestOneRoundTripForARequest: Redis itself counts the calls. Four limits on requests are one call; with a limit on tokens it is one
// call for all five when the body has come with the head, and one more when it has not; and one, which nobody waits for, when the
// answer is known.
func TestOneRoundTripForARequest(t *testing.T) {
	s := realRedis(t)
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	defer c.Close()
	calls := func() int {
		info, err := c.Info(context.Background(), "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`cmdstat_evalsha:calls=(\d+)`).FindStringSubmatch(info)
		if m == nil {
			return 0
		}
		n, _ := strconv.Atoi(m[1])
		return n
	}
	w := newTester(t)
	w.env.Now = time.Now
	four := []Limit{
		{Name: "all", By: by("global"), Limit: 1000, Per: time.Hour}, {Name: "ip", By: by("ip"), Algorithm: SlidingWindow, Limit: 1000, Per: time.Hour},
		{Name: "user", By: by("user"), Limit: 1000, Per: time.Hour}, {Name: "path", By: by("endpoint"), Algorithm: FixedWindow, Limit: 1000, Per: time.Hour},
	}
	f := func(want int, bodyHere bool, who caller, limits ...Limit) {
		t.Helper()
		filter := w.replica(redisConfig(s), limits...)
		if err := filter.remote.script.Load(context.Background(), c).Err(); err != nil {
			t.Fatal(err)
		}
		before := calls()
		for range 20 {
			x := w.exchange(who)
			x.BodyHere = bodyHere
			if !filter.Request(x).Passed() || !filter.Body(x).Passed() {
				t.Fatal("refused")
			}
			answered(x, 20, 3)
			filter.Settle(x)
		}
		eventually(t, "the last settlement is heard", func() bool { return calls()-before >= 20*want })
		if got := calls() - before; got != 20*want {
			t.Errorf("%d calls for 20 requests; want %d", got, 20*want)
		}
	}
	five := append(four[:4:4], Limit{Name: "tokens", By: by("tenant"), Limit: 1_000_000, Per: time.Hour, Count: Tokens})
	f(1, false, caller{subject: "ann"}, four...)
	f(1, true, caller{subject: "ann"}, four...)
	f(3, false, chat(`,"max_tokens":9`), five...)
	f(2, true, chat(`,"max_tokens":9`), five...)
}
