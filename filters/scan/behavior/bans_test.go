package behavior

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"blaze/filters"
)

// TestByHand: every sort of target, and that the longest network does not hide a wider one.
func TestByHand(t *testing.T) {
	w := newWorld(t, Config{})
	place := func(address, identity, issuer string) Target {
		t.Helper()
		target, err := newTarget(address, identity, issuer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Place(target, time.Hour, "seen in the log"); err != nil {
			t.Fatal(err)
		}
		return target
	}
	wide, narrow := place("203.0.113.0/24", "", ""), place("203.0.113.128/25", "", "")
	place("2001:db8:1::/48", "", "")
	place("", "eve", "")
	place("", "trent", "https://id.example")
	w.left(from(t, "203.0.113.1"), time.Hour)
	w.left(from(t, "203.0.113.200"), time.Hour)
	w.left(from(t, "203.0.114.1"), 0)
	w.left(from(t, "2001:db8:1:77::1"), time.Hour)
	w.left(from(t, "2001:db8:2::1"), 0)
	w.left(as(from(t, "192.0.2.1"), "eve", "anybody"), time.Hour)
	w.left(as(from(t, "192.0.2.1"), "eve", ""), time.Hour)
	w.left(as(from(t, "192.0.2.1"), "trent", "https://id.example"), time.Hour)
	w.left(as(from(t, "192.0.2.1"), "trent", ""), 0)
	if !w.Lift(narrow) || w.Lift(narrow) {
		t.Error("lifted once: no; or twice")
	}
	w.left(from(t, "203.0.113.200"), time.Hour)
	if !w.Lift(wide) {
		t.Error("not lifted")
	}
	w.left(from(t, "203.0.113.200"), 0)
	kinds := ""
	for _, e := range w.told {
		kinds += e.Kind + " " + e.Rule + "\n"
	}
	for _, want := range []string{"admin ban.network\nban ban.start\n", "admin ban.identity\n", "admin lift.network\nban ban.lift\n"} {
		if !strings.Contains(kinds, want) {
			t.Errorf("told\n%swant\n%s", kinds, want)
		}
	}
	w.at = w.at.Add(2 * time.Hour)
	before := len(w.told)
	w.sweep()
	w.sweep()
	if ended := w.told[before:]; len(ended) != 3 || ended[0].Rule != "ban.end" {
		t.Errorf("told of the ends of 3 bans: %+v", ended)
	}
	if n := w.bans.running.Load(); n != 0 || w.bans.people.Load() != 0 || w.bans.wide.Load() != nil {
		t.Errorf("%d bans run, want none", n)
	}
}

// TestFull: a list that is full of running bans takes none by score and loses none; one by hand always has room.
func TestFull(t *testing.T) {
	w := newWorld(t, Config{})
	b := newBans(w.seed)
	until := noon.Add(time.Hour)
	fill := func(i int, force bool, by string, until time.Time) outcome {
		target := Target{Net: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)}
		return b.change(target, noon, force, func(Ban, bool) (Ban, bool) {
			return Ban{Target: target, Since: noon, Until: until, By: by, Count: 1}, true
		})
	}
	for i := range 2 * maxBans {
		fill(i, false, byScore, until)
	}
	if n := int(b.running.Load()); n != maxBans {
		t.Fatalf("%d bans, want %d", n, maxBans)
	}
	if got := fill(3*maxBans, false, byScore, until); got != full {
		t.Errorf("one more by score: %v", got)
	}
	if got := fill(3*maxBans, true, byHand, until); got != changed {
		t.Errorf("one more by hand: %v", got)
	}
	if n := int(b.running.Load()); n != maxBans {
		t.Errorf("%d bans, want %d", n, maxBans)
	}
	// What is over makes room.
	b.sweep(until)
	if n := b.running.Load(); n != 0 {
		t.Errorf("%d run", n)
	}
	at := until
	target := Target{Subject: "late"}
	if got := b.change(target, at, false, func(Ban, bool) (Ban, bool) {
		return Ban{Target: target, Until: at.Add(time.Hour), By: byScore, Count: 1}, true
	}); got != changed {
		t.Errorf("no room when all are over: %v", got)
	}
}

// TestInventedAddresses: whoever comes from ever new addresses neither frees a banned one, nor has scores forgotten by
// doing nothing wrong, nor makes memory grow.
func TestInventedAddresses(t *testing.T) {
	w := newWorld(t, Config{})
	banned, close := from(t, "192.0.2.1"), from(t, "192.0.2.2")
	w.ends(banned, filters.ThreatDetected, 5)
	w.ends(close, filters.ThreatDetected, 4)
	flood := func(n int, end func(x *filters.Exchange)) {
		x := from(t, "10.0.0.0")
		for i := range n {
			x.Client = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			end(x)
		}
	}
	flood(2*maxClients, func(x *filters.Exchange) {
		x.Verdict, x.Status, x.BytesIn = filters.Pass(), 200, 100
		w.Ended(x)
	})
	flood(2*maxClients, func(x *filters.Exchange) { w.ends(x, filters.InvalidJSON, 1) })
	if n := w.clients.known(); n > maxClients || n < maxClients*99/100 { // a set or two may not be full
		t.Errorf("%d clients are known, want about %d and no more", n, maxClients)
	}
	w.left(banned, 15*time.Minute)
	w.ends(close, filters.ThreatDetected, 1)
	w.left(close, 15*time.Minute)
	if clientBytes != 64 {
		t.Errorf("a client takes %d bytes; the README says 64", clientBytes)
	}
}
