package setting

import (
	"errors"
	"net/netip"
	"strings"
)

// WantNetwork is what ParseNetwork takes, for a Problem.
const WantNetwork = "an address or network such as 10.0.0.0/8"

// ParseNetwork reads an address or a network. Addresses inside IPv6 (::ffff:a.b.c.d) are the IPv4 addresses they hold, and
// zones do not count. Host bits beyond the mask are refused: whoever wrote 10.0.0.7/8 meant either less or more than
// 10.0.0.0/8, and here guessing opens doors.
func ParseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = PlainAddr(a)
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, errors.New("host bits set")
	}
	return p, nil
}

// PlainAddr is the one form in which addresses are compared.
func PlainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Subscriber is what counts as one client: an IPv4 address, or the first of the /64 that an IPv6 client has for itself.
func Subscriber(a netip.Addr) netip.Addr {
	a = PlainAddr(a)
	if !a.Is6() {
		return a
	}
	p, _ := a.Prefix(64) // never fails for 64 bits of an IPv6 address
	return p.Addr()
}
