package upstream

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// address is where a target listens.
type address struct {
	url     string // as in the policy, tidied; the target's name in logs and labels
	network string // tcp or unix
	dial    string // host:port, or the socket's path
	host    string // what the Host field says
	name    string // the host name, for DNS and TLS; empty for a socket
	tls     bool
}

// parseAddress reads a target's URL. The reason of a refusal is in the words of Problem.Want.
func parseAddress(s string) (a address, want string) {
	const form = "http://host:port, https://host:port or unix:/path"
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if !strings.HasPrefix(path, "/") || len(path) > 107 {
			return a, "unix: and an absolute path of at most 107 bytes"
		}
		return address{url: "unix:" + path, network: "unix", dial: path, host: "localhost"}, ""
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return a, form
	}
	if u.User != nil {
		return a, "a URL without user and password (set the authorization header under headers.set)"
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return a, form + ", without a path: the request's own path is sent as it came"
	}
	port := u.Port()
	a = address{network: "tcp", name: strings.ToLower(u.Hostname()), tls: u.Scheme == "https"}
	standard := map[bool]string{false: "80", true: "443"}[a.tls]
	if port == "" {
		port = standard
	}
	a.dial = net.JoinHostPort(a.name, port)
	a.host = a.dial
	if port == standard {
		a.host = strings.TrimSuffix(a.dial, ":"+port)
	}
	a.url = u.Scheme + "://" + a.dial
	return a, ""
}

// withScheme is the URL that was probably meant by a port, or by a host and port; "" when s is neither.
func withScheme(s string) string {
	if port, err := strconv.ParseUint(s, 10, 16); err == nil && port > 0 {
		return "http://127.0.0.1:" + s
	}
	if host, port, err := net.SplitHostPort(s); err == nil && host != "" && host != "unix" && port != "" {
		if a, want := parseAddress("http://" + s); want == "" {
			return a.url
		}
	}
	return ""
}
