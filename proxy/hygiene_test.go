package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// whole sends one request, which must ask for the connection's end, and returns every byte of the answer.
func (s *served) whole(t *testing.T, raw string) string {
	t.Helper()
	c := dial(t, s.addr)
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%.100q: %v", raw, err)
	}
	return string(b)
}

// fieldsOf returns the names of a head's fields in lower case, in order.
func fieldsOf(head string) (names []string) {
	head, _, _ = strings.Cut(head, "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, strings.ToLower(name))
	}
	return names
}

// TestNothingForeignPasses: no field that concerns one connection only, or that claims what only a proxy may say, reaches
// the model server, in whatever case, twice, or with underscores; what is the client's own passes as it is.
func TestNothingForeignPasses(t *testing.T) {
	back := record(t)
	s := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
	f := func(field string, passes bool) {
		t.Helper()
		name, value, _ := strings.Cut(field, ": ")
		s.whole(t, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+field+"\r\n"+strings.ToUpper(name)+": "+value+"\r\n\r\n")
		reqs, bad, seen := back.take()
		if len(reqs) != 1 || len(bad) > 0 {
			t.Fatalf("%s: the model server saw %q %q", field, reqs, bad)
		}
		if got := strings.Contains(strings.ToLower(string(seen)), strings.ToLower(value)); got != passes {
			t.Errorf("%s: want it to pass: %v; the model server saw\n%s", field, passes, seen)
		}
	}
	ran := 0
	for _, name := range []string{
		"Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "HTTP2-Settings", "Proxy-Authorization", "Proxy-Authenticate", "Proxy",
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-User", "X-Forwarded-Client-Cert", "X-Forwarded-Prefix", "X-Forwarded",
		"X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Originating-IP", "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP", "Client-IP", "X-Envoy-External-Address", "X-Envoy-Original-Path",
		"X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-User", "X-User-Id", "X-User-Roles", "X-Auth-Request-User", "X-Authenticated-User",
		"X-Remote-User", "X-Remote-Addr", "X-Blaze-Subject", "X-Blaze-OTP", "X-Host", "X_Request_Id", "X-Request_Id",
	} {
		ran++
		f(name+": the-secret-word", false)
		if strings.Contains(name, "-") {
			f(strings.ReplaceAll(name, "-", "_")+": the-secret-word", false)
			f(strings.Replace(name, "-", "_", 1)+": the-secret-word", false)
		}
	}
	for _, name := range []string{"Cookie", "Accept", "Accept-Encoding", "X-Custom", "X_Custom", "Authorization-Info", "OpenAI-Beta", "X-Stainless-Lang", "Via", "Range", "If-None-Match", "Tracestate", "Priority", "X-Useful", "Prefer"} {
		ran++
		f(name+": the-secret-word", true)
	}
	if ran < 55 {
		t.Fatalf("ran %d fields", ran)
	}
}

