// Package ssrf says whether a URL that a model server is asked to fetch leads outside. It reads the URL the way fetchers
// do, in every spelling of an address, and resolves no name: what a public name resolves to can only be stopped where the
// connection is made.
package ssrf

import (
	"bytes"
	"net/netip"
	"strings"

	"blaze/filters/scan/detect"
	"blaze/telemetry/setting"
)

// The reasons, fit for a label.
const (
	Scheme    = "ssrf-scheme"   // not http, https, or a data URI of a medium
	Form      = "ssrf-form"     // two parsers could read it differently
	Userinfo  = "ssrf-userinfo" // something before an @
	Address   = "ssrf-address"  // private, loopback, link-local, metadata or otherwise not public
	Name      = "ssrf-name"     // a name of the inside, or one that anybody points inside
	Identity  = "ssrf-identity" // a server of tokens and identities, where no picture lies
	Redirect  = "ssrf-redirect" // an address of the inside, handed to a host that might lead there
	NotOnList = "ssrf-host"     // not among the allowed hosts
)

// Rules lists the reasons.
func Rules() []string {
	return []string{Scheme, Form, Userinfo, Address, Name, Identity, Redirect, NotOnList}
}

// Judge returns why url may not be fetched, or "". allow are host patterns; when there are any, they alone are allowed,
// and they are trusted whatever they look like.
func Judge(url []byte, allow []string) string {
	if len(url) == 0 {
		return ""
	}
	scheme, rest, ok := bytes.Cut(url, []byte{':'})
	switch {
	case !ok || len(scheme) > 16:
		if len(url) >= 64 && isMedium(url) {
			return "" // a picture, without its data:
		}
		return Scheme
	case bytes.EqualFold(scheme, []byte("data")):
		return data(rest)
	case !bytes.EqualFold(scheme, []byte("http")) && !bytes.EqualFold(scheme, []byte("https")):
		return Scheme
	case !bytes.HasPrefix(rest, []byte("//")):
		return Form
	}
	rest = rest[2:]
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	for _, c := range url {
		if c <= ' ' || c == 0x7f || c == '\\' {
			return Form
		}
	}
	if bytes.IndexByte(authority, '@') >= 0 {
		return Userinfo
	}
	host, ok := hostOf(authority)
	if !ok {
		return Form
	}
	if len(allow) > 0 {
		if setting.MatchAny(allow, host) {
			return ""
		}
		return NotOnList
	}
	if why := judgeHost(host); why != "" {
		return why
	}
	if identity(tail) {
		return Identity
	}
	return redirect(tail)
}

// hostOf returns the host in lower case without port and trailing dot; ok is false for what no host looks like.
func hostOf(authority []byte) (host string, ok bool) {
	b := authority
	if i := bytes.LastIndexByte(b, ':'); i >= 0 && bytes.IndexByte(b[i:], ']') < 0 {
		for _, c := range b[i+1:] {
			if c < '0' || c > '9' {
				return "", false
			}
		}
		b = b[:i]
	}
	if len(b) == 0 || len(b) > 253 {
		return "", false
	}
	host = strings.ToLower(string(b))
	if host[0] == '[' {
		return host, host[len(host)-1] == ']'
	}
	host = strings.TrimRight(host, ".")
	for _, c := range host {
		if c >= 0x80 {
			continue
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return "", false
		}
	}
	return host, host != "" && !strings.Contains(host, "..")
}

func judgeHost(host string) string {
	if host[0] == '[' {
		addr, err := netip.ParseAddr(host[1 : len(host)-1])
		if err != nil || addr.Zone() != "" || !public(addr) {
			return Address
		}
		return ""
	}
	for _, c := range host {
		if c >= 0x80 { // a name in another script is a name; one that folds to ASCII is a disguise
			if _, changed := detect.Fold(host); changed {
				return Form
			}
			break
		}
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if numeric(last) {
		addr, ok := inetAton(host)
		if !ok || !public(addr) {
			return Address
		}
		return ""
	}
	if last == host || setting.MatchAny(inside, host) {
		return Name
	}
	return ""
}

// inside are names that never lead outside, and public names that anybody points inside.
var inside = []string{
	"*.local", "*.localhost", "*.localdomain", "*.internal", "*.intranet", "*.lan", "*.corp", "*.home", "*.private", "*.arpa", "*.svc", "*.cluster", "*.docker",
	"*nip.io", "*sslip.io", "*xip.io", "*localtest.me", "*lvh.me", "*vcap.me", "*lacolhost.com", "*r3dir.me", "*1u.ms", "*rbndr.us", "*traefik.me",
	"*127-0-0-1.org.uk", "*yoogle.com", "*fuf.me", "*local.sisteminha.com", "*backname.io", "*readme.localtest.me", "*ngrok.localhost", "*burpcollaborator.net", "*interact.sh", "*oast.fun", "*oastify.com",
}

// identity reports whether a path is one of OAuth or OpenID Connect (RFC 6749, RFC 8414): what answers there is a secret, or
// takes one.
func identity(tail []byte) bool {
	path := tail
	if i := bytes.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	for len(path) > 0 {
		var segment []byte
		segment, path, _ = bytes.Cut(path, []byte{'/'})
		for _, name := range [...]string{"oauth", "oauth2", "openid-connect", "tokeninfo", ".well-known"} {
			if strings.EqualFold(string(segment), name) {
				return true
			}
		}
	}
	return false
}

// redirect looks for an address of the inside in the rest of a URL.
func redirect(tail []byte) string {
	if len(tail) > 4096 {
		tail = tail[:4096]
	}
	s := strings.ToLower(string(tail))
	for _, in := range [...]string{"169.254.169.254", "://127.", "://localhost", "://10.", "://192.168.", "://[", "%3a%2f%2f127.", "%3a%2f%2flocalhost", "metadata.google.internal"} {
		if strings.Contains(s, in) {
			return Redirect
		}
	}
	return ""
}

// data judges a data URI by the type it names: media alone are fetched.
func data(rest []byte) string {
	head, _, ok := bytes.Cut(rest, []byte{','})
	if !ok || len(head) > 256 {
		return Scheme
	}
	kind := strings.ToLower(string(head))
	kind, _, _ = strings.Cut(kind, ";")
	if kind == "image/svg+xml" { // a document with script
		return Scheme
	}
	for _, p := range [...]string{"image/", "audio/", "video/", "application/pdf", "application/octet-stream", "text/plain"} {
		if strings.HasPrefix(kind, p) {
			return ""
		}
	}
	return Scheme
}

// media are how the base64 of a picture, sound, film or PDF begins. A long path is base64 by its letters alone.
var media = []string{"/9j/", "iVBORw0KG", "R0lGOD", "UklGR", "JVBERi", "SUQz", "AAAA", "T2dnUw", "ZkxhQ", "GkXfo", "SUkqA", "TU0AK"}

func isMedium(b []byte) bool {
	for _, m := range media {
		if bytes.HasPrefix(b, []byte(m)) {
			return isBase64(b)
		}
	}
	return false
}

func isBase64(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return true
}
