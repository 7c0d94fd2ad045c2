// Package proxy is the proxied port: the fasthttp server and the life of one exchange, from the bytes of a request's head
// to the last byte of its answer. It applies the filters' verdicts and the upstream's answers; it makes none itself but
// those of HTTP.
package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/policy"
	"blaze/telemetry"
)

// Options are what a process sets once.
type Options struct {
	// Listen is host:port, unix:/path or fd:N.
	Listen string
	Store  *policy.Store
	Tel    *telemetry.Telemetry
	// Drain is how long exchanges, streams too, may finish after Run's context ends.
	Drain time.Duration
	// ProxyProtocol are the networks that must send a PROXY protocol header; empty is none.
	ProxyProtocol []netip.Prefix
	// Verbose denials tell the client which rule refused and where (--dev).
	Verbose bool
}

// Server is the proxied port.
type Server struct {
	store *policy.Store
	tel   *telemetry.Telemetry
	log   telemetry.Logger
	drain time.Duration
	loud  bool // Options.Verbose
	ln    net.Listener
	lot   *lot
	watch *watcher
	pool  sync.Pool // of *exchange

	open     atomic.Int64 // exchanges
	draining atomic.Bool  // no new connections; answers close theirs
	cutting  atomic.Bool  // the drain's time is up: what still runs is cut
	tunnels  sync.WaitGroup
	panics   *telemetry.Counter
}

// New listens; Run serves.
func New(o Options) (*Server, error) {
	w, err := newWatcher()
	if err != nil {
		return nil, err
	}
	ln, err := listen(o.Listen)
	if err != nil {
		w.close()
		return nil, err
	}
	s := &Server{store: o.Store, tel: o.Tel, log: o.Tel.Log, drain: o.Drain, loud: o.Verbose, watch: w}
	s.panics = o.Tel.Metrics.Counter("blaze_panics_total")
	o.Tel.Metrics.Gauge("blaze_open_connections", func() float64 { return float64(w.open()) })
	o.Tel.Metrics.Gauge("blaze_open_exchanges", func() float64 { return float64(s.open.Load()) })
	s.ln = &listener{
		Listener: ln, watch: w,
		bounds: func() bounds {
			p := &s.store.Current().Proxy
			return bounds{max: p.MaxConnections, perClient: p.MaxConnectionsPerClient, write: p.WriteTimeout}
		},
		speaksForOthers: func(a netip.Addr) bool {
			return s.store.Current().Trusted.Contains(a) || contains(o.ProxyProtocol, a)
		},
		full:  o.Tel.Metrics.Counter("blaze_connections_rejected_total", "max_connections"),
		crowd: o.Tel.Metrics.Counter("blaze_connections_rejected_total", "max_connections_per_client"),
	}
	s.ln = viaBalancer(s.ln, o.ProxyProtocol, o.Store.Current().Proxy.HeaderTimeout)
	if o.Store.Current().Proxy.TLS != nil {
		s.ln = s.secure(s.ln)
	}
	s.lot = newLot(s.ln, w)
	s.lot.displaced = o.Tel.Metrics.Counter("blaze_connections_displaced_total")
	s.lot.fresh = func() time.Duration { return s.store.Current().Proxy.HeaderTimeout }
	s.lot.idle = func() time.Duration { return s.lot.plain.fast.IdleTimeout }
	largest := int(o.Store.Current().Proxy.MaxHeader)
	if largest > ordinaryHead {
		s.lot.room = ordinaryHead
	}
	s.lot.plain.fast, s.lot.roomy.fast = s.server(min(largest, ordinaryHead)), s.server(largest)
	o.Tel.Metrics.Gauge("blaze_parked_connections", func() float64 { return float64(s.lot.parked.Load()) })
	return s, nil
}

// server configures fasthttp: its absolute timeouts and own bounds are off where they would cut streams or answer in
// its own words, and nothing is added to what is forwarded. A head has to fit into buffer bytes.
func (s *Server) server(buffer int) *fasthttp.Server {
	p := s.store.Current().Proxy
	return &fasthttp.Server{
		Handler:        s.handle,
		ExpectHandler:  s.expect,
		HeaderReceived: s.headerReceived,
		ErrorHandler:   s.badHead,
		ReadTimeout:    p.HeaderTimeout,
		IdleTimeout:    p.IdleTimeout,
		ReadBufferSize: buffer,
		// Bodies are counted by readBody; this bounds only what fasthttp reads before the head is judged.
		MaxRequestBodySize:           1,
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		MaxIdleWorkerDuration:        parkAfter, // its stack waits for the next connection as long
		Concurrency:                  1 << 20,   // the listener bounds connections
		Logger:                       quiet{},
	}
}

