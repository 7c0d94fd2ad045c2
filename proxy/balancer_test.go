package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"blaze/proxy"
	"blaze/upstream/demo"
)

// written keeps a log.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write keeps p.
func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// await waits until the log holds text.
func (w *written) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(w.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log never speaks of %s:\n%s", text, w)
		}
	}
}

// behindBalancer serves for a balancer on 127.0.0.1 that sends PROXY headers; the backend is a recorder of bytes or the
// demo's.
func behindBalancer(t *testing.T, source, upstream, from string, log io.Writer) *served {
	t.Helper()
	return serveAs(t, source, upstream, proxy.Options{ProxyProtocol: []netip.Prefix{netip.MustParsePrefix(from)}}, log)
}

const v2Signature = "\r\n\r\n\x00\r\nQUIT\n"

// TestBehindBalancer: the client that a balancer's header names is the one that access rules, the forwarded fields and the
// log speak of.
func TestBehindBalancer(t *testing.T) {
	back, log := record(t), &written{}
	s := behindBalancer(t, `
version: 1
upstreams: {any: {engine: none, targets: [{url: "${env:BACKEND}"}]}}
filters: {access: {deny: [203.0.113.0/24, "2001:db8:bad::/48"]}}
`, "http://"+back.ln.Addr().String(), "127.0.0.0/8", log)
	f := func(header string, want int, client string) {
		t.Helper()
		c := dial(t, s.addr)
		_, _ = io.WriteString(c, header+"GET /x HTTP/1.1\r\nHost: blaze.test\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n")
		status, _ := next(t, bufio.NewReader(c))
		_, _, seen := back.take()
		if status != want {
			t.Errorf("%q: want %d; got %d", header, want, status)
		}
		if want == 200 && !bytes.Contains(seen, []byte("\r\nX-Forwarded-For: "+client+"\r\n")) || want != 200 && len(seen) > 0 {
			t.Errorf("%q: the model server saw %q", header, seen)
		}
		log.await(t, `"client":"`+client+`"`)
	}
	f("PROXY TCP4 198.51.100.7 192.0.2.1 4000 443\r\n", 200, "198.51.100.7")
	f("PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\n", 403, "203.0.113.7")
	f("PROXY TCP6 2001:db8::7 2001:db8::1 4000 443\r\n", 200, "2001:db8::7")
	f("PROXY TCP6 2001:db8:bad::7 2001:db8::1 4000 443\r\n", 403, "2001:db8:bad::7")
	f(v2Signature+"\x21\x11\x00\x0c\xcb\x00\x71\x08\xc0\x00\x02\x01\x0f\xa0\x01\xbb", 403, "203.0.113.8")
	f(v2Signature+"\x20\x00\x00\x00", 200, "127.0.0.1")
}

// TestNoBalancer: from anybody else a PROXY header is a malformed request, and one who must send a header and does not is
// let go without an answer.
func TestNoBalancer(t *testing.T) {
	s := behindBalancer(t, vectorsPolicy, "http://127.0.0.1:1", "192.0.2.0/24", io.Discard)
	for _, header := range []string{"PROXY TCP4 198.51.100.7 192.0.2.1 4000 443\r\n", v2Signature + "\x21\x11\x00\x0c\xcb\x00\x71\x08\xc0\x00\x02\x01\x0f\xa0\x01\xbb"} {
		c := dial(t, s.addr)
		_, _ = io.WriteString(c, header+"GET /x HTTP/1.1\r\nHost: blaze.test\r\n\r\n")
		if status, closes := next(t, bufio.NewReader(c)); status != 400 || !closes {
			t.Errorf("%q: want 400 and the end; got %d, closes: %v", header, status, closes)
		}
	}
	s = behindBalancer(t, vectorsPolicy, "http://127.0.0.1:1", "127.0.0.0/8", io.Discard)
	c := dial(t, s.addr)
	_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: blaze.test\r\n\r\n")
	b, _ := io.ReadAll(c)
	if len(b) > 0 && !bytes.HasPrefix(b, []byte("HTTP/1.1 400 ")) {
		t.Errorf("a balancer without a header got %q", b)
	}
	s.await(t, "blaze_open_connections", 0)
}

// TestSilentBalancer: connections that say nothing hold up nobody, and are let go.
func TestSilentBalancer(t *testing.T) {
	back := record(t)
	s := behindBalancer(t, vectorsPolicy, "http://"+back.ln.Addr().String(), "127.0.0.0/8", io.Discard)
	for range 20 {
		dial(t, s.addr)
	}
	c := dial(t, s.addr)
	_, _ = io.WriteString(c, "PROXY TCP4 198.51.100.7 192.0.2.1 4000 443\r\nGET /x HTTP/1.1\r\nHost: blaze.test\r\nConnection: close\r\n\r\n")
	if status, _ := next(t, bufio.NewReader(c)); status != 200 {
		t.Errorf("another's request got %d", status)
	}
	s.await(t, "blaze_open_connections", 0)
}

// TestBalancerWithTLS: TLS runs behind the header, and the client's going is seen through both.
func TestBalancerWithTLS(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, "blaze.test")
	backend := demo.New(demo.Options{})
	defer backend.Close()
	backend.Behave(demo.Behavior{Hold: "head"})
	log := &written{}
	s := behindBalancer(t, `
version: 1
proxy: {tls: {cert: "`+dir+`/tls.crt", key: "`+dir+`/tls.key"}}
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters: {scan: {mode: off}}
`, backend.URL(), "127.0.0.0/8", log)
	open := func() *tls.Conn {
		plain := dial(t, s.addr)
		_, _ = io.WriteString(plain, "PROXY TCP4 198.51.100.7 192.0.2.1 4000 443\r\n")
		return tls.Client(plain, &tls.Config{InsecureSkipVerify: true}) // whose certificate it is does not matter here
	}
	c := open()
	if _, err := io.WriteString(c, post("", len(question))+question); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := backend.Await(ctx, func(st demo.Stats) bool { return st.InFlight == 1 }); err != nil {
		t.Fatal(err)
	}
	_ = c.NetConn().(*net.TCPConn).Close()
	if st, err := backend.Await(ctx, func(st demo.Stats) bool { return st.Aborted == 1 && st.InFlight == 0 }); err != nil {
		t.Fatalf("the model server works on for a client that has gone: %+v", st)
	}
	s.await(t, "blaze_open_exchanges", 0)
	backend.Behave(demo.Behavior{})
	c = open()
	if _, err := io.WriteString(c, post("", len(question), "Connection: close\r\n")+question); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("got %v %v", res, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	log.await(t, `"status":200`)
	if n := strings.Count(log.String(), `"client":"198.51.100.7"`); n != 2 {
		t.Errorf("want two lines of the log for the client; got %d:\n%s", n, log)
	}
}
