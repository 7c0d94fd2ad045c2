package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// grammarPolicy lets pass whatever is well-formed, and waits but shortly for what does not end.
const grammarPolicy = `
version: 1
proxy: {header_timeout: 200ms, body_timeout: 200ms, idle_timeout: 200ms}
upstreams: {any: {engine: none, targets: [{url: "${env:BACKEND}"}], breaker: {min_requests: 100000}}}
filters: {scan: {mode: off}}
`

// bases are sound requests in which every production of RFC 9112 occurs.
var bases = []string{
	"GET /x?q=1 HTTP/1.1\r\nHost: a.b:80\r\nX-Y: v w\r\nAccept:\r\nCookie: a=b\r\n\r\n",
	"POST /x HTTP/1.1\r\nhost: a\r\nContent-Length: 33\r\nContent-Type: text/plain\r\n\r\n" + hidden,
	"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;e=\"v\";f\r\nhello\r\n021\r\n" + hidden + "\r\n0;l=1\r\nX-T: v\r\n\r\n",
	"PUT /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Z, TE\r\nTE: trailers\r\nX-Z: hop\r\nContent-Length: 2\r\nX-A: \xc3\xa9\r\n\r\nhi",
	"GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nUser-Agent: u/1\r\n\r\n",
	"\r\nDELETE /x HTTP/1.1\r\nHOST:a\r\ncontent-length:\t0 \r\nX-Empty: \t\r\n\r\n",
	"GET http://a/x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
	"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
}

// oddBytes are put in at every place and in place of every byte: what ends lines, what parsers skip, trim or fold, what
// begins numbers, quotes, lists and escapes.
const oddBytes = "\x00\x01\t\n\v\f\r\x1b\x1f \"#%+,-./019:;=?@AFax\\_{|\x7f\x80\x85\xa0\xc3\xff"

// mutants calls f with every mutation of a base: a byte put in, replaced, left out or doubled; a line left out, doubled,
// moved, folded, in the other case; a line end in every other form.
func mutants(base string, f func(string)) {
	f(base)
	for i := range len(base) + 1 {
		for _, c := range []byte(oddBytes) {
			f(base[:i] + string([]byte{c}) + base[i:])
			if i < len(base) && base[i] != c {
				f(base[:i] + string([]byte{c}) + base[i+1:])
			}
		}
		if i < len(base) {
			f(base[:i] + base[i+1:])
			f(base[:i] + base[i:i+1] + base[i:])
		}
	}
	lines := strings.SplitAfter(base, "\r\n")
	join := func(parts ...[]string) string { return strings.Join(slices.Concat(parts...), "") }
	for i := range len(lines) - 1 {
		before, line, after := lines[:i], lines[i], lines[i+1:]
		body := strings.TrimSuffix(line, "\r\n")
		f(join(before, after))
		f(join(before, []string{line, line}, after))
		f(join(before, []string{after[0], line}, after[1:]))
		f(join(before, []string{strings.ToLower(line)}, after))
		f(join(before, []string{strings.ToUpper(line)}, after))
		for _, end := range []string{"\n", "\r", "\n\r", "\r\r\n", "\r\n\n", "", "\r\n ", "\r\n\t", "\x00\r\n", "\v\r\n", " \r\n", "\t \r\n", ",\r\n", ";\r\n"} {
			f(join(before, []string{body + end}, after))
		}
	}
}

// values are put behind the names of the fields that frame, each alone and each before and behind a good one.
var values = []string{"", "0", "1", "33", "033", "+33", "-33", "0x21", "33.0", "3 3", "33,33", "33, 33", "\"33\"", "33;", "1e1", "18446744073709551649", "9223372036854775841", "99999999999999999999999",
	"chunked", "Chunked", "CHUNKED", "\tchunked", "chunked ", "identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "chunked;q=1", "xchunked", "\"chunked\"", "chun\u212aed", "chunked\x00"}

// fieldsets calls f with requests of two framing fields each.
func fieldsets(f func(string)) {
	var fields []string
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "content-length", "TRANSFER-ENCODING", "Content-Length ", "Transfer_Encoding"} {
		for _, v := range values {
			fields = append(fields, name+": "+v+"\r\n")
		}
	}
	for _, one := range fields {
		for _, version := range []string{"1.1", "1.0"} {
			for _, other := range []string{"", "Content-Length: 33\r\n", "Transfer-Encoding: chunked\r\n"} {
				f("POST /x HTTP/" + version + "\r\nHost: a\r\n" + one + other + "\r\n" + hidden)
				f("POST /x HTTP/" + version + "\r\nHost: a\r\n" + other + one + "\r\n21\r\n" + hidden + "\r\n0\r\n\r\n")
			}
		}
	}
}

