package behavior

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry"
	"blaze/telemetry/setting"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// world is a tracker with a clock that the test sets, and what it told.
type world struct {
	*Tracker
	t       testing.TB
	env     filters.Env
	at      time.Time
	told    []telemetry.Event
	metrics *telemetry.Metrics
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	w := &world{t: t, at: noon}
	w.env = filterstest.Env(t, func() time.Time { return w.at }, nil)
	w.env.Events = func(e telemetry.Event) { w.told = append(w.told, e) }
	w.metrics = w.env.Metrics
	w.reload(cfg)
	return w
}

// reload puts another tracker in place of the one that serves.
func (w *world) reload(cfg Config) {
	w.t.Helper()
	next, err := New(cfg, w.Tracker, w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Tracker = next
}

// from is an exchange of a client on a known route.
func from(t testing.TB, client string) *filters.Exchange {
	t.Helper()
	x := filterstest.New(t, "POST /v1/chat/completions")
	x.Client = netip.MustParseAddr(client)
	x.Peer = x.Client
	return x
}

func as(x *filters.Exchange, subject, issuer string) *filters.Exchange {
	x.Identity = &filters.Identity{Subject: subject, Issuer: issuer, Method: "jwt"}
	return x
}

// ends lets x end n times with a refusal.
func (w *world) ends(x *filters.Exchange, d *filters.Denial, n int) {
	x.Verdict, x.Status = filters.Deny(d, "some"), d.Status
	for range n {
		w.Ended(x)
	}
}

// answered lets x end n times with an answer of the model server's.
func (w *world) answered(x *filters.Exchange, status, n int) {
	x.Verdict, x.Status = filters.Pass(), status
	for range n {
		w.Ended(x)
	}
}

// left is how long x's client is still banned.
func (w *world) left(x *filters.Exchange, want time.Duration) {
	w.t.Helper()
	v := w.Check(x)
	if v.Passed() {
		v = w.Identified(x)
	}
	if v.Retry != want || v.Denied() != (want > 0) {
		w.t.Errorf("banned for %v (%v); want %v", v.Retry, v.Denial, want)
	}
}

// TestBans is one attacker's story, from its first refusal on.
func TestBans(t *testing.T) {
	w := newWorld(t, Config{})
	x := from(t, "2001:db8::1")
	w.answered(x, 200, 10000)
	w.ends(x, filters.ThreatDetected, 4)
	w.left(x, 0)
	w.at = w.at.Add(150 * time.Second) // half a window: 40 of 80 points are left
	w.ends(x, filters.ThreatDetected, 2)
	w.left(x, 0)
	x.Dry = true
	w.ends(x, filters.ThreatDetected, 5)
	x.Dry, x.Replay = false, true
	w.ends(x, filters.ThreatDetected, 5)
	x.Replay = false
	w.left(x, 0)
	w.ends(x, filters.ThreatDetected, 1)
	w.left(x, 15*time.Minute)
	w.left(from(t, "2001:db8::ffff:2"), 15*time.Minute) // the same /64
	w.left(from(t, "2001:db8:0:1::1"), 0)
	w.reload(Config{Window: time.Minute, Score: 50, Ban: time.Hour, MaxBan: 24 * time.Hour})
	w.at = w.at.Add(14 * time.Minute)
	w.left(x, time.Minute)
	w.at = w.at.Add(time.Minute)
	w.left(x, 0)
	w.ends(x, filters.ThreatDetected, 3)
	w.left(x, 2*time.Hour) // the second
	for _, n := range []time.Duration{4, 8, 16, 24, 24} {
		w.at = w.at.Add(24 * time.Hour)
		w.ends(x, filters.ThreatDetected, 3)
		w.left(x, n*time.Hour)
	}
	w.at = w.at.Add(24*time.Hour + 5*24*time.Hour) // five quiet days take five steps back: the seventh would be the third
	w.ends(x, filters.ThreatDetected, 3)
	w.left(x, 4*time.Hour)
	if !w.Lift(Target{Net: netip.MustParsePrefix("2001:db8::/64")}) {
		t.Error("not lifted")
	}
	w.left(x, 0)
	w.ends(x, filters.ThreatDetected, 3)
	w.left(x, time.Hour) // the first again
}

// TestWeights is how many endings of a kind, one after the other, it takes to be banned; 0 is never.
func TestWeights(t *testing.T) {
	many := 10_000
	f := func(want int, end func(w *world, i int)) {
		t.Helper()
		w := newWorld(t, Config{})
		for i := range many {
			if end(w, i); len(w.Bans()) > 0 {
				if got := i + 1; got != want && got != want+1 { // tenths do not add up evenly
					t.Errorf("banned after %d, want %d: %s", got, want, w.Bans()[0].Reason)
				}
				return
			}
		}
		if want != 0 {
			t.Errorf("never banned, want after %d", want)
		}
	}
	denied := func(d *filters.Denial) func(*world, int) {
		x := from(t, "192.0.2.1")
		return func(w *world, _ int) { w.ends(x, d, 1) }
	}
	status := func(s int) func(*world, int) {
		x := from(t, "192.0.2.1")
		return func(w *world, _ int) { w.answered(x, s, 1) }
	}
	request := func(d *filters.Denial, by, format string) func(*world, int) {
		always := filterstest.New(t, strings.ReplaceAll(format, "%d", "0"))
		return func(w *world, i int) {
			x := always
			if strings.Contains(format, "%") {
				x = filterstest.New(t, fmt.Sprintf(format, i))
			}
			x.Credentials.Authorization = x.Request.Peek("Authorization") != nil
			x.DeniedBy = by
			w.ends(x, d, 1)
		}
	}
	f(5, denied(filters.ThreatDetected))
	f(1990, denied(filters.MissingCredentials))
	f(199, denied(filters.TokenExpired))
	f(50, denied(filters.InvalidRequest))
	f(100, denied(filters.InvalidJSON))
	f(199, denied(filters.ModelNotAllowed))
	f(0, denied(filters.RateLimitExceeded))
	f(0, denied(filters.QueueFull))
	f(0, denied(filters.TooManySessions))
	f(0, denied(filters.AddressDenied))
	f(0, denied(filters.UpstreamUnavailable))
	f(0, denied(filters.InternalError))
	f(199, status(400))
	f(0, status(429))
	f(0, status(500))
	f(0, status(200))
	f(0, status(302))
	f(0, status(101))
	// Guessing keys, and a program with one wrong key.
	f(180, request(filters.InvalidAPIKey, "auth", "GET /v1/models\nAuthorization: Bearer wrong"))
	w := newWorld(t, Config{})
	for i := range 22 { // a sketch may take one or another for known
		request(filters.InvalidAPIKey, "auth", "GET /v1/models\nAuthorization: Bearer guess-%d")(w, i)
	}
	if len(w.Bans()) != 1 || !strings.HasPrefix(w.Bans()[0].Reason, "credentials ") {
		t.Errorf("guesses: %+v", w.Bans())
	}
	f(10, request(filters.InsufficientAuth, "auth", "GET /v1/models"))
	f(199, request(filters.InsufficientAuth, "authz", "GET /v1/models"))
	// Probing, and a program that asks for one path that is not there; with a refusal for want of a key as well.
	f(946, request(filters.UnknownRoute, "authz", "GET /healthz"))
	f(946, request(filters.MissingCredentials, "auth", "GET /healthz"))
	for _, d := range []*filters.Denial{filters.UnknownRoute, filters.MissingCredentials, filters.MethodNotAllowed} {
		w := newWorld(t, Config{})
		for i := range 45 {
			request(d, "authz", "GET /admin/%d.php")(w, i)
		}
		if len(w.Bans()) != 1 || !strings.HasPrefix(w.Bans()[0].Reason, "probing ") {
			t.Errorf("many paths, %s: %+v", d, w.Bans())
		}
	}
}

// TestAbort: a refusal counts although its client did not wait for it; a client that leaves does nothing wrong.
func TestAbort(t *testing.T) {
	w := newWorld(t, Config{})
	x := from(t, "192.0.2.1")
	x.Abort = "client_gone"
	w.answered(x, 499, 10000)
	w.left(x, 0)
	w.ends(x, filters.ThreatDetected, 5)
	w.left(x, 15*time.Minute)
}

// TestProbes: what a node's kubelet does for hours, three probes a second that a policy refuses, bans nobody.
func TestProbes(t *testing.T) {
	w := newWorld(t, Config{})
	x, y := filterstest.New(t, "GET /health"), filterstest.New(t, "GET /healthz")
	for range 2 * 3600 {
		w.at = w.at.Add(time.Second)
		w.ends(x, filters.MissingCredentials, 2)
		w.ends(y, filters.MissingCredentials, 1)
	}
	if b := w.Bans(); len(b) > 0 {
		t.Errorf("banned: %+v", b)
	}
}

// TestIdentities: who is known answers for themselves, not for the address they share, nor another issuer's namesake.
func TestIdentities(t *testing.T) {
	w := newWorld(t, Config{})
	office := "198.51.100.7"
	mallory, ada := as(from(t, office), "mallory", "https://id.example"), as(from(t, office), "ada", "https://id.example")
	w.ends(mallory, filters.ThreatDetected, 10)
	w.left(mallory, 15*time.Minute)
	if v := w.Identified(mallory); v.Denial.Code != filters.InsufficientPermissions.Code || v.Rule != Rule {
		t.Errorf("mallory is told %v (%s)", v.Denial, v.Rule)
	}
	w.left(as(from(t, "203.0.113.9"), "mallory", "https://id.example"), 15*time.Minute)
	w.left(ada, 0)
	w.left(from(t, office), 0)
	w.left(as(from(t, office), "mallory", "https://other.example"), 0)
	w.left(as(from(t, office), "mallory", ""), 0)
	if e := w.told[0]; len(w.told) != 1 || e.Kind != "ban" || e.Subject != "mallory" || e.Rule != "ban.start" || !strings.Contains(e.Note, "threats 100") {
		t.Errorf("told %+v", w.told)
	}
	// What is refused before anybody is known is the address's; whoever behaves there makes it good.
	w.ends(from(t, office), filters.InvalidRequest, 40)
	w.answered(ada, 200, 400)
	w.ends(from(t, office), filters.InvalidRequest, 40)
	w.left(ada, 0)
	w.ends(from(t, office), filters.InvalidRequest, 40)
	w.left(ada, 15*time.Minute)
}

// TestSpared: trusted proxies stand for nobody, excepted networks are left alone; a ban by hand holds all the same.
func TestSpared(t *testing.T) {
	w := newWorld(t, Config{})
	w.env.Trusted = func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.1") }
	w.reload(Config{Except: []string{"192.0.2.0/24", "::1"}})
	for _, client := range []string{"10.0.0.1", "192.0.2.77", "::1"} {
		x := from(t, client)
		w.ends(x, filters.ThreatDetected, 100)
		w.left(x, 0)
		if _, err := w.Place(Target{Net: unit(x.Client)}, time.Hour, ""); err != nil {
			t.Fatal(err)
		}
		w.left(x, time.Hour)
	}
	mallory := as(from(t, "10.0.0.1"), "mallory", "")
	w.ends(mallory, filters.ThreatDetected, 5)
	if v := w.Identified(mallory); !v.Denied() {
		t.Error("an identity behind a proxy is not banned")
	}
	// What was banned before it was excepted is let in.
	x := from(t, "203.0.113.1")
	w.ends(x, filters.ThreatDetected, 5)
	w.left(x, 15*time.Minute)
	w.reload(Config{Except: []string{"203.0.113.0/24"}})
	w.left(x, 0)
}

// TestModes: in shadow bans are counted and noted and nobody is refused, off nothing is looked at; a ban by hand holds.
func TestModes(t *testing.T) {
	for _, mode := range []filters.Mode{filters.Shadow, filters.Off} {
		w := newWorld(t, Config{})
		w.reload(Config{Rollout: filters.Rollout{Mode: mode}})
		x := from(t, "192.0.2.1")
		w.ends(x, filters.ThreatDetected, 100)
		w.left(x, 0)
		noted, events, counted := len(x.Shadows), len(w.told), w.placed["shadow"].Value()
		if want := int(1 - (mode - filters.Shadow)); noted != want || events != want || int(counted) != want {
			t.Errorf("%v: noted %v, told %v, counted %d", mode, x.Shadows, w.told, counted)
		}
		if mode == filters.Shadow && (w.told[0].Rule != "ban.shadow" || x.Shadows[0].Rule != Rule || !w.Views()[0].Shadow || w.active() != 0) {
			t.Errorf("told %+v, noted %v", w.told, x.Shadows)
		}
		if _, err := w.Place(Target{Net: unit(x.Client)}, 0, ""); err != nil {
			t.Fatal(err)
		}
		w.left(x, 15*time.Minute)
		if w.active() != 1 {
			t.Errorf("%v: %d active", mode, w.active())
		}
	}
	// A rollout of a quarter refuses about a quarter.
	w := newWorld(t, Config{})
	share := setting.Percent(.25)
	w.reload(Config{Rollout: filters.Rollout{Share: &share}})
	refused := 0
	for i := range 400 {
		x := from(t, fmt.Sprintf("10.1.%d.%d", i/256, i%256))
		w.ends(x, filters.ThreatDetected, 5)
		if w.Check(x).Denied() {
			refused++
		}
	}
	if refused < 60 || refused > 140 || len(w.Bans()) != 400 {
		t.Errorf("a rollout of 25%% refused %d of 400", refused)
	}
}

// TestAtOnce: everything at once, for the race detector; the counts agree in the end.
func TestAtOnce(t *testing.T) {
	env := filterstest.Env(t, nil, nil)
	tr, err := New(Config{}, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			x := filterstest.New(t, "GET /v1/models")
			x.Verdict = filters.Deny(filters.ThreatDetected, "")
			for i := range 2000 {
				x.Client = netip.AddrFrom4([4]byte{10, 0, byte(g), byte(i % 100)})
				x.Identity = filters.Anonymous
				if i%3 == 0 {
					x.Identity = &filters.Identity{Subject: fmt.Sprint("s", i%50)}
				}
				tr.Check(x)
				tr.Identified(x)
				tr.Ended(x)
				switch {
				case i%500 == 0:
					tr.sweep()
				case i%97 == 0:
					tr.Lift(Target{Net: unit(x.Client)})
				case i%251 == 0:
					_, _ = tr.Place(Target{Net: netip.MustParsePrefix("172.16.0.0/12")}, time.Hour, "")
				}
			}
		})
	}
	all.Wait()
	running, people := 0, 0
	for _, b := range tr.Bans() {
		if !tr.bans.may(b.Target) {
			t.Errorf("%s is banned, and passes without a look", b.Target)
		}
		if running++; !b.Net.IsValid() {
			people++
		}
	}
	if running == 0 || people == 0 || int64(running) != tr.bans.running.Load() || int64(people) != tr.bans.people.Load() {
		t.Errorf("%d bans, %d of people; counted %d and %d", running, people, tr.bans.running.Load(), tr.bans.people.Load())
	}
}

// TestConfig is what a section may not say.
func TestConfig(t *testing.T) {
	f := func(edit func(*Config), want ...string) {
		t.Helper()
		c := defaults()
		edit(&c)
		_, err := New(c, nil, filterstest.Env(t, nil, nil))
		var got []string
		for _, p := range setting.Problems(err) {
			got = append(got, p.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v (%v), want %v", got, err, want)
		}
	}
	f(func(*Config) {})
	f(func(c *Config) { c.Ban = 48 * time.Hour })
	f(func(c *Config) { c.Score = 0 }, "score")
	f(func(c *Config) { c.Score, c.Window, c.Ban, c.MaxBan = -1, 0, time.Millisecond, 1000*time.Hour }, "window", "ban", "max_ban", "score")
	f(func(c *Config) { c.Except = []string{"10.0.0.0/8", "10.0.0.1/8", "here", "::1"} }, "except[1]", "except[2]")
}