// TestRequestHygiene: what else Blaze does not pass on, or does itself.
func TestRequestHygiene(t *testing.T) {
	back := record(t)
	s := serveBefore(t, guardedPolicy(""), "http://"+back.ln.Addr().String())
	ask := func(fields string) (seen, answer string) {
		t.Helper()
		answer = s.whole(t, "POST /v1/chat/completions HTTP/1.1\r\nHost: blaze.test\r\nAuthorization: Bearer "+guardKey+"\r\nContent-Type: application/json\r\nConnection: close\r\n"+fields)
		_, bad, b := back.take()
		if len(bad) > 0 {
			t.Errorf("%q: malformed: %q", fields, bad)
		}
		return string(b), answer
	}
	seen, answer := ask("Content-Length: 75\r\nExpect: 100-continue\r\nAccept: */*\r\n\r\n" + question)
	if strings.Contains(seen, guardKey) || strings.Contains(answer, guardKey) {
		t.Error("the caller's credentials pass")
	}
	if strings.Contains(strings.ToLower(seen), "expect") || !strings.HasPrefix(answer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") {
		t.Errorf("an expectation is met here and goes no further; got %q, seen %q", answer, seen)
	}
	names := fieldsOf(seen)
	for _, once := range []string{"host", "content-length", "content-type", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"} {
		n := 0
		for _, v := range names {
			if v == once {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d fields %s: %q", n, once, seen)
		}
	}
	if strings.Contains(seen, "fasthttp") || strings.Contains(strings.ToLower(seen), "user-agent") {
		t.Errorf("Blaze speaks of itself: %q", seen)
	}
	// A chunked body is forwarded with its length; its extensions and trailers go no further.
	seen, _ = ask("Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n4b;ext=1\r\n" + question + "\r\n0;last\r\nX-T: trailing\r\n\r\n")
	if !strings.Contains(seen, "\r\nContent-Length: 75\r\n") || strings.Contains(seen, "ext=1") || strings.Contains(seen, "trailing") || strings.Contains(strings.ToLower(seen), "chunked") {
		t.Errorf("a chunked body was forwarded as %q", seen)
	}
	// Listing a field in Connection removes it, and never what another depends on.
	seen, _ = ask("Content-Length: 75\r\nX-Mine: gone\r\nConnection: X-Mine, Content-Length, Host, Content-Type, X-Request-Id, X-Forwarded-For\r\n\r\n" + question)
	if strings.Contains(seen, "gone") || !strings.Contains(seen, "\r\nContent-Length: 75\r\n") || !strings.Contains(seen, "\r\nContent-Type: application/json\r\n") || !strings.Contains(seen, "\r\nX-Forwarded-For: 127.0.0.1\r\n") ||
		!regexp.MustCompile(`\r\nX-Request-Id: [0-9a-f]{32}\r\n`).MatchString(seen) {
		t.Errorf("Connection removed the wrong fields: %q", seen)
	}
	// The model server is asked in HTTP/1.1, on a connection of Blaze's own.
	if strings.Contains(strings.ToLower(seen), "\r\nconnection:") || !strings.HasPrefix(seen, "POST /v1/chat/completions HTTP/1.1\r\nHost: "+back.ln.Addr().String()+"\r\n") {
		t.Errorf("the model server was asked %q", seen)
	}
	// A request id that could forge something is replaced.
	if seen, answer = ask("X-Request-Id: a b\r\nContent-Length: 75\r\n\r\n" + question); strings.Contains(seen+answer, "a b") {
		t.Errorf("a forged request id passes: %q", seen)
	}
}

// TestRefusedHEAD: what refuses a HEAD request has no body, as far as its method can be read (RFC 9110, 9.3.2).
func TestRefusedHEAD(t *testing.T) {
	s := serve(t, guardedPolicy(""))
	for _, raw := range []string{
		"HEAD /v1/models HTTP/1.1\r\nHost: blaze.test\r\n\r\n", // without a key
		"HEAD /v1/models HTTP/1.1\nHost: blaze.test\n\n",
		"HEAD /v1/models HTTP/1.1\r\nHost: blaze.test\r\n folded\r\n\r\n",
		"HEAD /v1/models HTTP/1.1\r\nHost: blaze.test\r\nContent-Length: x\r\n\r\n",
		"HEAD /v1/models HTTP/1.1\r\nHost: blaze.test\r\nno field\r\n\r\n",
		"HEAD /v1/models\r\n\r\n",
		"HEAD /v1/models HTTP/9.9\r\n\r\n",
		"HEAD  HTTP/1.1\r\n\r\n",
	} {
		answer := s.whole(t, strings.Replace(raw, "Host: blaze.test\r\n", "Host: blaze.test\r\nConnection: close\r\n", 1))
		head, body, whole := strings.Cut(answer, "\r\n\r\n")
		if !whole || body != "" || !strings.HasPrefix(head, "HTTP/1.1 4") {
			t.Errorf("%q: got %q", raw, answer)
		}
	}
	// What is behind one is another request's refusal, and has a body.
	answer := s.whole(t, "HEAD /v1/models HTTP/1.1\r\nHost: blaze.test\r\n\r\nGET /v1/models HTTP/1.1\nHost: blaze.test\n\n")
	if strings.Count(answer, "HTTP/1.1 4") != 2 || strings.Count(answer, `{"error"`) != 1 {
		t.Errorf("a HEAD request and one that cannot be read: got %q", answer)
	}
}

// TestMaxForwards: an OPTIONS request that may not be forwarded any more is answered here, any other with one less; what other
// methods say of it is no concern of a proxy (RFC 9110, 7.6.2).
func TestMaxForwards(t *testing.T) {
	back := record(t)
	s := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
	f := func(method, fields, passes string, status int) {
		t.Helper()
		got := s.whole(t, method+" /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+fields+"\r\n")
		reqs, bad, seen := back.take()
		if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", status)) || len(bad) > 0 || len(reqs) > 1 || (len(reqs) == 1) != (passes != "") {
			t.Errorf("%s %q: got %q; the model server saw %q %q", method, fields, got, reqs, bad)
		}
		if !strings.Contains(string(seen), passes) {
			t.Errorf("%s %q: the model server saw %q; want %s", method, fields, seen, passes)
		}
	}
	const name = "Max-Forwards: "
	f("OPTIONS", name+"0\r\n", "", 204)
	f("OPTIONS", name+"00\r\n", "", 204)
	f("OPTIONS", name+"5\r\n", "\r\n"+name+"4\r\n", 200)
	f("OPTIONS", "max-forwards: 1\r\n", "\r\n"+name+"0\r\n", 200)
	f("OPTIONS", name+"99999999999999999999999\r\n", "\r\n"+name+"999999\r\n", 200)
	f("OPTIONS", name+"3\r\n"+name+"3\r\n", "", 204)
	f("OPTIONS", name+"\r\n", "", 204)
	f("OPTIONS", name+"-1\r\n", "", 204)
	f("OPTIONS", name+"x\r\n", "", 204)
	f("OPTIONS", "", "OPTIONS /x ", 200)
	f("GET", name+"0\r\n", "\r\n"+name+"0\r\n", 200)
}

// TestAnswerHygiene: what a model server says of its own connection does not reach the client, and what reaches it is one
// well-formed answer with one framing.
func TestAnswerHygiene(t *testing.T) {
	back := record(t)
	s := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
	f := func(method, answer string, status int, body string, absent ...string) {
		t.Helper()
		back.answer.Store(&answer)
		got := s.whole(t, method+" /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		back.take()
		head, rest, _ := strings.Cut(got, "\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%.100q: got %q: %v", answer, got, err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status || string(b) != body {
			t.Errorf("%.100q: want %d %q; got %q %v", answer, status, body, got, err)
		}
		if (method == "HEAD" || status == 204 || status == 304) && rest != "" {
			t.Errorf("%s %.100q: something follows the head: %q", method, answer, rest)
		}
		names := fieldsOf(got)
		for _, once := range []string{"date", "content-length", "transfer-encoding", "content-type", "connection", "server", "x-request-id"} {
			if i := slices.Index(names, once); i >= 0 && slices.Contains(names[i+1:], once) {
				t.Errorf("%.100q: two fields %s: %q", answer, once, head)
			}
		}
		if slices.Contains(names, "content-length") && slices.Contains(names, "transfer-encoding") || !slices.Contains(names, "date") || strings.Contains(head, "fasthttp") {
			t.Errorf("%.100q: %q", answer, head)
		}
		for _, a := range absent {
			if strings.Contains(strings.ToLower(head), strings.ToLower(a)) {
				t.Errorf("%.100q: %q passes: %q", answer, a, head)
			}
		}
		if strings.ContainsAny(strings.ReplaceAll(head, "\r\n", ""), "\r\n\x00") {
			t.Errorf("%.100q: the head is split: %q", answer, head)
		}
	}
	ok := "HTTP/1.1 200 OK\r\n"
	f("GET", ok+"Connection: X-Secret, close\r\nX-Secret: hop\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "x-secret", "keep-alive")
	f("GET", ok+"Proxy-Authenticate: Basic\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-T\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "proxy-", "trailer", "upgrade", "\r\nte:")
	f("GET", ok+"Connection: Content-Type, Set-Cookie, Content-Encoding\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "set-cookie")
	f("GET", ok+"Date: Mon, 01 Jan 2001 00:00:00 GMT\r\nServer: model\r\nContent-Length: 2\r\n\r\nok", 200, "ok")
	f("GET", ok+"Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2;ext=secret\r\nok\r\n0\r\nX-T: trailing\r\nSet-Cookie: a=b\r\n\r\n", 200, "ok", "ext", "trailing", "set-cookie")
	f("GET", ok+"\r\nto the end", 200, "to the end")
	f("GET", "HTTP/1.0 200 OK\r\n\r\nto the end", 200, "to the end")
	f("GET", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok")
	f("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nextra", 204, "")
	f("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nextra", 304, "")
	f("GET", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205, "")
	f("HEAD", ok+"Content-Length: 5\r\n\r\nextra", 200, "")
	f("HEAD", ok+"Transfer-Encoding: chunked\r\n\r\n5\r\nextra\r\n0\r\n\r\n", 200, "")
	f("HEAD", ok+"Content-Length: 5\r\n\r\n", 200, "")
	f("GET", "HTTP/1.1 100 Continue\r\nX-Interim: secret\r\n\r\n"+ok+"Content-Length: 2\r\n\r\nok", 200, "ok", "x-interim")
	f("GET", "HTTP/1.1 103 Early Hints\r\nLink: </secret>\r\n\r\n"+ok+"Content-Length: 2\r\n\r\nok", 200, "ok", "secret")
	f("GET", "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", 302, "")
	f("GET", ok+"X-Request-Id: forged\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "forged")
	f("GET", ok+"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 2\r\n\r\nok", 200, "ok")
	f("GET", ok+"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, "ok")
	f("GET", ok+"X-A: "+strings.Repeat("a", 8000)+"\r\nContent-Length: 2\r\n\r\nok", 200, "ok")
}

// TestHostileAnswerForms: each is answered with 502, or cut, and what follows an answer is never another's.
func TestHostileAnswerForms(t *testing.T) {
	back := record(t)
	s := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
	ran := 0
	f := func(answer string) {
		t.Helper()
		ran++
		back.answer.Store(&answer)
		c := dial(t, s.addr)
		_, _ = io.WriteString(c, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		b, _ := io.ReadAll(c)
		back.take()
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), &http.Request{Method: "POST"})
		if err != nil {
			t.Fatalf("%.100q: got %q: %v", answer, b, err)
		}
		_, err = io.ReadAll(res.Body)
		if res.StatusCode != 502 && err == nil {
			t.Errorf("%.100q: passes as %q", answer, b)
		}
		if bytes.Contains(b, []byte("poison")) {
			t.Errorf("%.100q: poison in %q", answer, b)
		}
	}
	ok := "HTTP/1.1 200 OK\r\n"
	for _, v := range []string{"", " ", "+2", "-2", "02x", "0x2", "2,2", "2, 3", "2 2", "\"2\"", "2\v", "2;", "9223372036854775808", "1e1", "2\r\n 3"} {
		f(ok + "Content-Length: " + v + "\r\n\r\nok")
	}
	for _, v := range []string{"", "identity", "gzip", "chunked, gzip", "gzip, chunked", "chunked, chunked", "xchunked", "chunked;a", "chunked\v", "\"chunked\"", "chunked\r\nTransfer-Encoding: chunked", "chunked\r\nContent-Length: 5"} {
		f(ok + "Transfer-Encoding: " + v + "\r\n\r\n2\r\nok\r\n0\r\n\r\n")
	}
	for _, b := range []string{"2\nok\r\n0\r\n\r\n", "2\r\nok\n0\r\n\r\n", "2\r\nokay\r\n0\r\n\r\n", "3\r\nok\r\n0\r\n\r\n", "-2\r\nok\r\n0\r\n\r\n", "+2\r\nok\r\n0\r\n\r\n", "0x2\r\nok\r\n0\r\n\r\n", "2 \r\nok\r\n0\r\n\r\n", " 2\r\nok\r\n0\r\n\r\n",
		"2\r\nok\r\n", "2\r\nok\r\n0\r\n", "2\r\nok\r\n0\r\nX", "ffffffffffffffffff\r\nok\r\n0\r\n\r\n", "\r\n2\r\nok\r\n0\r\n\r\n", "z\r\nok\r\n0\r\n\r\n", "2;\nok\r\n0\r\n\r\n", "2\rok\r\n0\r\n\r\n", "2\r\nok0\r\n\r\n"} {
		f(ok + "Transfer-Encoding: chunked\r\n\r\n" + b)
	}
	for _, h := range []string{"X : y", " X: y", "\tX: y", "X: y\r\n z", ": y", "X", "X\x00: y", "X: \x00", "X: y\rSet-Cookie: poison", "X: y\nSet-Cookie: poison", "X\r: y", "X Y: z", "X@: y", "X: \x7f", "X: \x1b[2J", "\xc3\xa9: y"} {
		f(ok + h + "\r\nContent-Length: 2\r\n\r\nok")
	}
	for _, l := range []string{"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 abc OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 -200 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/2 200 OK", "HTTP/2.0 200 OK", "HTTP/1.2 200 OK",
		"http/1.1 200 OK", "HTTP/1.1 200 O\x00K", "HTTP/1.1 200 O\rK", "ICY 200 OK", " HTTP/1.1 200 OK", "\r\nHTTP/1.1 200 OK", "HTTP/1.1 101 Switching Protocols", "HTTP/1.12 200 OK", "HTTP/1.1 200OK", "GET / HTTP/1.1", "<html>", "\x15\x03\x01\x00\x02\x02\x28"} {
		f(l + "\r\nContent-Length: 2\r\n\r\nok")
	}
	f("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
	f(ok + "Content-Length: 2\n\r\nok")
	f(ok + strings.Repeat("X: y\r\n", 5000) + "Content-Length: 2\r\n\r\nok")
	f(ok + "X: " + strings.Repeat("a", 1<<20) + "\r\nContent-Length: 2\r\n\r\nok")
	f(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 500) + ok + "Content-Length: 2\r\n\r\nok")
	f("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f(ok + "Content-Length: 5\r\n\r\nok")
	if ran < 90 {
		t.Fatalf("ran %d answers", ran)
	}
}
