package setting

import (
	"net/netip"
	"testing"
)

func TestParseNetwork(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		p, err := ParseNetwork(in)
		if got := p.String(); want == "" && err == nil || want != "" && (err != nil || got != want) {
			t.Errorf("%q: got %v, %v; want %q", in, p, err, want)
		}
	}
	f("10.0.0.7", "10.0.0.7/32")
	f("10.0.0.0/8", "10.0.0.0/8")
	f("::ffff:10.0.0.7", "10.0.0.7/32")
	f("::ffff:10.0.0.0/104", "10.0.0.0/8")
	f("2001:db8::/32", "2001:db8::/32")
	f("fe80::1%eth0", "fe80::1/128")
	for _, bad := range []string{"", "10.0.0.7/8", "10.0.0.0/33", "10.0.0", "010.0.0.1", "example.com", "10.0.0.0/8 ", "fe80::%eth0/64", "::ffff:10.0.0.0/95"} {
		f(bad, "")
	}
}

func TestSubscriber(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Subscriber(netip.MustParseAddr(in)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: want %s; got %s", in, want, got)
		}
	}
	f("192.0.2.1", "192.0.2.1")
	f("::ffff:192.0.2.1", "192.0.2.1")
	f("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")
	f("fe80::1%eth0", "fe80::")
	if got := Subscriber(netip.Addr{}); got.IsValid() {
		t.Errorf("nobody's address: got %s", got)
	}
}
