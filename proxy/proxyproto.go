package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"blaze/telemetry/setting"
)

// viaBalancer makes connections from these networks say whom they speak for by the PROXY protocol (v1 or v2) before
// anything else, within timeout; one that does not is closed. From everywhere else the bytes of a PROXY header are a malformed request.
func viaBalancer(ln net.Listener, from []netip.Prefix, timeout time.Duration) net.Listener {
	if len(from) == 0 {
		return ln
	}
	return &proxyproto.Listener{
		Listener:          ln,
		ReadHeaderTimeout: timeout,
		ValidateHeader:    speaksForTCP,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if contains(from, address(o.Upstream)) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

func contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(setting.PlainAddr(a)) })
}

// speaksForTCP refuses a header that names no TCP client (v1 UNKNOWN, v2 UNSPEC, UDP, Unix): its address would be nobody's
// or, worse, count as this machine's. The balancer's own health checks (LOCAL) speak for themselves.
func speaksForTCP(h *proxyproto.Header) error {
	if h.Command.IsLocal() {
		return nil
	}
	if _, ok := h.SourceAddr.(*net.TCPAddr); !ok {
		return errors.New("the PROXY header names no TCP client")
	}
	return nil
}

// ParseNetworks reads the comma-separated networks or addresses of the flag --proxy-protocol.
func ParseNetworks(s string) (out []netip.Prefix, err error) {
	for _, f := range strings.Split(s, ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		p, err := setting.ParseNetwork(f)
		if err != nil {
			return nil, fmt.Errorf("want networks such as 10.0.0.0/8; got %q", f)
		}
		out = append(out, p)
	}
	return out, nil
}
