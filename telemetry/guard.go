package telemetry

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// guard says who may use the guarded endpoints: the bearer of the token or, when there is none, a caller on this
// machine that is no web page in disguise.
type guard struct {
	token  bool
	digest [sha256.Size]byte
	certs  bool // a verified client certificate does as well as the token, and without a token nothing else does
}

// ReadToken reads the token that opens the guarded endpoints; no file, no token.
func ReadToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the admin token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 16 {
		return "", fmt.Errorf("cannot use the admin token in %s: want at least 16 characters; got %d", file, len(token))
	}
	return token, nil
}

func newGuard(token string, certs bool) guard {
	return guard{certs: certs, token: token != "", digest: sha256.Sum256([]byte(token))}
}

// wrap lets only those through who may.
func (g guard) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, why := g.refuses(r); status != 0 {
			if status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="blaze admin"`)
			}
			writeError(w, status, why)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// refuses returns the status and the reason, or 0.
func (g guard) refuses(r *http.Request) (int, string) {
	if g.certs && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		if crossSite(r) { // a browser shows its certificate for any page that asks
			return http.StatusForbidden, "Requests from other web sites are refused."
		}
		return 0, ""
	}
	if g.certs && !g.token {
		return http.StatusUnauthorized, "This endpoint needs a client certificate that --admin-client-ca signed."
	}
	if g.token {
		if !g.bears(r) {
			return http.StatusUnauthorized, "This endpoint needs the admin token: Authorization: Bearer …"
		}
		return 0, ""
	}
	switch {
	case !fromLoopback(r):
		return http.StatusForbidden, "Without --admin-token-file this endpoint answers callers on this machine only."
	case !loopbackHost(r.Host):
		return http.StatusForbidden, "The Host header must name this machine (localhost or a loopback address)."
	case crossSite(r):
		return http.StatusForbidden, "Requests from other web sites are refused."
	}
	return 0, ""
}

// bears compares digests, so that neither the token's length nor its first wrong byte shows in the time.
func (g guard) bears(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], g.digest[:]) == 1
}

// fromLoopback is about the connection; a request that a proxy on this machine forwarded came from somewhere else.
func fromLoopback(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	return r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

// loopbackHost refuses the names that DNS rebinding brings: a page of evil.example whose name now resolves to
// 127.0.0.1 still sends its own name.
func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback()
}

// crossSite reports whether a browser sent the request for a page that is not the admin port's own.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return true
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return false
	}
	u, err := url.Parse(origins[0])
	return err != nil || len(origins) > 1 || !strings.EqualFold(u.Host, r.Host)
}
