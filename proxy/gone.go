package proxy

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// watcher knows every open client connection, and tells the exchange that runs on one when its client hangs up.
//
// fasthttp serves a connection on the goroutine that runs the handler and does not read from the socket meanwhile, so
// RequestCtx.Done only reports the server's shutdown (valyala/fasthttp#468, #965). Here every connection is registered
// once, edge-triggered, for EPOLLRDHUP in an epoll set of its own. The kernel then reports the client's FIN or RST as it
// arrives, whatever the handler is doing and whether or not unread bytes are queued, and no byte is taken from fasthttp's
// reader. The price is one system call a connection, none a request. A client that shuts down only its sending half
// counts as gone, as with nginx and net/http. On systems without epoll hanging up is noticed at the next write.
type watcher struct {
	poll   poller
	nextID atomic.Uint64
	count  atomic.Int64

	mu    sync.RWMutex
	conns map[uint64]*conn   // guarded by mu
	from  map[netip.Addr]int // guarded by mu; open connections of each client that is counted

	lot *lot // set before the first connection
}

func newWatcher() (*watcher, error) {
	w := &watcher{conns: map[uint64]*conn{}, from: map[netip.Addr]int{}}
	return w, w.poll.open(w.happened)
}

// close ends the watching goroutine and waits for it.
func (w *watcher) close() { w.poll.close() }

// open counts the open connections.
func (w *watcher) open() int { return int(w.count.Load()) }

// openFrom counts those of one client.
func (w *watcher) openFrom(a netip.Addr) int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.from[a]
}

// add wraps an accepted connection, counts it for its client, and watches it where that is possible.
func (w *watcher) add(nc net.Conn, from netip.Addr, timeout time.Duration) *conn {
	c := &conn{Conn: nc, watch: w, id: w.nextID.Add(1), timeout: timeout, from: from}
	w.count.Add(1)
	w.mu.Lock()
	w.conns[c.id] = c
	if from.IsValid() {
		w.from[from]++
	}
	w.mu.Unlock()
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
			w.poll.add(c)
		}
	}
	return c
}

func (w *watcher) forget(c *conn) {
	w.count.Add(-1)
	w.mu.Lock()
	delete(w.conns, c.id)
	if c.from.IsValid() {
		if w.from[c.from]--; w.from[c.from] == 0 {
			delete(w.from, c.from)
		}
	}
	w.mu.Unlock()
}

// happened is told what the kernel says of a connection: something has come, or, with gone, its client has left.
func (w *watcher) happened(id uint64, gone bool) {
	w.mu.RLock()
	c := w.conns[id]
	w.mu.RUnlock()
	if c == nil {
		return
	}
	if gone {
		c.hangup()
	}
	if p := c.unpark(&w.poll, func(*parked) bool { return true }); p != nil {
		w.lot.spoke(p)
	}
}

// each calls f for every open connection.
func (w *watcher) each(f func(*conn)) {
	w.mu.RLock()
	conns := make([]*conn, 0, len(w.conns))
	for _, c := range w.conns {
		conns = append(conns, c)
	}
	w.mu.RUnlock()
	for _, c := range conns {
		f(c)
	}
}
