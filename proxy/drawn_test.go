package proxy_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// drawer draws connections: several requests one behind the other, each put together of parts that are sound, unusual or broken, so
// that what mutants of one request never have comes together: framing that two fields decide, on methods that have no
// body, in either version, with a request hidden in the body before it.
type drawer struct{ *rand.Rand }

func (d drawer) of(list ...string) string { return list[d.IntN(len(list))] }

// seldom is one of list once in n times, else usual.
func (d drawer) seldom(n int, usual string, list ...string) string {
	if d.IntN(n) == 0 {
		return d.of(list...)
	}
	return usual
}

func (d drawer) connection() string {
	var b strings.Builder
	for range 1 + d.IntN(4) {
		b.WriteString(d.request())
	}
	return b.String() + canary
}

func (d drawer) request() string {
	host := d.seldom(4, "a", "a:80", "[::1]", "[::1]:8000", "127.0.0.1:1", "A-B.c", "a@b", "a:80:80", "")
	target := d.seldom(4, "/x", "/x?q=1", "http://a/x", "HTTP://A/x?y", "http://u:p@a/x", "http://a:80/x", "https://[::1]/x", "http://b/x", "//a/x", "/x#f", "http:///x")
	version := d.seldom(4, "HTTP/1.1", "HTTP/1.0")
	fields := []string{"Host: " + host}
	body := d.body(&fields)
	for range d.IntN(3) {
		fields = append(fields, d.of("X-A: b", "Connection: keep-alive", "Connection: close", "Connection: X-A, TE", "Connection: Host, Content-Length", "Connection: Transfer-Encoding", "Keep-Alive: timeout=9", "TE: trailers",
			"Expect: 100-continue", "Expect: 200-ok", "Upgrade: h2c", "Upgrade: websocket", "Trailer: X-T", "Accept:", "X-Empty: \t", "Cookie: a=b"))
	}
	if connection := func(f string) bool { return strings.HasPrefix(f, "Connection:") }; slices.ContainsFunc(fields, connection) {
		kept := fields[slices.IndexFunc(fields, connection)] // one: of two in HTTP/1.0, a server may close whatever they say
		fields = append(slices.DeleteFunc(fields, connection), kept)
	}
	if d.IntN(12) == 0 {
		fields = append(fields, d.of("Content-Length: 0", "Content-Length: 33", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked", "Content-Length: 1, 1", "Host: b", "X-A: b\r\n folded", "X-A: b\x00",
			"X-A : b", "X-A: b\nTransfer-Encoding: chunked", "Transfer_Encoding: chunked", "Content-Length: +2"))
	}
	d.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return d.seldom(10, "", "\r\n", "\r\n\r\n") + d.of("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") + " " + target + " " + version + "\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n" + body
}

// body draws a body, for any method, and the field that frames it; now and then the frame is another's.
func (d drawer) body(fields *[]string) string {
	content := d.of("", "hi", hidden, "0\r\n\r\n", canary, strings.Repeat("a", 5000))
	switch d.IntN(5) {
	case 0, 1:
		return ""
	case 2, 3:
		n := len(content) + d.IntN(3)*d.IntN(2)*d.IntN(2)
		*fields = append(*fields, fmt.Sprint("Content-Length: ", n))
		return content
	}
	*fields = append(*fields, "Transfer-Encoding: chunked")
	var b strings.Builder
	for rest := content; rest != ""; {
		n := min(1+d.IntN(2000), len(rest))
		size := fmt.Sprintf(d.seldom(6, "%x", "%X", "00%x", "%x;a", "%x;a=b;c=\"d;e\"", "%x ;a", "%x ", "0x%x", "+%x"), n)
		b.WriteString(size + d.seldom(40, "\r\n", "\n", "\r", "\r\r\n") + rest[:n] + d.seldom(40, "\r\n", "\n", "", "x\r\n"))
		rest = rest[n:]
	}
	return b.String() + d.seldom(6, "0\r\n", "000\r\n", "0;z=1\r\n", "0\n", "-0\r\n") + d.seldom(5, "", "X-T: v\r\n", "X-T: v\r\nX-U: w\r\n", "Content-Length: 9\r\n", "Host: b\r\n", "no field\r\n") + d.seldom(40, "\r\n", "\n", "")
}

// pieces cuts raw in up to n places.
func (d drawer) pieces(raw string, n int) []string {
	at := []int{0, len(raw)}
	for range d.IntN(n + 1) {
		at = append(at, d.IntN(len(raw)))
	}
	slices.Sort(at)
	var out []string
	for i := 1; i < len(at); i++ {
		out = append(out, raw[at[i-1]:at[i]])
	}
	return out
}

// TestDrawn holds connections that are drawn from a seed, written in pieces that are drawn too, against the reference, as
// TestGrammar does mutants.
func TestDrawn(t *testing.T) {
	const seed = 20261201
	all := 1200
	if raceEnabled {
		all = 240
	}
	var sounds, brokens, several atomic.Int64
	heldAgainst(t, all, func(i int) (string, func(net.Conn)) {
		d := drawer{rand.New(rand.NewPCG(seed, uint64(i)))}
		raw := d.connection()
		pieces := d.pieces(raw, 6)
		return raw, func(c net.Conn) {
			for _, p := range pieces {
				_, _ = io.WriteString(c, p)
			}
		}
	}, func(want []read) {
		passed := 0
		for _, q := range want {
			switch {
			case q.verdict == sound:
				passed++
			case q.verdict >= broken:
				brokens.Add(1)
			}
		}
		sounds.Add(int64(passed))
		if passed > 1 {
			several.Add(1)
		}
	})
	t.Logf("%d connections: %d sound requests, several on %d, %d broken ones", all, sounds.Load(), several.Load(), brokens.Load())
	if n := int64(all); sounds.Load() < n/2 || several.Load() < n/10 || brokens.Load() < n/10 {
		t.Error("too few of one kind")
	}
}
