package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// forms are raw requests by what must become of them. Each is sent before a canary on the same connection.
type forms struct {
	list []form
}

type form struct {
	raw  string
	want outcome
}

type outcome uint8

const (
	refused outcome = iota // answered with a 4xx, and nothing of it reaches the model server
	passes                 // answered with 200, and the model server sees it
	either                 // one or the other, and no third thing
)

func (f *forms) add(want outcome, raws ...string) {
	for _, raw := range raws {
		f.list = append(f.list, form{raw, want})
	}
}

// hidden is what a smuggled request would look like to the model server.
const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"

// in puts a field into a request with a body of its own length, or of no length where the field says.
func in(fields string) string {
	return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n\r\n" + hidden
}

func lengths(f *forms) {
	n := len(hidden)
	good := fmt.Sprintf("Content-Length: %d", n)
	f.add(passes, in(good), in(fmt.Sprintf("content-length:%d", n)), in(fmt.Sprintf("Content-Length:\t %d \t", n)), in(fmt.Sprintf("CONTENT-LENGTH: %d", n)))
	for _, v := range []string{"", " ", "+%d", "-%d", "0%d", "0x%x", "%d.0", "%d,%[1]d", "%d, %[1]d", "%d %[1]d", "%d;", "\"%d\"", "%d\x00", "\v%d", "%de0", "%d_0", "%dL", "a", "NaN",
		"99999999999999999999%d", "18446744073709551616", "9223372036854775808", "4294967296%d000000000", "\xc2\xa0%d", "%d\x85", "\u0663\u0663", "%d\r", "%d\x1f"} {
		if strings.Contains(v, "%") {
			v = fmt.Sprintf(v, n)
		}
		f.add(refused, in("Content-Length: "+v))
	}
	f.add(refused,
		in(good+"\r\n"+good), in(good+"\r\nContent-Length: 0"), in("Content-Length: 0\r\n"+good), in(good+"\r\nX: y\r\ncontent-length: 5"),
		in("Content-Length : 5"), in(" Content-Length: 5"), in("X: y\r\n Content-Length: 5"), in("\tContent-Length: 5"), in("Content-Length\t: 5"), in("Content-Length\x00: 5"),
		in("Content-Length\r\n: 5"), in("Content-Length:\r\n 5"), in("Content-Length:\n5"), in("Content_Length: 5"), in("X: y\rContent-Length: 5"), in("X: y\nContent-Length: 5"),
		in("Content-Length\xa0: 5"), in("\"Content-Length\": 5"), in("Content-Length;: 5"), in("(Content-Length): 5"), in(":Content-Length: 5"), in(": 5"), in("Content-Length"),
	)
}

