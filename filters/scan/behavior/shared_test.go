package behavior

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"blaze/filters"
	"blaze/telemetry"
)

// replica is a world of its own on the Redis at addr.
func replica(t testing.TB, addr string) *world {
	t.Helper()
	w := newWorld(t, Config{})
	w.env.Redis = dial(t, addr)
	w.Tracker = nil
	w.reload(Config{})
	return w
}

func dial(t testing.TB, addr string) *filters.Redis {
	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1, DialTimeout: 200 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	return &filters.Redis{Client: client, Prefix: "blaze"}
}

// looks lets each agree with Redis, which may be slow where many tests run.
func looks(t testing.TB, ws ...*world) {
	t.Helper()
	for _, w := range ws {
		deadline := time.Now().Add(time.Minute)
		for err := w.look(context.Background()); err != nil; err = w.look(context.Background()) {
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

// server is a redis-server of the test's own.
type server struct {
	addr string
	cmd  *exec.Cmd
	args []string
}

// realRedis starts one that keeps everything on disk. Where there is none the test is skipped; in CI there has to be one.
func realRedis(t testing.TB) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI needs a redis-server")
		}
		t.Skip("there is no redis-server here; miniredis stands for it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	s := &server{addr: "127.0.0.1:" + port, args: []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	defer func() { _ = client.Close() }()
	for deadline := time.Now().Add(20 * time.Second); client.Ping(context.Background()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// kill is kill -9.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func TestReplicas(t *testing.T) {
	t.Run("miniredis", func(t *testing.T) { testReplicas(t, miniredis.RunT(t).Addr()) })
	t.Run("redis-server", func(t *testing.T) { testReplicas(t, realRedis(t).addr) })
}

func testReplicas(t *testing.T, addr string) {
	a, b := replica(t, addr), replica(t, addr)
	looks(t, a, b)
	x := from(t, "192.0.2.1")
	eve := as(from(t, "192.0.2.2"), "eve", "https://id.example")
	// What one bans, all refuse after a look, for as long; another one's ban in a row follows from it.
	a.ends(x, filters.ThreatDetected, 5)
	a.ends(eve, filters.ThreatDetected, 5)
	looks(t, a, b)
	for _, w := range []*world{a, b} {
		w.left(x, 15*time.Minute)
		w.left(eve, 15*time.Minute)
		w.left(as(from(t, "192.0.2.2"), "eve", ""), 0)
	}
	if len(b.told) != 0 {
		t.Errorf("told of another's bans: %+v", b.told)
	}
	// A restart has them back.
	c := replica(t, addr)
	c.left(x, 0)
	looks(t, c)
	c.left(x, 15*time.Minute)
	// Lifted anywhere, lifted everywhere; for a replica that comes later too.
	if !b.Lift(Target{Net: unit(x.Client)}) {
		t.Error("not lifted")
	}
	looks(t, b, a, c)
	for _, w := range []*world{a, b, c, replica(t, addr)} {
		looks(t, w)
		w.left(x, 0)
		w.left(eve, 15*time.Minute)
	}
	for _, w := range []*world{a, b, c} {
		w.at = w.at.Add(16 * time.Minute)
	}
	b.ends(eve, filters.ThreatDetected, 5)
	looks(t, b, a, c)
	c.left(eve, 30*time.Minute)
	// A ban by hand is not made shorter by one that another replica places by score.
	if _, err := a.Place(Target{Net: unit(x.Client)}, 48*time.Hour, "by hand"); err != nil {
		t.Fatal(err)
	}
	b.ends(x, filters.ThreatDetected, 5)
	looks(t, a, b, c)
	b.left(x, 48*time.Hour)
	c.left(x, 48*time.Hour)
	// A reload that changes nothing about Redis goes on as it was; one that is only tried out tells nobody.
	c.reload(Config{Rollout: filters.Rollout{Mode: filters.Shadow}})
	y := from(t, "192.0.2.3")
	c.ends(y, filters.ThreatDetected, 5)
	looks(t, c, a)
	a.left(y, 0)
	// Redis loses its data: nobody gets out.
	if err := a.remote.redis.Client.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	d := replica(t, addr)
	d.at = a.at
	looks(t, b, a, c, d)
	for _, w := range []*world{a, b, c, d} {
		w.reload(Config{})
		w.left(x, 48*time.Hour)
		w.left(eve, 30*time.Minute)
	}
}

// TestManyBans: more than a batch, read by one that starts anew; what is over goes from Redis too.
func TestManyBans(t *testing.T) {
	redis := miniredis.RunT(t)
	a := replica(t, redis.Addr())
	crowd(t, a.Tracker, 5*batch)
	looks(t, a)
	b := replica(t, redis.Addr())
	looks(t, b)
	names := func(w *world) (out []string) {
		for _, ban := range w.Bans() {
			out = append(out, ban.Target.String())
		}
		slices.Sort(out)
		return out
	}
	if got, want := names(b), names(a); len(want) < 4*batch || !slices.Equal(got, want) {
		t.Errorf("got %d bans, want %d", len(got), len(want))
	}
	a.at = a.at.Add(100 * 24 * time.Hour)
	for i := range 20 {
		if _, err := a.Place(Target{Net: unit(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))}, time.Hour, ""); err != nil {
			t.Fatal(err)
		}
		looks(t, a)
	}
	if left, _ := redis.HKeys("blaze:{bans}:entries"); len(left) != 20 {
		t.Errorf("%d entries are left, want 20", len(left))
	}
}

// TestWithoutRedis: bans are in force here at once, told when Redis is back, over a reload too, and health says so.
func TestWithoutRedis(t *testing.T) {
	t.Run("killed", func(t *testing.T) {
		s := realRedis(t)
		testWithoutRedis(t, s.addr, s.kill, func() { s.start(t) })
	})
	t.Run("miniredis", func(t *testing.T) {
		m := miniredis.RunT(t)
		testWithoutRedis(t, m.Addr(), m.Close, func() {
			if err := m.Restart(); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func testWithoutRedis(t *testing.T, addr string, stop, start func()) {
	a, b := replica(t, addr), replica(t, addr)
	looks(t, a, b)
	x, y := from(t, "192.0.2.1"), from(t, "192.0.2.2")
	a.ends(x, filters.ThreatDetected, 5)
	looks(t, a, b)
	health := func(w *world, want string) {
		t.Helper()
		if c := w.Checks(); len(c) != 1 || c[0].Name != "bans" || c[0].Status != want {
			t.Errorf("health: %+v, want %s", c, want)
		}
	}
	health(a, telemetry.StatusOK)
	stop()
	b.at = b.at.Add(time.Second)
	a.at = b.at
	a.ends(y, filters.ThreatDetected, 5)
	b.Lift(Target{Net: unit(x.Client)})
	for _, w := range []*world{a, b} {
		if w.look(context.Background()) == nil {
			t.Error("agreed with nobody")
		}
		health(w, telemetry.StatusDegraded)
	}
	a.left(x, 15*time.Minute-time.Second)
	a.left(y, 15*time.Minute)
	b.left(x, 0)
	b.left(y, 0)
	a.reload(Config{Score: 50, Window: time.Minute, Ban: time.Minute, MaxBan: time.Hour})
	start()
	looks(t, b, a, b, a)
	for _, w := range []*world{a, b} {
		w.left(x, 0)
		w.left(y, 15*time.Minute)
		health(w, telemetry.StatusOK)
	}
}

// TestIntroduced: a Redis that a reload brings is told of the bans that were there before.
func TestIntroduced(t *testing.T) {
	addr := miniredis.RunT(t).Addr()
	a, b := newWorld(t, Config{}), replica(t, addr)
	x := from(t, "192.0.2.1")
	a.ends(x, filters.ThreatDetected, 5)
	a.env.Redis = dial(t, addr)
	a.reload(Config{})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	defer func() { cancel(); running.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); !b.Check(x).Denied(); looks(t, b) {
		if time.Now().After(deadline) {
			t.Fatal("never told")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestOddEntries: what no Blaze has written is left out, and said to be there; it changes nothing about the others.
func TestOddEntries(t *testing.T) {
	m := miniredis.RunT(t)
	a := replica(t, m.Addr())
	looks(t, a)
	x := from(t, "192.0.2.1")
	a.ends(x, filters.ThreatDetected, 5)
	looks(t, a)
	m.HSet("blaze:{bans}:entries", "192.0.2.9", `{"address":"0.0.0.0/0","since":1,"until":99999999999999,"by":"auto","reason":"","count":1}`)
	if _, err := m.ZAdd("blaze:{bans}:order", 2, "192.0.2.9"); err != nil {
		t.Fatal(err)
	}
	if err := m.Set("blaze:{bans}:number", "2"); err != nil {
		t.Fatal(err)
	}
	looks(t, a)
	if c := a.Checks(); c[0].Status != telemetry.StatusDegraded || fmt.Sprint(c[0].Detail.(map[string]any)["unreadable"]) != "1" {
		t.Errorf("health: %+v", c)
	}
	a.left(x, 15*time.Minute)
	a.left(from(t, "203.0.113.1"), 0)
}

// FuzzEntry: whatever Redis holds, what is read of it is a ban that could have been written here, and is written the same.
func FuzzEntry(f *testing.F) {
	for _, ban := range []Ban{
		{Target: Target{Net: netip.MustParsePrefix("192.0.2.1/32")}, Since: noon, Until: noon.Add(time.Hour), By: byScore, Reason: "threats 100", Count: 1},
		{Target: Target{Net: netip.MustParsePrefix("2001:db8::/48")}, Since: noon, Until: noon.Add(time.Hour), By: byHand, Reason: "seen", Count: 3},
		{Target: Target{Subject: "eve", Issuer: anyIssuer}, Since: noon, Until: noon, By: byHand, Count: 1, Lifted: true},
	} {
		text, err := ban.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"address":"::ffff:10.0.0.1","since":1,"until":2,"by":"auto","reason":"","count":1}`)
	f.Add(`{"address":"0.0.0.0/0","since":1,"until":2,"by":"auto","reason":"","count":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := decode(text, noon)
		if err != nil {
			return
		}
		if b.Until.After(noon.Add(maxHand+2*time.Hour)) || b.Count < 1 || strings.ContainsAny(b.Reason+b.Subject+b.Issuer, "\n\x00") ||
			b.Net.IsValid() && (b.Subject != "" || b.Net != b.Net.Masked() || b.Net.Bits() < widest4) {
			t.Fatalf("read %+v", b)
		}
		again, err := b.encode()
		if err != nil {
			t.Fatal(err)
		}
		if c, err := decode(string(again), noon); err != nil || c != b {
			t.Fatalf("written and read again: %+v, %v; want %+v", c, err, b)
		}
	})
}
