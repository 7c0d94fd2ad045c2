package demo

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync"
)

// Request is one request as it was received.
type Request struct {
	// Head is the request line and fields, byte for byte, with the empty line that ends them.
	Head []byte
	// Body is the content, its transfer coding undone.
	Body []byte
	// Method, Target and Header are Head as net/http read it; Header lacks Host, which is here.
	Method, Target, Host string
	Header               http.Header
}

// Stats counts. A generation is a chat, completion or embedding that was begun.
type Stats struct {
	Requests    int64 `json:"requests"`
	Generations int64 `json:"generations"`
	Completed   int64 `json:"completed"`
	// Aborted generations were ended by the client's going away.
	Aborted  int64 `json:"aborted"`
	InFlight int64 `json:"in_flight"`
	// Frames counts the events of streams that were sent.
	Frames int64 `json:"frames"`
	// Tunnels counts the WebSockets that were opened, OpenTunnels those that still are.
	Tunnels     int64 `json:"tunnels"`
	OpenTunnels int64 `json:"open_tunnels"`
}

// ledger keeps the counts and the last requests.
type ledger struct {
	keep int

	mu       sync.Mutex
	stats    Stats         // guarded by mu
	requests []Request     // guarded by mu; the last keep
	changed  chan struct{} // guarded by mu; closed and replaced at every change
}

// note changes the counts and wakes whoever awaits them.
func (l *ledger) note(change func(*Stats)) Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.stats)
	close(l.changed)
	l.changed = make(chan struct{})
	return l.stats
}

func (l *ledger) record(r Request) {
	l.mu.Lock()
	if len(l.requests) == l.keep {
		l.requests = append(l.requests[:0], l.requests[1:]...)
	}
	l.requests = append(l.requests, r)
	l.mu.Unlock()
	l.note(func(s *Stats) { s.Requests++ })
}

// Stats are the counts so far.
func (s *Server) Stats() Stats {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.stats
}

// Requests are the last requests received (Options.Keep), oldest first. The server's own /demo/ routes are not among them.
func (s *Server) Requests() []Request {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return append([]Request(nil), s.ledger.requests...)
}

// Await returns the counts as soon as ok says that they are what is waited for, or ctx's error.
func (s *Server) Await(ctx context.Context, ok func(Stats) bool) (Stats, error) {
	for {
		s.ledger.mu.Lock()
		now, changed := s.ledger.stats, s.ledger.changed
		s.ledger.mu.Unlock()
		if ok(now) {
			return now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// maxTapped bounds what a tap keeps: no head that net/http accepts is longer.
const maxTapped = 1<<20 + 4096

// tap keeps what was read from a connection since the last request, so that a request can be shown as it was received.
// That holds for clients that send one request at a time; of pipelined ones the head may be found empty.
type tap struct {
	net.Conn
	mu   sync.Mutex
	seen []byte // guarded by mu
}

type tapListener struct{ net.Listener }

func (l *tapListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tap{Conn: c}, nil
}

// Read reads, and keeps what it read.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, p[:min(n, maxTapped-len(t.seen))]...)
	return n, err
}

// head returns the head of the request that was just read to its end, and forgets what was kept.
func (t *tap) head() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	head, _, found := bytes.Cut(t.seen, []byte("\r\n\r\n"))
	if found {
		head = t.seen[:len(head)+4]
	}
	head = bytes.Clone(head)
	t.seen = t.seen[:0]
	return head
}

type tapKey struct{}

func withTap(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, tapKey{}, c.(*tap))
}