func codings(f *forms) {
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)
	te := func(field string) string { return "POST /x HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n" + chunked }
	f.add(passes, te("Transfer-Encoding: chunked"), te("transfer-encoding:chunked"), te("Transfer-Encoding: Chunked"), te("TRANSFER-ENCODING:\t CHUNKED \t"))
	for _, v := range []string{
		"", "identity", "gzip", "chunked, identity", "identity, chunked", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "chunked;q=1", "chunked;", "xchunked", "chunkedx",
		"chunk", "\"chunked\"", "'chunked'", "chunked\x00", "\x00chunked", "\vchunked", "\fchunked", "chunked\v", "\x0bchunked", "\xc2\xa0chunked", "chunked\xa0", "ch\u0075nked\u0130", "chun\u212aed",
		"chunked\r", "\rchunked", "chunked chunked", "chu nked", "cow", "0", "trailers, chunked", "chunked\x7f", "\x1fchunked", "deflate", "br, chunked", "compress", "x-gzip, chunked",
	} {
		f.add(refused, te("Transfer-Encoding: "+v))
	}
	f.add(refused,
		te("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), te("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), te("Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
		te("Transfer-Encoding : chunked"), te(" Transfer-Encoding: chunked"), te("X: y\r\n Transfer-Encoding: chunked"), te("Transfer-Encoding:\r\n chunked"), te("Transfer-Encoding\r\n : chunked"),
		te("Transfer-Encoding:\n chunked"), te("Transfer-Encoding: chunked\r\n , identity"), te("Transfer\x00-Encoding: chunked"), te("Transfer_Encoding: chunked"), te("Transfer Encoding: chunked"),
		te("X: y\rTransfer-Encoding: chunked"), te("X: y\nTransfer-Encoding: chunked"), te("\x00Transfer-Encoding: chunked"), te("Transfer-Encoding\xff: chunked"), te("[Transfer-Encoding]: chunked"),
		// A length beside a coding, either way around: CL.TE, TE.CL, CL.0 and TE.0 begin so.
		te("Content-Length: 4\r\nTransfer-Encoding: chunked"), te("Transfer-Encoding: chunked\r\nContent-Length: 4"), te("Content-Length: 0\r\nTransfer-Encoding: chunked"),
		te(fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: %d", len(chunked))), te("Content-Length: 4\r\nTransfer-Encoding: identity"), te("Content-Length: 4\r\nTransfer-encoding: xchunked"),
		strings.Replace(te("Transfer-Encoding: chunked"), "HTTP/1.1", "HTTP/1.0", 1), strings.Replace(te("Transfer-Encoding: chunked\r\nConnection: keep-alive"), "HTTP/1.1", "HTTP/1.0", 1),
	)
	f.add(passes, "GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked, te("TE: trailers\r\nTransfer-Encoding: chunked"))
}

func chunkForms(f *forms) {
	body := func(b string) string { return "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b }
	f.add(passes,
		body("0\r\n\r\n"), body("5\r\nhello\r\n0\r\n\r\n"), body("00005\r\nhello\r\n000\r\n\r\n"), body("a\r\n0123456789\r\n0\r\n\r\n"), body("A\r\n0123456789\r\n0\r\n\r\n"),
		body("1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), body("5;x=y\r\nhello\r\n0;z\r\n\r\n"), body("5;x=\"a;b\\\"\"\r\nhello\r\n0\r\n\r\n"), body("5\r\nhello\r\n0\r\nX-T: v\r\n\r\n"), body("2\r\n\r\n\r\n0\r\n\r\n"),
	)
	f.add(refused,
		body("5\nhello\r\n0\r\n\r\n"), body("5\r\nhello\n0\r\n\r\n"), body("5\r\nhello\r\n0\n\r\n"), body("5\r\nhello\r\n0\r\n\n"), body("5\rhello\r\n0\r\n\r\n"), body("5\r\nhello0\r\n\r\n"),
		body("5\r\nhelloXX0\r\n\r\n"), body("4\r\nhello\r\n0\r\n\r\n"), body("6\r\nhello\r\n0\r\n\r\n"), body("0x5\r\nhello\r\n0\r\n\r\n"), body("+5\r\nhello\r\n0\r\n\r\n"), body("-5\r\nhello\r\n0\r\n\r\n"),
		body("5_\r\nhello\r\n0\r\n\r\n"), body(" 5\r\nhello\r\n0\r\n\r\n"), body("5 \r\nhello\r\n0\r\n\r\n"), body("5\t\r\nhello\r\n0\r\n\r\n"), body("5\x00\r\nhello\r\n0\r\n\r\n"), body("5;\r\nhello\r\n0\r\n\r\n"),
		body("5;a\nhello\r\n0\r\n\r\n"), body("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), body("5;a\x00\r\nhello\r\n0\r\n\r\n"), body("5;\xff\r\nhello\r\n0\r\n\r\n"), body("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
		body("10000000000000005\r\nhello\r\n0\r\n\r\n"), body("8000000000000005\r\nhello\r\n0\r\n\r\n"), body("\r\n5\r\nhello\r\n0\r\n\r\n"), body("5 ;a\r\nhello\r\n0\r\n\r\n\x00"), body("five\r\nhello\r\n0\r\n\r\n"), body("G\r\nhello\r\n0\r\n\r\n"),
		body("5\r\nhello\r\n0\r\nbad\r\n\r\n"), body("5\r\nhello\r\n0\r\nX : y\r\n\r\n"), body("5\r\nhello\r\n0\r\n X: y\r\n\r\n"), body("5\r\nhello\r\n0\r\nX: y\n\r\n"), body("5\r\nhello\r\n0\r\nX: \x00\r\n\r\n"),
		body("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"), body("5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), body("5\r\nhello\r\n0\r\nHost: b\r\n\r\n"), body("5\r\nhello\r\n0\r\nAuthorization: b\r\n\r\n"),
		body("5\r\nhello\r\n0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"), body("5\r\nhello\r\n0\r\n: y\r\n\r\n"), body("5\r\n\r\nhello\r\n0\r\n\r\n"), body("5\r\nhello\r\n-0\r\n\r\n"), body("5\r\nhello\r\n0;\r\n\r\n"),
	)
}

func heads(f *forms) {
	get := func(line string, fields ...string) string {
		return line + "\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
	}
	for _, h := range []string{"a", "a:80", "blaze.test", "127.0.0.1:8000", "[::1]:80", "A-B.C_d"} {
		f.add(passes, get("GET /x HTTP/1.1", "Host: "+h))
	}
	for _, h := range []string{"", " ", "a b", "a,b", "a/b", "a@b", "admin:secret@b", "a#b", "a?b", "a\\b", "a\x00", "http://a", "a%00", "a\tb", "a;b", "<a>", "a\"", "\xc3\xa9", "a\r", strings.Repeat("a", 300), "a\v"} {
		f.add(refused, get("GET /x HTTP/1.1", "Host: "+h))
	}
	f.add(refused,
		get("GET /x HTTP/1.1"), get("GET /x HTTP/1.1", "Host: a", "Host: a"), get("GET /x HTTP/1.1", "Host: a", "host: b"), get("GET /x HTTP/1.1", "Host : a"), get("GET /x HTTP/1.1", " Host: a"),
		get("GET /x HTTP/1.1", "Host: a", " b"), get("GET /x HTTP/1.1", "X: y", " Host: a"), get("GET /x HTTP/1.0"), get("GET http://a HTTP/1.1", "Host: a"), get("GET http://b/x HTTP/1.1", "Host: a"), get("GET http://a:80/x HTTP/1.1", "Host: a"), get("GET http://u@a/x HTTP/1.1", "Host: a"), get("GET ftp://a/x HTTP/1.1", "Host: a"), get("GET http:///x HTTP/1.1", "Host: a"), get("GET http://a/../x HTTP/1.1", "Host: a"),
		get("GET //a/x HTTP/1.1", "Host: a"), get("GET a/x HTTP/1.1", "Host: a"), get("GET x HTTP/1.1", "Host: a"), get("GET ?x HTTP/1.1", "Host: a"), get("GET * HTTP/1.1", "Host: a"), get("GET https:x HTTP/1.1", "Host: a"),
		get("GET /x#y HTTP/1.1", "Host: a"), get("GET /x\\y HTTP/1.1", "Host: a"), get("GET /x\x00 HTTP/1.1", "Host: a"), get("GET /x\ty HTTP/1.1", "Host: a"), get("GET /x y HTTP/1.1", "Host: a"),
		get("GET /\xc3\xa9 HTTP/1.1", "Host: a"), get("GET /x\x7f HTTP/1.1", "Host: a"), get("GET /x/../y HTTP/1.1", "Host: a"), get("GET /x/%2e%2e/y HTTP/1.1", "Host: a"), get("GET /x%00 HTTP/1.1", "Host: a"),
		get("GET /x%0d%0aX:y HTTP/1.1", "Host: a"), get("GET /% HTTP/1.1", "Host: a"), get("GET /%zz HTTP/1.1", "Host: a"), get("GET  /x HTTP/1.1", "Host: a"), get("GET /x  HTTP/1.1", "Host: a"), get("GET /x HTTP/1.1 ", "Host: a"),
		get(" GET /x HTTP/1.1", "Host: a"), get("GET\t/x\tHTTP/1.1", "Host: a"), get("get /x HTTP/1.1", "Host: a"), get("G=T /x HTTP/1.1", "Host: a"), get("G(T /x HTTP/1.1", "Host: a"), get("GET\x00 /x HTTP/1.1", "Host: a"),
		get("CONNECT a:80 HTTP/1.1", "Host: a"), get("CONNECT /x HTTP/1.1", "Host: a"), get("TRACE /x HTTP/1.1", "Host: a"), get("PRI * HTTP/2.0"), get("GET /x HTTP/2.0", "Host: a"), get("GET /x HTTP/1.2", "Host: a"),
		get("GET /x HTTP/0.9", "Host: a"), get("GET /x HTTP/9.9", "Host: a"), get("GET /x HTTP/1.1.1", "Host: a"), get("GET /x HTTP/11", "Host: a"), get("GET /x HTTP/1", "Host: a"), get("GET /x HTTP/1.01", "Host: a"), get("GET /x http/1.1", "Host: a"),
		get("GET /x HTTPS/1.1", "Host: a"), get("GET /x ICY/1.1", "Host: a"), "GET /x\r\n\r\n", "GET /x\n", get("GET /x", "Host: a"), get("/x HTTP/1.1", "Host: a"), get("HTTP/1.1 200 OK", "Host: a"),
		get("GET /x HTTP/1.1", "Host: a", "X Y: z"), get("GET /x HTTP/1.1", "Host: a", "X"), get("GET /x HTTP/1.1", "Host: a", ": z"), get("GET /x HTTP/1.1", "Host: a", "X\x00: z"), get("GET /x HTTP/1.1", "Host: a", "X: \x00"),
		get("GET /x HTTP/1.1", "Host: a", "X: a\rb"), get("GET /x HTTP/1.1", "Host: a", "X: \x01"), get("GET /x HTTP/1.1", "Host: a", "X: \x7f"), get("GET /x HTTP/1.1", "Host: a", "X: a", " b"), get("GET /x HTTP/1.1", "Host: a", "X: a", "\tb"),
		get("GET /x HTTP/1.1", "Host: a", "X@Y: z"), get("GET /x HTTP/1.1", "Host: a", "X[]: z"), get("GET /x HTTP/1.1", "Host: a", "\xc3\xa9: z"), get("GET /x HTTP/1.1", "Host: a", "X{}: z"), get("GET /x HTTP/1.1", "\rHost: a"),
		"GET /x HTTP/1.1\nHost: a\n\n", "GET /x HTTP/1.1\r\nHost: a\n\r\n", "GET /x HTTP/1.1\nHost: a\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\n\n", "GET /x HTTP/1.1\rHost: a\r\r", "\x00GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
		"\xef\xbb\xbfGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
		get("GET /x HTTP/1.1", "Host: a", "Expect: 200-ok"), get("POST /x HTTP/1.1", "Host: a", "Expect: 100-continue, x", "Content-Length: 0"), get("GET /x HTTP/1.1", "Host: a", strings.Repeat("X: y\r\n", 300)+"Y: z"),
		get("GET /x HTTP/1.1", "Host: a", "X: "+strings.Repeat("a", 40<<10)), get("GET /"+strings.Repeat("a", 40<<10)+" HTTP/1.1", "Host: a"), get(strings.Repeat("A", 64)+" /x HTTP/1.1", "Host: a"),
		get("GET /x HTTP/1.1", "Host: a", "Content-Type: application/json", "Content-Type: text/plain"), get("GET /x HTTP/1.1", "Host: a", "Authorization: Bearer a", "Authorization: Bearer b"),
	)
	f.add(passes,
		get("GET /x HTTP/1.1", "Host: a", "X: "), get("GET /x HTTP/1.1", "Host: a", "X:"), get("GET /x HTTP/1.1", "Host: a", "X: a\tb"), get("GET /x HTTP/1.1", "Host: a", "X: \xc3\xa9"), get("GET /x HTTP/1.1", "Host: a", "!#$%&'*+-.^`|~: z"),
		get("GET http://a/x HTTP/1.1", "Host: a"), get("GET HTTPS://A/x?y HTTP/1.1", "Host: a"), get("GET /x? HTTP/1.1", "Host: a"), get("GET /x?a=b&c=%20 HTTP/1.1", "Host: a"), get("GET /x%20y HTTP/1.1", "Host: a"), get("GET /x/y.z~_- HTTP/1.1", "Host: a"), "\r\n"+get("GET /x HTTP/1.1", "Host: a"),
		get("DELETE /x HTTP/1.1", "Host: a"), get("OPTIONS /x HTTP/1.1", "Host: a"), get("PATCH /x HTTP/1.1", "Host: a", "Content-Length: 0"), get("HEAD /x HTTP/1.1", "Host: a"), get("GET /x HTTP/1.1", "Host: a", "Connection: keep-alive"),
		get("GET /x HTTP/1.1", "Host: a", "Connection: close, X", "X: y"), get("GET /x HTTP/1.1", "Host: a", "Connection: Host, Content-Length, Authorization", "Authorization: b"), get("POST /x HTTP/1.1", "Host: a", "Connection: Content-Length", "Content-Length: 2")+"hi",
		get("GET /x HTTP/1.1", "Host: a", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"), get("POST /x HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 2")+"hi", get("GET /x HTTP/1.0", "Host: a"),
		get("GET /x HTTP/1.0", "Host: a", "Connection: keep-alive"), get("GET /x HTTP/1.1", "Host: a", "TE: trailers, gzip", "Connection: TE"), get("GET /x HTTP/1.1", "Host: a", "Trailer: X"), get("GET /x HTTP/1.1", "Host: a", "Cookie: a=b", "Cookie: c=d"),
	)
	f.add(either, get("GET /x;y HTTP/1.1", "Host: a"), get("FOO /x HTTP/1.1", "Host: a"), get("OPTIONS * HTTP/1.1", "Host: a"), get("GET /x/ HTTP/1.1", "Host: a"), get("GET /x HTTP/1.1", "Host: ::1"), "\r\n\r\n\r\n"+get("GET /x HTTP/1.1", "Host: a"),
		get("GET /x HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: close"), get("GET /x HTTP/1.1", "Host: a", "Expect: 100-continue"), get("M-SEARCH /x HTTP/1.1", "Host: a"))
}

// canary is a valid request that follows each form: if it is answered, it is answered as itself.
const canary = "GET /canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

// TestForms sends every form, and a canary behind it, and holds what came back against what the model server saw.
func TestForms(t *testing.T) {
	var all forms
	lengths(&all)
	codings(&all)
	chunkForms(&all)
	heads(&all)
	if len(all.list) < 330 {
		t.Fatalf("only %d forms", len(all.list))
	}
	const workers = 12
	var running sync.WaitGroup
	for w := range workers {
		back := record(t)
		s := serveBefore(t, vectorsPolicy, "http://"+back.ln.Addr().String())
		running.Go(func() {
			for i := w; i < len(all.list); i += workers {
				s.tryForm(t, back, all.list[i])
			}
		})
	}
	running.Wait()
	t.Logf("%d forms", len(all.list))
}

func (s *served) tryForm(t *testing.T, back *recorder, f form) {
	c := dial(t, s.addr)
	_, _ = io.WriteString(c, f.raw+canary)
	method, _, _ := strings.Cut(strings.TrimLeft(f.raw, "\r\n"), " ")
	statuses, err := answers(c, method)
	_ = c.Close()
	reqs, bad, seen := back.take()
	passed, own, canaries := 0, 0, 0
	for _, st := range statuses {
		if st < 300 {
			passed++
		}
	}
	why := ""
	for _, r := range reqs {
		switch line, _, _ := strings.Cut(r, "\r\n"); {
		case strings.Contains(line, "/canary"):
			canaries++
		case strings.Contains(line, "hidden"):
			why = "a hidden request came through"
		default:
			own++
		}
	}
	switch {
	case why != "":
	case err != nil:
		why = "an answer cannot be read"
	case len(bad) > 0:
		why = "a malformed request was forwarded"
	case len(reqs) > passed:
		why = "more requests were forwarded than answered"
	case own > 1 || canaries > 1 || len(statuses) == 0 && f.want != either:
		why = "not one answer each"
	case f.want == refused && (own > 0 || canaries > 0 || statuses[0] < 400 || statuses[0] >= 500):
		why = "accepted"
	case f.want == passes && (own != 1 || statuses[0] != http.StatusOK):
		why = "refused"
	}
	if why != "" {
		t.Errorf("%s\nsent  %.300q\ngot   %v %v\nback  %.600q %v", why, f.raw, statuses, err, seen, bad)
	}
}
