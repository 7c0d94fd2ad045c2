package access

import (
	"bytes"
	"net/netip"
	"unsafe"

	"github.com/valyala/fasthttp"

	"blaze/telemetry/setting"
)

// Bounds of what a chain of proxies may say; a client behind a trusted proxy can write as much as it likes to the left
// of what the proxy added, and is read from the right.
const (
	maxHops      = 32
	maxForwarded = 1 << 10 // bytes read, from the right
)

// ClientAddr says who is asking: the peer, or, when the peer is a trusted proxy, the address it says it speaks for, and
// so on from right to left until the first address that is not trusted. X-Forwarded-For counts; Forwarded (RFC 7239)
// only without it, since a proxy that adds the one passes a client's own word in the other. What cannot be read ends
// the walk at the last address that could. Allocates nothing; the answer is unmapped and has no zone.
func ClientAddr(peer netip.Addr, h *fasthttp.RequestHeader, trusted *Networks) netip.Addr {
	client := setting.PlainAddr(peer)
	if !trusted.Contains(client) {
		return client
	}
	values, read := h.PeekAll(fasthttp.HeaderXForwardedFor), parseHop
	if len(values) == 0 {
		values, read = h.PeekAll(fasthttp.HeaderForwarded), parseForwarded
	}
	hops, budget := 0, maxForwarded
	for i := len(values) - 1; i >= 0; i-- {
		rest := values[i]
		for more := true; more; {
			var element []byte
			rest, element, more = cutLast(rest)
			hops++
			if budget -= len(element) + 1; budget < 0 || hops > maxHops {
				return client
			}
			a, ok := read(bytes.Trim(element, " \t"))
			if !ok {
				return client
			}
			if client = setting.PlainAddr(a); !trusted.Contains(client) {
				return client
			}
		}
	}
	return client
}

// cutLast cuts s at its last comma. Quoted strings of Forwarded hold no comma in any form that is accepted here.
func cutLast(s []byte) (before, last []byte, more bool) {
	if i := bytes.LastIndexByte(s, ','); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return nil, s, false
}

// parseForwarded reads the for parameter of one RFC 7239 element: for=192.0.2.60;proto=http, for="[2001:db8::1]:4711".
func parseForwarded(element []byte) (netip.Addr, bool) {
	var node []byte
	for more := true; more; {
		var pair []byte
		pair, element, more = bytes.Cut(element, []byte{';'})
		name, value, ok := bytes.Cut(pair, []byte{'='})
		if !ok || !bytes.EqualFold(bytes.Trim(name, " \t"), []byte("for")) {
			continue
		}
		if node != nil { // for twice in one element: two readers would take two addresses
			return netip.Addr{}, false
		}
		node = bytes.Trim(value, " \t")
	}
	if n := len(node); n >= 2 && node[0] == '"' && node[n-1] == '"' {
		return parseHop(node[1 : n-1])
	}
	if bytes.IndexByte(node, ':') >= 0 { // RFC 7239 6: IPv6 and ports are quoted
		return netip.Addr{}, false
	}
	return parseHop(node)
}

// parseHop reads an address as proxies write it: 192.0.2.1, 192.0.2.1:4711, 2001:db8::1, [2001:db8::1],
// [2001:db8::1]:4711. Obfuscated nodes (unknown, _hidden) are not addresses.
func parseHop(s []byte) (netip.Addr, bool) {
	if len(s) == 0 || len(s) > 64 {
		return netip.Addr{}, false
	}
	switch {
	case s[0] == '[':
		end := bytes.IndexByte(s, ']')
		if end < 0 || !isPort(s[end+1:]) {
			return netip.Addr{}, false
		}
		a, ok := parseAddr(s[1:end])
		return a, ok && a.Is6()
	case bytes.Count(s, []byte{':'}) == 1:
		i := bytes.IndexByte(s, ':')
		a, ok := parseAddr(s[:i])
		return a, ok && isPort(s[i:])
	}
	return parseAddr(s)
}

// parseAddr keeps zones out: they mean something only on the host that wrote them.
func parseAddr(s []byte) (netip.Addr, bool) {
	if bytes.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(s), len(s))) // keeps only zones, and those are out
	return a, err == nil
}

// isPort reports whether s is empty or a colon with one to five digits.
func isPort(s []byte) bool {
	if len(s) == 0 {
		return true
	}
	if s[0] != ':' || len(s) < 2 || len(s) > 6 {
		return false
	}
	for _, c := range s[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
