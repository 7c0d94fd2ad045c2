package proxy

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// balanced accepts one connection from peers that must send a PROXY header, and returns who the caller is and what the
// caller said after it; an error is a connection that was let go.
func balanced(t testing.TB, from string, pieces ...string) (addr netip.Addr, rest string, err error) {
	t.Helper()
	nets, err := ParseNetworks(from)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := viaBalancer(plain, nets, 5*time.Second)
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, p := range pieces {
			_, _ = io.WriteString(client, p)
		}
		_ = client.(*net.TCPConn).CloseWrite()
	}()
	b, err := io.ReadAll(bufio.NewReader(c))
	<-sent
	return address(c.RemoteAddr()), string(b), err
}

// v2 is a version 2 header: command (0x20 LOCAL, 0x21 PROXY), family and protocol, and the addresses.
func v2(command, family byte, addresses string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{command, family, 0, byte(len(addresses))}) + addresses
}

const (
	v1Header = "PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\n"
	v4Pair   = "\xcb\x00\x71\x07\xc0\x00\x02\x01\x0f\xa0\x01\xbb"
)

func TestProxyProtocol(t *testing.T) {
	f := func(from, header, want string) {
		t.Helper()
		addr, rest, err := balanced(t, from, header, "GET / HTTP/1.1\r\n")
		got := addr.String() + " " + strings.TrimSpace(rest)
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("%q from %s: want %q; got %q (%v)", header, from, want, got, err)
		}
	}
	const via = "127.0.0.0/8"
	f(via, v1Header, "203.0.113.7 GET / HTTP/1.1")
	f(via, "PROXY TCP6 2001:db8::7 2001:db8::1 4000 443\r\n", "2001:db8::7 GET / HTTP/1.1")
	f(via, v2(0x21, 0x11, v4Pair), "203.0.113.7 GET / HTTP/1.1")
	f(via, v2(0x20, 0x00, ""), "127.0.0.1 GET / HTTP/1.1")
	f(via, "", "refused")
	f(via, "PROXY TCP4 203.0.113.7\r\n", "refused")
	f(via, "PROXY TCP4 elsewhere 192.0.2.1 4000 443\r\n", "refused")
	f(via, "PROXY TCP4 203.0.113.7 192.0.2.1 4000 99999\r\n", "refused")
	f(via, "PROXY "+strings.Repeat("x", 200)+"\r\n", "refused")
	f(via, v2(0x21, 0x11, v4Pair[:7]), "refused")
	f(via, v2(0x2f, 0x11, v4Pair), "refused")
	f(via, "PROXY UNKNOWN\r\n", "127.0.0.1 GET / HTTP/1.1") // the balancer for itself
	// No TCP client is named: nobody may become this machine that way.
	f(via, v2(0x21, 0x00, ""), "refused")
	f(via, v2(0x21, 0x12, v4Pair), "refused")
	f(via, v2(0x21, 0x31, strings.Repeat("/", 216)), "refused")
	// From elsewhere the header is what HTTP makes of it.
	f("10.0.0.0/8", strings.TrimSpace(v1Header)+"|", "127.0.0.1 "+strings.TrimSpace(v1Header)+"|GET / HTTP/1.1")
}

// TestProxyProtocolInPieces: a version 1 header that does not arrive in one piece may be refused, as the specification
// allows (section 2), and is never misread.
func TestProxyProtocolInPieces(t *testing.T) {
	for _, header := range []string{v1Header, v2(0x21, 0x11, v4Pair)} {
		addr, rest, err := balanced(t, "127.0.0.1", append(strings.Split(header, ""), "x")...)
		if err != nil && header == v1Header {
			continue
		}
		if err != nil || addr.String() != "203.0.113.7" || rest != "x" {
			t.Errorf("%q: got %s %q %v", header, addr, rest, err)
		}
	}
}

// oneConn is a listener that gives one connection, in memory: a fuzz target that opened a socket for each input would run
// out of ports.
type oneConn struct{ net.Conn }

func (c *oneConn) Accept() (net.Conn, error) { return c, nil }
func (c *oneConn) Addr() net.Addr            { return c.LocalAddr() }
func (c *oneConn) LocalAddr() net.Addr       { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8000} }
func (c *oneConn) RemoteAddr() net.Addr      { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4000} }

// inMemory is balanced without a socket, for bytes that come at once.
func inMemory(t *testing.T, b []byte) (netip.Addr, error) {
	nets, err := ParseNetworks("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	client, server := net.Pipe()
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = client.Write(b)
		_ = client.Close()
	}()
	c, err := viaBalancer(&oneConn{server}, nets, 5*time.Second).Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, bufio.NewReader(c))
	return address(c.RemoteAddr()), err
}

// FuzzProxyProtocol: whatever comes first, the caller is who a whole header says, or the connection is let go; a peer that
// only says LOCAL is itself.
func FuzzProxyProtocol(f *testing.F) {
	for _, s := range []string{v1Header, "PROXY UNKNOWN\r\n", v2(0x21, 0x11, v4Pair), v2(0x20, 0, ""), v2(0x21, 0x12, v4Pair), v2(0x21, 0x31, "/"), "GET / HTTP/1.1\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		addr, err := inMemory(t, b)
		if err != nil {
			return
		}
		text := string(b)
		local := strings.HasPrefix(text, "\r\n\r\n\x00\r\nQUIT\n\x20")
		local = local || strings.HasPrefix(text, "PROXY") // the library reads a word that only begins so as well
		if !local && !strings.HasPrefix(text, "PROXY TCP") && !strings.HasPrefix(text, "\r\n\r\n\x00\r\nQUIT\n\x21") {
			t.Errorf("%q passed without a header, as %s", b, addr)
		}
		if strings.HasPrefix(text, "PROXY TCP") && addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}) && !strings.Contains(text, "127.0.0.1") && !strings.Contains(text, "7f00") {
			t.Errorf("%q became this machine", b)
		}
	})
}