// headerReceived gives the body its own time, and has the head of a request whose length is announced judged before any
// of its body is waited for: fasthttp does that for a client that expects 100 Continue. Such a one is known by its word
// in lower case; one that has not asked is not told (see mute).
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	switch v := h.Peek("Expect"); {
	case bytes.EqualFold(v, []byte("100-continue")):
		h.Set("Expect", "100-continue")
	case len(v) == 0 && h.ContentLength() > 0:
		h.Set("Expect", unasked)
	}
	return fasthttp.RequestConfig{ReadTimeout: s.store.Current().Proxy.BodyTimeout}
}

// unasked is the expectation of a client that has none.
const unasked = "100-Continue"

// badHead answers for a head that fasthttp itself could not read.
func (s *Server) badHead(ctx *fasthttp.RequestCtx, err error) {
	ctx.SetConnectionClose()
	front := clientConn(ctx.Conn()).front
	if front.expected.over {
		return // and answered
	}
	ctx.Response.SkipBody = front.guard.refusesHEAD()
	e := s.begin(ctx)
	defer e.leave()
	d, rule := filters.InvalidRequest, "http"
	var small *fasthttp.ErrSmallBuffer
	var ne net.Error
	switch {
	case errors.As(err, &small):
		d, rule = filters.HeadersTooLarge, "max_header"
	case errors.As(err, &ne) && ne.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), strings.Contains(err.Error(), "i/o timeout"):
		// fasthttp wraps some of its timeouts in errors that do not unwrap.
		d, rule = filters.RequestTimeout, "header_timeout"
	}
	e.refuse(filters.Deny(d, rule))
}

// Addr is the address listened on.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close lets the port go without having served.
func (s *Server) Close() {
	_ = s.ln.Close()
	s.watch.close()
}

// Ready is nil while the port takes new requests.
func (s *Server) Ready() error {
	if s.draining.Load() {
		return errors.New("draining")
	}
	return nil
}

// Run serves until ctx ends; then it stops accepting and lets what runs finish within the drain time.
func (s *Server) Run(ctx context.Context) error {
	defer s.watch.close()
	served := make(chan error, 2)
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		s.lot.run()
	}()
	for _, d := range s.lot.doors() {
		go func() { served <- d.fast.Serve(d) }()
	}
	select {
	case err := <-served:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.lot.bypass()   // before Accept ends: what it was given after would be nobody's
	_ = s.ln.Close() // also where Serve has not got as far as fasthttp's own account of listeners
	s.log.Info().Int64("open", s.open.Load()).Dur("drain", s.drain).Msg("draining")
	<-accepting
	s.lot.drain()
	s.shutdown(s.drain)
	if !s.idle() {
		s.cutting.Store(true)
		s.watch.each((*conn).interrupt)
		s.shutdown(cutTime)
		s.watch.each(func(c *conn) { _ = c.Close() })
		s.shutdown(cutTime)
	}
	s.tunnels.Wait()
	s.lot.close()
	<-served
	<-served
	s.log.Info().Msg("drained")
	return nil
}

// cutTime is how long a cut exchange has to say so to its client.
const cutTime = 2 * time.Second

// shutdown asks fasthttp to stop, again and again: one that gives up would go on serving kept connections.
func (s *Server) shutdown(within time.Duration) {
	end := time.Now().Add(within)
	for {
		ctx, cancel := context.WithDeadline(context.Background(), end)
		err := s.lot.shutdown(ctx)
		cancel()
		if err == nil && s.idle() || !time.Now().Before(end) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// idle reports whether nothing runs and nobody is connected. fasthttp's own count leaves out a connection that has come and
// is on its way to be served.
func (s *Server) idle() bool { return s.open.Load() == 0 && s.watch.open() == 0 }

// quiet keeps fasthttp from writing beside the log; what matters of it reaches the log through badHead.
type quiet struct{}

// Printf drops the line.
func (quiet) Printf(string, ...any) {}
