package behavior

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"strings"

	"blaze/filters"
)

// Target is whom a ban is for: a network, or an identity whatever its address. Comparable.
type Target struct {
	// Net is one address, the /64 of an IPv6 one, or a wider network; invalid for an identity.
	Net netip.Prefix
	// Subject is the identity's; Issuer is its token's, empty for keys and certificates, and anyIssuer for whoever has that
	// subject.
	Subject, Issuer string
}

const anyIssuer = "*"

// identityMark begins an identity's name in a URL of the admin port. No address has it.
const identityMark = "identity:"

// unit is the network that a client counts as: its address, or the /64 that an IPv6 client has for itself.
func unit(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return netip.PrefixFrom(a, 32)
	}
	p, _ := a.Prefix(64) // never fails for a valid address
	return p
}

// wide reports whether the target holds more than one client.
func (t Target) wide() bool {
	return t.Net.IsValid() && (t.Net.Addr().Is4() && t.Net.Bits() < 32 || t.Net.Addr().Is6() && t.Net.Bits() < 64)
}

// kind names what sort of target it is, for events and metrics.
func (t Target) kind() string {
	switch {
	case !t.Net.IsValid():
		return "identity"
	case t.wide():
		return "network"
	}
	return "address"
}

// String is the name under which the ban is lifted: an address, a network, or identity:SUBJECT.
func (t Target) String() string {
	switch {
	case !t.Net.IsValid():
		return identityMark + t.Subject
	case t.Net.IsSingleIP():
		return t.Net.Addr().String()
	}
	return t.Net.String()
}

// The widest networks that can be banned: a slip of the finger must not shut out the world.
const (
	widest4 = 8
	widest6 = 16
	maxText = 256
)

var (
	errTarget = errors.New(`want one "address" (an IP address or network such as 203.0.113.0/24) or one "identity" (a subject)`)
	errWide   = errors.New("the network is too wide to be banned: at most a /8, or a /16 of IPv6")
)

// newTarget reads a target as people write it. An IPv6 address, or a part of a /64, is its /64; host bits are cut off.
func newTarget(address, identity, issuer string) (Target, error) {
	if (address == "") == (identity == "") || !fit(identity) || !fit(issuer) || address != "" && issuer != "" {
		return Target{}, errTarget
	}
	if identity != "" {
		if issuer == "" {
			issuer = anyIssuer
		}
		return Target{Subject: identity, Issuer: issuer}, nil
	}
	if a, err := netip.ParseAddr(address); err == nil {
		return Target{Net: unit(a)}, nil
	}
	p, err := netip.ParsePrefix(address)
	if err != nil {
		return Target{}, errTarget
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96+widest4 {
			return Target{}, errWide
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	switch {
	case p.Addr().Is4() && p.Bits() < widest4 || p.Addr().Is6() && p.Bits() < widest6:
		return Target{}, errWide
	case p.Addr().Is6() && p.Bits() > 64:
		p = unit(p.Addr())
	}
	return Target{Net: p}, nil
}

// fit reports whether a text is short and has no control characters.
func fit(s string) bool {
	return len(s) <= maxText && strings.ToValidUTF8(s, "") == s && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) < 0
}

// ofIdentity is the target that an identity is; ok is false for a stranger.
func ofIdentity(id *filters.Identity) (t Target, ok bool) {
	if id == nil || id.Subject == "" {
		return t, false
	}
	return Target{Subject: id.Subject, Issuer: id.Issuer}, true
}

// hash is the target's key in the tables; never zero. Allocates nothing.
func (t Target) hash(seed maphash.Seed) uint64 {
	if !t.Net.IsValid() {
		return (maphash.String(seed, t.Subject)*0x9e3779b97f4a7c15 ^ maphash.String(seed, t.Issuer)) | 1
	}
	var b [17]byte
	a := t.Net.Addr().As16()
	copy(b[:], a[:])
	b[16] = byte(t.Net.Bits())
	return maphash.Bytes(seed, b[:]) | 1
}
