package access

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

func header(fields ...string) *fasthttp.RequestHeader {
	h := new(fasthttp.RequestHeader)
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		h.Add(k, v)
	}
	return h
}

func TestClientAddr(t *testing.T) {
	trusted, err := ParseNetworks([]string{"10.0.0.0/8", "2001:db8:ffff::/48"})
	if err != nil {
		t.Fatal(err)
	}
	f := func(peer, want string, fields ...string) {
		t.Helper()
		got := ClientAddr(netip.MustParseAddr(peer), header(fields...), trusted)
		if got != netip.MustParseAddr(want) {
			t.Errorf("peer %s, %q: want %s; got %s", peer, fields, want, got)
		}
	}
	const xff, fwd = "X-Forwarded-For: ", "Forwarded: "
	// Nobody who is not trusted is believed.
	f("192.0.2.1", "192.0.2.1")
	f("192.0.2.1", "192.0.2.1", xff+"198.51.100.1")
	f("192.0.2.1", "192.0.2.1", fwd+"for=198.51.100.1")
	f("::ffff:192.0.2.1", "192.0.2.1", xff+"198.51.100.1")
	// A trusted proxy speaks for its client, whatever the client wrote before it.
	f("10.0.0.1", "10.0.0.1")
	f("10.0.0.1", "198.51.100.1", xff+"198.51.100.1")
	f("10.0.0.1", "198.51.100.1", xff+"127.0.0.1, 10.0.0.9, 198.51.100.1")
	f("10.0.0.1", "198.51.100.1", xff+"203.0.113.5,198.51.100.1 , 10.0.0.2")
	f("::ffff:10.0.0.1", "198.51.100.1", xff+"198.51.100.1")
	f("2001:db8:ffff::1", "2001:db8::7", xff+"2001:db8::7")
	// Several fields are one list.
	f("10.0.0.1", "198.51.100.1", xff+"203.0.113.5", xff+"198.51.100.1", xff+"10.0.0.2")
	f("10.0.0.1", "198.51.100.1", xff+"198.51.100.1", xff+"10.0.0.2")
	// All trusted: the farthest.
	f("10.0.0.1", "10.0.0.3", xff+"10.0.0.3, 10.0.0.2")
	// What cannot be read ends the walk; garbage further left is never reached.
	f("10.0.0.1", "10.0.0.2", xff+"198.51.100.1, garbage, 10.0.0.2")
	f("10.0.0.1", "198.51.100.1", xff+"garbage, 198.51.100.1, 10.0.0.2")
	f("10.0.0.1", "10.0.0.1", xff+"198.51.100.1,")
	f("10.0.0.1", "10.0.0.1", xff+"198.51.100.1, ,")
	f("10.0.0.1", "10.0.0.1", xff+"010.0.0.1")
	f("10.0.0.1", "10.0.0.1", xff+"fe80::1%eth0")
	// The forms proxies write.
	f("10.0.0.1", "198.51.100.1", xff+"198.51.100.1:4711")
	f("10.0.0.1", "2001:db8::7", xff+"[2001:db8::7]:4711")
	f("10.0.0.1", "2001:db8::7", xff+"[2001:db8::7]")
	f("10.0.0.1", "198.51.100.1", xff+"::ffff:198.51.100.1")
	f("10.0.0.1", "10.0.0.1", xff+"[198.51.100.1]:80")
	f("10.0.0.1", "10.0.0.1", xff+"198.51.100.1:")
	f("10.0.0.1", "10.0.0.1", xff+"198.51.100.1:http")
	f("10.0.0.1", "10.0.0.1", xff+"[2001:db8::7]x")
	// RFC 7239, only without X-Forwarded-For.
	f("10.0.0.1", "198.51.100.1", fwd+"for=198.51.100.1")
	f("10.0.0.1", "198.51.100.1", fwd+`proto=https;For="198.51.100.1:4711";by=10.0.0.1`)
	f("10.0.0.1", "2001:db8::7", fwd+`for=203.0.113.5, for="[2001:db8::7]:80";proto=http, for=10.0.0.2`)
	f("10.0.0.1", "10.0.0.1", fwd+"for=unknown")
	f("10.0.0.1", "10.0.0.1", fwd+"for=_hidden")
	f("10.0.0.1", "10.0.0.1", fwd+"for=198.51.100.1;for=203.0.113.5")
	f("10.0.0.1", "10.0.0.1", fwd+"for=[2001:db8::7]")
	f("10.0.0.1", "10.0.0.1", fwd+"proto=https")
	f("10.0.0.1", "198.51.100.1", xff+"198.51.100.1", fwd+"for=203.0.113.5")
}

func TestClientAddrBounds(t *testing.T) {
	trusted, _ := ParseNetworks([]string{"10.0.0.0/8"})
	peer, far := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.1")
	chain := func(n int) string { return "X-Forwarded-For: 198.51.100.1" + strings.Repeat(",10.0.0.2", n) }
	if got := ClientAddr(peer, header(chain(maxHops-1)), trusted); got != far {
		t.Errorf("%d hops: want %s; got %s", maxHops, far, got)
	}
	if got := ClientAddr(peer, header(chain(maxHops)), trusted); got == far {
		t.Errorf("%d hops: the farthest must not be believed", maxHops+1)
	}
	long := "X-Forwarded-For: 198.51.100.1," + strings.Repeat(" ", maxForwarded) + "10.0.0.2"
	if got := ClientAddr(peer, header(long), trusted); got != peer {
		t.Errorf("a kilobyte of blanks: want %s; got %s", peer, got)
	}
	// A client may write as much as it likes to the left of what the trusted proxy added.
	if got := ClientAddr(peer, header("X-Forwarded-For: "+strings.Repeat("x", 8<<10)+", 198.51.100.1"), trusted); got != far {
		t.Errorf("a long list: want %s; got %s", far, got)
	}
}

func TestClientAddrAllocs(t *testing.T) {
	trusted, _ := ParseNetworks([]string{"10.0.0.0/8"})
	h := header("X-Forwarded-For: 203.0.113.5, 198.51.100.1:80, 10.0.0.2", "X-Forwarded-For: [2001:db8::1]:80, 10.0.0.3")
	peer := netip.MustParseAddr("10.0.0.1")
	if n := testing.AllocsPerRun(100, func() { ClientAddr(peer, h, trusted) }); n != 0 {
		t.Errorf("want no allocation; got %v", n)
	}
}

// FuzzClientAddr: whatever the client writes to the left of the trusted proxy's word, the client's address is the one
// the proxy gave.
func FuzzClientAddr(f *testing.F) {
	for _, s := range []string{"", "10.0.0.2", "garbage", "for=1.2.3.4", `"`, "[::1]:80", ",,,", "198.51.100.1\t"} {
		f.Add(s)
	}
	trusted, _ := ParseNetworks([]string{"10.0.0.0/8"})
	peer, real := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.1")
	f.Fuzz(func(t *testing.T, s string) {
		h := new(fasthttp.RequestHeader)
		h.Add("X-Forwarded-For", s)
		h.Add("Forwarded", s)
		h.Add("X-Forwarded-For", "198.51.100.1, 10.0.0.2")
		if got := ClientAddr(peer, h, trusted); got != real {
			t.Fatalf("%q: want %s; got %s", s, real, got)
		}
		if got := ClientAddr(real, h, trusted); got != real {
			t.Fatalf("%q from a stranger: want %s; got %s", s, real, got)
		}
		h.Del("X-Forwarded-For")
		if got := ClientAddr(peer, h, trusted); !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%q: %s is not in its one form", s, got)
		}
	})
}
