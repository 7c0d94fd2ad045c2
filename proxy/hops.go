package proxy

import "github.com/valyala/fasthttp"

const maxForwards = "Max-Forwards"

// mostHops is the most that Blaze lets a request still be forwarded.
const mostHops = 1_000_000

// hopsLeft reports whether an OPTIONS request says how often it may still be forwarded (RFC 9110, 7.6.2), and how often. What
// says so twice, or in no number, may not be at all. Other methods' Max-Forwards means nothing (TRACE is not taken).
func hopsLeft(h *fasthttp.RequestHeader) (n int, said bool) {
	if !h.IsOptions() {
		return 0, false
	}
	switch all := h.PeekAll(maxForwards); {
	case len(all) == 0:
		return 0, false
	case len(all) > 1 || len(all[0]) == 0:
		return 0, true
	default:
		for _, c := range all[0] {
			if c < '0' || c > '9' {
				return 0, true
			}
			n = min(10*n+int(c-'0'), mostHops)
		}
		return n, true
	}
}

// asksUs reports whether a request is for Blaze itself: about the server and no path of it, or not to be forwarded.
func asksUs(h *fasthttp.RequestHeader) bool {
	n, said := hopsLeft(h)
	return asksServer(h) || said && n == 0
}
