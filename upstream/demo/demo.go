// Package demo is a small OpenAI-compatible model backend: the one behind `blaze demo`, and every test's backend. IT IS A
// TEST SERVER. It runs no model: its text is the prompt said back. It says so in every answer's x-demo-server field,
// fails in every way a real engine fails when it is told to (Behavior), and remembers what reached it (Requests), so
// that a test can say what a proxy forwarded. It checks no credentials and must not be reachable from outside.
package demo

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say how a Server is made. The zero Options are a server on a free loopback port that answers at once.
type Options struct {
	// Addr is the address to listen on; empty is a free port of 127.0.0.1.
	Addr string
	// Models are the names it serves; empty is demo-small and demo-large.
	Models []string
	// Slots is how many generations run at once; more wait their turn, first come, first served. 0 is any number.
	Slots int
	// Behavior is how it behaves until it is told otherwise.
	Behavior Behavior
	// Keep is how many of the last requests are kept for Requests; 0 is 64.
	Keep int
	// Now is the clock of the answers' created field; nil is time.Now.
	Now func() time.Time
}

// Server is a running backend. Safe for concurrent use; two in one process share nothing.
type Server struct {
	opts   Options
	ln     net.Listener
	http   *http.Server
	steps  chan struct{} // one entry is one held frame that may go
	slots  chan struct{} // one entry is one generation that runs; nil is any number
	ending context.Context
	cancel context.CancelFunc
	served sync.WaitGroup // the accept loop

	// running is held by every request for reading, and by Close, to wait for them.
	running sync.RWMutex

	ledger ledger

	mu       sync.Mutex
	behavior Behavior // guarded by mu
}

// New is Listen for tests: like httptest.NewServer it panics when there is no address to listen on.
func New(o Options) *Server {
	s, err := Listen(o)
	if err != nil {
		panic(err)
	}
	return s
}

// Listen starts a backend; Close ends it.
func Listen(o Options) (*Server, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if len(o.Models) == 0 {
		o.Models = []string{"demo-small", "demo-large"}
	}
	if o.Keep == 0 {
		o.Keep = 64
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("cannot start the demo backend: %w", err)
	}
	s := &Server{opts: o, ln: ln, behavior: o.Behavior, steps: make(chan struct{}, 1<<16)}
	if o.Slots > 0 {
		s.slots = make(chan struct{}, o.Slots)
	}
	s.ledger.keep, s.ledger.changed = o.Keep, make(chan struct{})
	s.ending, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{Handler: s.handler(), ConnContext: withTap, ReadHeaderTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return s.ending }, ErrorLog: log.New(io.Discard, "", 0)}
	s.served.Go(func() { _ = s.http.Serve(&tapListener{ln}) })
	return s, nil
}

// URL is the server's base address, without a slash at its end.
func (s *Server) URL() string { return "http://" + s.ln.Addr().String() }

// Addr is the server's host:port.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close ends every connection and generation and waits until they are over.
func (s *Server) Close() {
	_ = s.http.Close() // first, or a generation that is told to end would be answered with an empty 200
	s.cancel()
	s.served.Wait()
	s.running.Lock()
	defer s.running.Unlock()
}

// Behave replaces how the server behaves, for requests that come from now on.
func (s *Server) Behave(b Behavior) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behavior = b
}

// Behavior is how the server behaves now.
func (s *Server) Behavior() Behavior {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behavior
}

// Step lets n held heads or frames go (Behavior.Hold), whether they wait already or come later.
func (s *Server) Step(n int) {
	for range n {
		select {
		case s.steps <- struct{}{}:
		default:
			return // far more than any test holds
		}
	}
}
