package ratelimit

import (
	"strings"
	"testing"
	"time"

	"blaze/telemetry/setting"
)

func TestWhatIsWrongIsSaid(t *testing.T) {
	ran := 0
	f := func(l Limit, want ...string) {
		t.Helper()
		ran++
		w := newTester(t)
		if l.Name == "" {
			l.Name = "x"
		}
		if l.By.kind == byNothing {
			l.By = by("user")
		}
		_, err := New(Config{Limits: []Limit{defaults(l)}}, nil, w.env)
		var got []string
		for _, p := range setting.Problems(err) {
			got = append(got, p.Error())
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	ok := Limit{Limit: 10}
	f(ok)
	f(Limit{}, `limits[0].limit: want a whole number from 1 to 1000000000000; got 0`)
	f(Limit{Limit: -1}, `limits[0].limit: want a whole number from 1 to 1000000000000; got -1`)
	f(Limit{Limit: 1 << 62}, `limits[0].limit: want a whole number from 1 to 1000000000000; got 4611686018427387904`)
	f(Limit{Limit: 1, Per: -time.Second}, `limits[0].per: want a duration from 1ms to 744h; got "-1s"`)
	f(Limit{Limit: 1, Per: 1000 * time.Hour}, `limits[0].per: want a duration from 1ms to 744h; got "1000h"`)
	f(Limit{Limit: 1, Name: "a b"}, `limits[0].name: want a name of 1 to 64 letters, digits, dots, dashes and underscores; got "a b"`)
	f(Limit{Limit: 9, Burst: count(0)}, `limits[0].burst: want a whole number from 1 to 1000000000000; got 0`)
	f(Limit{Limit: 9, Burst: count(1), Algorithm: FixedWindow}, `limits[0].burst: want nothing: only token_bucket and leaky_bucket have it; got 1`)
	f(Limit{Limit: 1, Per: 744 * time.Hour, Burst: count(1e9)}, `limits[0].burst: want a burst that the rate can fill within a thousand times per; got 1000000000`)
	f(Limit{Limit: 1, Algorithm: LeakyBucket}, `limits[0].burst: want a whole number from 1: a leaky_bucket must know how much it holds or how many may wait; got "nothing"`)
	f(Limit{Limit: 1 << 33, Algorithm: SlidingWindow}, `limits[0].limit: want at most 4294967295 for a sliding_window; got 8589934592`)
	f(Limit{Limit: 9, Hard: true}, `limits[0].hard: want false: only a limit that counts tokens can end an answer; got true`)
	f(Limit{Limit: 9, Hard: true, Count: InputTokens}, `limits[0].hard: want false: an answer has no input tokens; got true`)
	f(Limit{Limit: 9, MaxWait: time.Second}, `limits[0].max_wait: want nothing: only delay and queue wait; got "1s"`)
	f(Limit{Limit: 9, Then: Queue}, `limits[0].max_wait: want a duration from 1ms to 1h with then: queue; got "0s"`)
	f(Limit{Limit: 9, Then: DegradeAnswer}, `limits[0].degrade: want what a degraded request gets: max_tokens, model, upstream or drop_n; got "nothing"`)
	f(Limit{Limit: 9, Then: DegradeAnswer, Degrade: &Degrade{}}, `limits[0].degrade: want something to degrade; got "nothing"`)
	f(Limit{Limit: 9, Degrade: &Degrade{DropN: true}}, `limits[0].degrade: want nothing without then: degrade; got "a map"`)
	f(Limit{Limit: 9, Count: Tokens, Algorithm: LeakyBucket, Burst: count(3), Then: Delay, MaxWait: time.Second},
		`limits[0].count: want requests where a leaky_bucket shapes (then: delay or queue); got tokens`)
	f(Limit{Limit: 9, Algorithm: Adaptive},
		`limits[0].min: want a whole number from 1 to limit; got 0`,
		`limits[0].max: want a whole number from limit up; got 0`,
		`limits[0].target: want a target: {latency: 2s, errors: 5%}; got "nothing"`)
	f(Limit{Limit: 9, Min: 1, Max: 20, Algorithm: Adaptive, Target: &Target{}}, `limits[0].target: want latency, errors or both; got "neither"`)
	f(Limit{Limit: 9, Min: 1, Target: &Target{}},
		`limits[0].min: want nothing: only an adaptive limit has it; got 1`,
		`limits[0].target: want nothing: only an adaptive limit has it; got "a target"`)
	if ran != 23 {
		t.Errorf("%d cases ran", ran)
	}
}

func TestNamesAreUniqueAndAllProblemsAreSaid(t *testing.T) {
	w := newTester(t)
	a := defaults(Limit{Name: "x", Limit: 1, By: by("user")})
	b := a
	b.Limit = 0
	_, err := New(Config{Limits: []Limit{a, b}, Store: Store{Redis: &Redis{Timeout: time.Hour, Prefix: "p", Mode: Sentinel, Addresses: []string{"h:1"}}}}, nil, w.env)
	var paths []string
	for _, p := range setting.Problems(err) {
		paths = append(paths, p.Path)
	}
	if got, want := strings.Join(paths, " "), "limits[1].name limits[1].limit store.redis.master store.redis.timeout"; got != want {
		t.Errorf("problems at %s; want %s", got, want)
	}
}

func TestRedisFilesMustBeReadable(t *testing.T) {
	f := func(c RedisTLS, want string) {
		t.Helper()
		w := newTester(t)
		cfg := Redis{Addresses: []string{"127.0.0.1:1"}, Prefix: "p", Timeout: time.Second, TLS: &c}
		_, err := New(Config{Store: Store{Redis: &cfg}}, nil, w.env)
		if p := setting.Problems(err); len(p) != 1 || p[0].Path != want {
			t.Errorf("%+v: got %v; want one problem at %s", c, err, want)
		}
	}
	f(RedisTLS{CA: "none.pem"}, "store.redis.tls.ca")
	f(RedisTLS{Cert: "none.pem", Key: "none.pem"}, "store.redis.tls.cert")
	f(RedisTLS{Cert: "none.pem"}, "store.redis.tls")
}

func TestContextsAreRead(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var b By
		got := "error"
		if err := b.UnmarshalText([]byte(in)); err == nil {
			got = b.String()
		}
		if got != want {
			t.Errorf("%q: got %s; want %s", in, got, want)
		}
	}
	for _, n := range []string{"global", "user", "ip", "endpoint", "model", "tenant", "tier", "key", "header:X-Team", "claim:org.id"} {
		f(n, n)
	}
	for _, n := range []string{"", "users", "header", "header:", "header:a b", "claim:", "user:x", "IP"} {
		f(n, "error")
	}
}