// TestGrammar changes sound requests in every place and sends them, a canary behind each. What came back and what the
// model server saw must be what the reference reads: every sound request passes, as one well-formed request with the same
// method, target, fields and body; nothing broken passes; nothing is hidden.
func TestGrammar(t *testing.T) {
	var all []string
	for _, b := range bases {
		mutants(b, func(m string) { all = append(all, m) })
	}
	fieldsets(func(m string) { all = append(all, m) })
	step := 5 // a prime to the number of odd bytes and the kinds of mutants, so that each is met at some place
	if raceEnabled {
		step = 37
	}
	n := (len(all) + step - 1) / step
	var passed atomic.Int64
	waited := heldAgainst(t, n, func(i int) (string, func(net.Conn)) {
		raw := all[i*step] + canary
		return raw, func(c net.Conn) { _, _ = io.WriteString(c, raw) }
	}, func(want []read) {
		if want[0].verdict == sound {
			passed.Add(1)
		}
	})
	t.Logf("%d of %d requests, %d of them sound; %d tried again", n, len(all), passed.Load(), waited)
	if len(all) < 40_000 || passed.Load() < int64(n/20) {
		t.Errorf("ran %d of %d, %d sound", n, len(all), passed.Load())
	}
}

// heldAgainst has n connections made, many at once, and holds what comes of each against what the reference reads, which seen is
// told too. connection is the ith: the bytes, and how they are written. It returns how often one was tried again.
func heldAgainst(t *testing.T, n int, connection func(i int) (raw string, say func(net.Conn)), seen func(want []read)) int64 {
	const workers = 24
	var running sync.WaitGroup
	var waited atomic.Int64
	for w := range workers {
		back := record(t)
		s := serveBefore(t, grammarPolicy, "http://"+back.ln.Addr().String())
		running.Go(func() {
			for i := w; i < n; i += workers {
				raw, say := connection(i)
				want := (&reference{raw}).all()
				why := s.compare(t, back, say, want)
				for try := 0; why != "" && try < 2; try++ { // on a busy machine what is whole may take too long to come
					waited.Add(1)
					why = s.compare(t, back, say, want)
				}
				if why != "" {
					t.Errorf("connection %d: %s\nsent %q\nread %+v", i, why, raw, want)
				}
				seen(want)
			}
		})
	}
	running.Wait()
	return waited.Load()
}

// compare has say write to a connection and says in what Blaze's reading of it differs from the reference's.
func (s *served) compare(t *testing.T, back *recorder, say func(net.Conn), want []read) string {
	c := dial(t, s.addr)
	say(c)
	method := ""
	if len(want) > 0 {
		method = want[0].method
	}
	statuses, err := answers(c, method)
	_ = c.Close()
	reqs, bad, seen := back.take()
	got := fmt.Sprintf("; got %v %v, the model server saw %.700q", statuses, err, seen)
	if err != nil || len(bad) > 0 {
		return "something malformed was written" + got
	}
	closed := false // a refusal ends the connection, or does not
	for _, q := range want {
		if len(statuses) == 0 {
			if closed || q.verdict == partial {
				break
			}
			return "no answer to " + q.method + " " + q.target + got
		}
		status := statuses[0]
		statuses = statuses[1:]
		if status >= 400 {
			if q.verdict == sound || status >= 500 && status != 501 && status != 505 {
				return "refused: " + q.method + " " + q.target + got
			}
			if closed = true; q.verdict >= broken {
				break
			}
			continue
		}
		if q.verdict >= unserved || len(reqs) == 0 {
			return "accepted: " + q.why + got
		}
		if why := same(q, reqs[0]); why != "" {
			return why + got
		}
		reqs = reqs[1:]
	}
	if len(statuses)+len(reqs) > 0 {
		return "something hidden came through" + got
	}
	return ""
}

// added are the fields that Blaze writes.
var added = []string{"host", "content-length", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id", "traceparent"}

// same says in what a forwarded request differs from the client's.
func same(q read, forwarded string) string {
	head, body, _ := strings.Cut(forwarded, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	if want := q.method + " " + q.target + " HTTP/1.1"; lines[0] != want {
		return fmt.Sprintf("the request line is %q, want %q", lines[0], want)
	}
	if body != q.body {
		return fmt.Sprintf("the body is %q, want %q", body, q.body)
	}
	var fields []string
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.ToLower(name); !slices.Contains(added, name) {
			fields = append(fields, name+": "+strings.Trim(value, " \t"))
		}
	}
	if slices.Sort(fields); !slices.Equal(fields, q.fields) && q.verdict == sound {
		return fmt.Sprintf("the fields are %q, want %q", fields, q.fields)
	}
	return ""
}

// TestReference: the reference sees what it is there for.
func TestReference(t *testing.T) {
	for _, b := range bases {
		list := (&reference{b + canary}).all()
		if len(list) != 2 || list[0].verdict > doubtful || list[1].verdict != sound || list[1].target != "/canary" {
			t.Errorf("%q: read as %+v", b, list)
		}
		if _, err := readStrict(bufio.NewReader(strings.NewReader(b))); err != nil && strings.HasPrefix(b, "GET /x?") {
			t.Errorf("%q: %v", b, err)
		}
	}
	f := func(raw string, want verdict) {
		t.Helper()
		if list := (&reference{raw}).all(); list[0].verdict != want {
			t.Errorf("%q: read as %+v", raw, list[0])
		}
	}
	f("GET / HTTP/1.1\nHost: a\n\n", broken)
	f("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", broken)
	f("GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", broken)
	f("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", partial)
	f("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", unserved)
	f("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\x00\"\r\na\r\n0\r\n\r\n", broken)
}
