package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"time"

	"blaze/telemetry/dashboard"
)

// Check is one part of /health/detailed.
type Check struct {
	Name   string
	Status string // ok, degraded, down
	Detail any    // JSON-able, no secrets
}

// AdminOptions says how the admin port is guarded and what it shows of the floors above.
type AdminOptions struct {
	Addr  string
	Token string // bearer token of the guarded endpoints; empty: loopback callers only
	TLS   AdminTLS
	// Ready says whether the proxied port serves; a nil error is ready.
	Ready func() error
	// Checks are the parts of /health/detailed.
	Checks func() []Check
	// Bans lists the addresses banned now, for /security/status.
	Bans func() any
	// Handlers are further endpoints by pattern ("GET /policy"), all guarded.
	Handlers map[string]http.Handler
}

// Admin is the admin port's server.
type Admin struct {
	t        *Telemetry
	o        AdminOptions
	guard    guard
	listener net.Listener
	server   *http.Server
}

// Bounds of the admin port. A profile takes as long as it was asked for, so writing has no bound of the server's own.
const (
	adminHeaderTimeout = 5 * time.Second
	adminReadTimeout   = 30 * time.Second
	adminWriteTimeout  = 30 * time.Second
	adminIdleTimeout   = 60 * time.Second
	adminMaxHeader     = 16 << 10
	adminMaxBody       = 32 << 20
	profileMax         = 2 * time.Minute
)

// NewAdmin listens on the admin address; a port alone is every address of the machine, since probes and scrapers come
// from outside. Who may see what is the guard's matter.
func (t *Telemetry) NewAdmin(o AdminOptions) (*Admin, error) {
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("cannot open the admin port: %w", err)
	}
	a := t.admin(o)
	a.listener = l
	if o.TLS.on() {
		certs, err := newAdminCerts(o.TLS, t.Log, time.Now)
		if err != nil {
			_ = l.Close()
			return nil, err
		}
		a.listener = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: certs.current})
	}
	a.server = &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: adminHeaderTimeout,
		ReadTimeout:       adminReadTimeout,
		IdleTimeout:       adminIdleTimeout,
		MaxHeaderBytes:    adminMaxHeader,
		ErrorLog:          stdLog(t.Log),
	}
	return a, nil
}

func (t *Telemetry) admin(o AdminOptions) *Admin {
	return &Admin{t: t, o: o, guard: newGuard(o.Token, o.TLS.ClientCA != "")}
}

// AdminHandler is the admin port without the port, for another listener.
func (t *Telemetry) AdminHandler(o AdminOptions) http.Handler { return t.admin(o).handler() }

// Addr is the address listened on.
func (a *Admin) Addr() string { return a.listener.Addr().String() }

// URL is how somebody on this machine reaches it.
func (a *Admin) URL() string {
	host, port, _ := net.SplitHostPort(a.Addr())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if a.o.TLS.on() {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// Run serves until ctx ends.
func (a *Admin) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		// Probes and scrapes are short; a profile that is under way is not waited for.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if a.server.Shutdown(end) != nil {
			_ = a.server.Close()
		}
	})
	defer stop()
	if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin port: %w", err)
	}
	return nil
}

// handler is the whole admin port: its routes, behind what every answer has in common.
func (a *Admin) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range a.open() {
		mux.Handle(pattern, h)
	}
	for pattern, h := range dashboard.Files() {
		mux.Handle(pattern, h)
	}
	for pattern, h := range a.guarded() {
		mux.Handle(pattern, a.guard.wrap(h))
	}
	for pattern, h := range a.o.Handlers {
		mux.Handle(pattern, a.guard.wrap(h))
	}
	return common(mux)
}

// open are the endpoints that everybody may see: whether it lives, and counts.
func (a *Admin) open() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /health":             a.health,
		"GET /live":               a.live,
		"GET /ready":              a.ready,
		"GET /metrics":            a.metricsJSON,
		"GET /metrics/prometheus": a.metricsText,
	}
}

// guarded are the endpoints for those who run it.
func (a *Admin) guarded() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /health/detailed":     a.healthDetailed,
		"GET /security/status":     a.securityStatus,
		"GET /alerts":              a.alertList,
		"GET /suggestions":         a.suggestions,
		"GET /debug/filters":       a.debugFilters,
		"GET /endpoints":           a.endpoints,
		"GET /errors/summary":      a.errorsSummary,
		"GET /metrics/{name}":      a.export,
		"GET /metrics/history":     a.metricsHistory,
		"GET /requests":            a.recentRequests,
		"GET /debug/pprof/":        profiled(pprof.Index),
		"GET /debug/pprof/cmdline": profiled(pprof.Cmdline),
		"GET /debug/pprof/profile": profiled(pprof.Profile),
		"GET /debug/pprof/symbol":  profiled(pprof.Symbol),
		"POST /debug/pprof/symbol": profiled(pprof.Symbol),
		"GET /debug/pprof/trace":   profiled(pprof.Trace),
	}
}

// endpoints lists what this port answers, for people and for the dashboard.
func (a *Admin) endpoints(w http.ResponseWriter, _ *http.Request) {
	var all []string
	add := func(pattern string) { all = append(all, pattern) }
	for p := range a.open() {
		add(p)
	}
	for p := range a.guarded() {
		add(p)
	}
	for p := range a.o.Handlers {
		add(p)
	}
	slices.Sort(all)
	writeJSON(w, http.StatusOK, map[string][]string{"endpoints": all})
}

// profiled gives a profile the time it was asked for.
func profiled(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(profileMax))
		h(w, r)
	}
}

func (a *Admin) metricsJSON(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"time": time.Now().UTC(), "metrics": a.t.Metrics.Snapshot()})
}

func (a *Admin) metricsText(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_ = a.t.WritePrometheus(w)
}
