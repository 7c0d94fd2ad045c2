package proxy_test

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"
)

// methodsPolicy has one path on which WebDAV's methods are asked for, and one on which no method is named.
const methodsPolicy = `
version: 1
upstreams: {any: {engine: none, targets: [{url: "${env:BACKEND}"}]}}
routes:
  - {name: dav, path: /dav/*, methods: [GET, PROPFIND, M-SEARCH], upstream: any}
  - {name: plain, path: "*", upstream: any}
filters: {scan: {mode: off}}
`

// TestMethods: what changes who may read what is forwarded where a policy names it and nowhere else, and what is no origin
// server's to serve goes nowhere.
func TestMethods(t *testing.T) {
	back := record(t)
	s := serveBefore(t, methodsPolicy, "http://"+back.ln.Addr().String())
	bare := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
	ran := 0
	f := func(s *served, method, path string, want int, allow string) {
		t.Helper()
		ran++
		c := dial(t, s.addr)
		defer func() { _ = c.Close() }()
		_, _ = fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: blaze.test\r\nConnection: close\r\n\r\n", method, path)
		res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return
		}
		_ = res.Body.Close()
		reqs, _, _ := back.take()
		if got := res.Header.Get("Allow"); res.StatusCode != want || got != allow || (len(reqs) == 1) != (want == 200) {
			t.Errorf("%s %s: got %d, allow %q, the model server saw %q; want %d, allow %q", method, path, res.StatusCode, got, reqs, want, allow)
		}
	}
	const usual = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		f(bare, m, "/x", 200, "")
		f(s, m, "/x", 200, "")
	}
	for _, m := range []string{"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "ACL", "REPORT", "SEARCH", "BIND", "VERSION-CONTROL", "PURGE", "BAN", "LINK", "UNLINK", "SOURCE", "QUERY",
		"DEBUG", "M-SEARCH", "SUBSCRIBE", "ANNOUNCE", "FOO", "GET1", "G", "GETGETGETGETGETGETGE"} {
		f(bare, m, "/x", 405, usual)
		f(s, m, "/x", 405, usual)
		if m != "PROPFIND" && m != "M-SEARCH" {
			f(s, m, "/dav/x", 405, usual) // the route that names none comes after
		}
	}
	f(s, "PROPFIND", "/dav/x", 200, "")
	f(s, "M-SEARCH", "/dav/x", 200, "")
	f(s, "HEAD", "/dav/x", 200, "")
	f(s, "PROPFIND", "/dav", 405, usual)
	for _, m := range []string{"CONNECT", "TRACE", "TRACK", "PRI"} {
		f(bare, m, "/x", 405, "")
		f(s, m, "/dav/x", 405, "")
	}
	for _, m := range []string{"get", "Get", "trace", "propfind", "GETGETGETGETGETGETGET", "G(T"} {
		f(bare, m, "/x", 400, "")
	}
	if ran < 100 {
		t.Errorf("only %d requests", ran)
	}
}
