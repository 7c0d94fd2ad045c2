package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// toxic stands between the proxy and a model server and does to the connections what a broken server does; what a
// network does is toxiproxy's business. Requests go through as they are; what becomes of the answers is its act's business.
type toxic struct {
	ln   net.Listener
	addr string
	to   string
	act  atomic.Pointer[func(answer *bufio.Reader, down *net.TCPConn)]
	wg   sync.WaitGroup
}

func poison(t *testing.T, to string) *toxic {
	t.Helper()
	x := &toxic{to: to}
	x.listen(t, "127.0.0.1:0")
	x.cure(t)
	t.Cleanup(func() { _ = x.ln.Close(); x.wg.Wait() })
	return x
}

func (x *toxic) listen(t *testing.T, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	x.ln, x.addr = ln, ln.Addr().String()
	x.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			x.wg.Go(func() { x.carry(c.(*net.TCPConn)) })
		}
	})
}

func (x *toxic) carry(down *net.TCPConn) {
	defer func() { _ = down.Close() }()
	up, err := net.Dial("tcp", x.to)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(up, down)
		_ = up.Close() // the proxy has hung up, and so does whoever stands for it
	}()
	(*x.act.Load())(bufio.NewReader(up), down)
	_ = down.Close()
	<-gone
}

func (x *toxic) does(act func(answer *bufio.Reader, down *net.TCPConn)) { x.act.Store(&act) }

func (x *toxic) address() string              { return x.addr }
func (x *toxic) harm(_ *testing.T, w trouble) { x.does(w.act) }

func (x *toxic) cure(*testing.T) {
	x.does(func(answer *bufio.Reader, down *net.TCPConn) { _, _ = io.Copy(down, answer) })
}

// line is what is between the proxy and a model server.
type line interface {
	address() string
	harm(t *testing.T, x trouble)
	cure(t *testing.T)
}

// network is a line in the hands of toxiproxy.
type network struct {
	server *toxiproxy.ApiServer
	proxy  *toxiproxy.Proxy
}

func chaosNetwork(t *testing.T, to string) *network {
	t.Helper()
	n := &network{server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())}
	n.start(t, "127.0.0.1:0", to)
	t.Cleanup(func() { n.proxy.Stop() })
	return n
}

func (n *network) start(t *testing.T, listen, to string) {
	t.Helper()
	n.proxy = toxiproxy.NewProxy(n.server, "model", listen, to)
	if err := n.proxy.Start(); err != nil {
		t.Fatal(err)
	}
}

func (n *network) address() string { return n.proxy.Listen }

// harm puts a trouble's toxics on the line; without any, the line is down.
func (n *network) harm(t *testing.T, x trouble) {
	t.Helper()
	if len(x.net) == 0 {
		n.proxy.Stop()
	}
	for _, toxic := range x.net {
		if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatalf("%s: %v", toxic, err)
		}
	}
}

// cure puts a new line in the place of the old one.
func (n *network) cure(t *testing.T) {
	t.Helper()
	n.proxy.Stop()
	n.start(t, n.proxy.Listen, n.proxy.Upstream)
}

// held is how many connections to addr this process has not closed yet; 0 where that cannot be told.
func held(t *testing.T, addr string) (n int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	number, _ := strconv.Atoi(port)
	to := fmt.Sprintf("0100007F:%04X", number)
	for line := range strings.Lines(string(table)) {
		const established, closeWait = "01", "08"
		if f := strings.Fields(line); f[2] == to && (f[3] == established || f[3] == closeWait) {
			n++
		}
	}
	return n
}
