// Command blaze is a reverse-proxy sidecar for self-hosted AI model servers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"blaze/filters"
	"blaze/filters/auth"
	"blaze/filters/ratelimit"
	"blaze/filters/scan"
	"blaze/filters/scan/behavior"
	"blaze/policy"
	"blaze/proxy"
	"blaze/telemetry"
	"blaze/telemetry/audit"
	"blaze/telemetry/command"
	"blaze/upstream/demo"
)

// version is stamped by the release build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The Redis client's logger is the process's. What it says, health and metrics say better.
	ratelimit.LogRedis(zerolog.Nop())
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	return program().Run(ctx, process{Env: env, Stdin: stdin, Stdout: stdout, Stderr: stderr}, args)
}

type (
	process = command.Process
	action  = command.Action
)

func program() command.Program {
	const many = 1 << 16
	return command.Program{Name: "blaze", Does: "Blaze guards and streams a self-hosted AI model server.", Commands: []command.Command{
		{Name: "run", Does: "serve (the default command)", Flags: serve},
		{Name: "demo", Does: "serve an embedded model backend through the full pipeline, with curl lines to try", Flags: runDemo},
		{Name: "check", Args: "PATH", Does: "validate a policy file or folder and run its tests", Least: 1, Most: 1, Flags: check},
		{Name: "explain", Args: "[FILE]", Does: "say what each stage of a policy makes of one HTTP request; nothing is sent", Most: 1, Flags: explain},
		{Name: "replay", Args: "LOG...", Does: "run recorded requests (audit logs) against another policy and count what changes", Least: 1, Most: many, Flags: replay},
		{Name: "key", Args: "new", Does: "make an API key, and the policy entry that knows it", Least: 1, Most: 1, Flags: key},
		{Name: "audit", Args: "FILE", Does: "verify an audit log's hash chain", Least: 1, Most: 1, Flags: verify},
		{Name: "schema", Does: "print the JSON Schema of the policy, for editors", Flags: schema},
		{Name: "health", Does: "exit 0 when a running blaze is ready", Flags: health},
		{Name: "version", Does: "print version, commit and Go version", Flags: printVersion},
	}}
}

// exitChanged is replay's: the other policy would decide differently.
const exitChanged command.Exit = 3

// settings are what needs a restart; everything else is policy.
type settings struct {
	policy, upstream, listen, admin, adminTokenFile string
	proxyProtocol                                   string
	adminTLS                                        telemetry.AdminTLS
	logLevel, logFormat                             string
	drain                                           time.Duration
	dev                                             bool
}

const ownUpstream = "http://127.0.0.1:8080"

func runFlags(s *settings) *pflag.FlagSet {
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.SortFlags = false
	s.flags(f)
	return f
}

func (s *settings) flags(f *pflag.FlagSet) {
	f.StringVar(&s.policy, "policy", "", "policy file, or folder of *.yaml; the embedded default when empty")
	f.StringVar(&s.upstream, "upstream", ownUpstream, "the model server, when the policy names none")
	f.StringVar(&s.listen, "listen", ":8000", "the proxied port; unix:/path too, and fd:3 for a socket handed over")
	f.StringVar(&s.admin, "admin", ":9000", "the metrics and admin port")
	f.StringVar(&s.adminTokenFile, "admin-token-file", "", "file with the bearer token of the guarded admin endpoints")
	f.StringVar(&s.adminTLS.Cert, "admin-cert", "", "PEM file with the certificate chain of the admin port, which then serves TLS; read again when it changes")
	f.StringVar(&s.adminTLS.Key, "admin-key", "", "PEM file with that certificate's key")
	f.StringVar(&s.adminTLS.ClientCA, "admin-client-ca", "", "PEM file; a client certificate it signed opens the guarded admin endpoints, as the token does")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "json", "json, or console for people")
	f.StringVar(&s.proxyProtocol, "proxy-protocol", "", "networks whose connections begin with a PROXY protocol header")
	f.DurationVar(&s.drain, "drain", 30*time.Second, "how long exchanges may finish after SIGTERM, streams too")
	f.BoolVar(&s.dev, "dev", false, "console log, debug level, denials that name their rule and field, and the policy reloaded on every save")
}

// check refuses what would be taken for something else, and puts in what --dev means.
func (s *settings) check(f *pflag.FlagSet) error {
	if s.dev && !f.Changed("log-format") {
		s.logFormat = "console"
	}
	if s.dev && !f.Changed("log-level") {
		s.logLevel = "debug"
	}
	return command.Misuse(telemetry.CheckLog(s.logLevel, s.logFormat))
}

// openAdmin is the warning of an admin port that others reach.
func (s *settings) openAdmin() (policy.Problem, bool) {
	return policy.WarnAdmin(s.admin, s.adminTokenFile != "" || s.adminTLS.ClientCA != "", s.adminTLS.Cert != "")
}

func serve(f *pflag.FlagSet) action {
	var s settings
	s.flags(f)
	return func(ctx context.Context, p process, _ []string) error {
		if err := s.check(f); err != nil {
			return err
		}
		env := p.Env
		if s.policy == "" {
			var made string
			if env, made = policy.DefaultEnv(env); made != "" {
				fmt.Fprintf(p.Stderr, "blaze: no policy and no BLAZE_API_KEY; the API key of this run is\n\n  %s\n\n", made)
			}
		}
		return start(ctx, p, s, policy.Options{Path: s.policy, Upstream: s.upstream, Env: env}, nil)
	}
}

// start wires the rooms together and serves until ctx ends. ready, if not nil, is called when both ports listen.
func start(ctx context.Context, p process, s settings, o policy.Options, ready func(proxied, admin string)) error {
	tel := telemetry.New(telemetry.Options{LogLevel: s.logLevel, LogFormat: s.logFormat, Version: version, Output: p.Stderr})
	logs, flush := background(func(ctx context.Context) { tel.Run(ctx) })
	defer logs.Wait()
	defer flush()
	token, err := telemetry.ReadToken(s.adminTokenFile)
	if err != nil {
		return err
	}
	balancers, err := proxy.ParseNetworks(s.proxyProtocol)
	if err != nil {
		return fmt.Errorf("--proxy-protocol: %w", err)
	}
	o.Tel, o.Gate, o.Eager = tel, proxy.Gate(), s.dev
	store, err := policy.Open(o)
	if err != nil {
		return err
	}
	server, err := proxy.New(proxy.Options{Listen: s.listen, Store: store, Tel: tel, Drain: s.drain, ProxyProtocol: balancers, Verbose: s.dev})
	if err != nil {
		return err
	}
	admin, err := tel.NewAdmin(telemetry.AdminOptions{
		Addr: s.admin, Token: token, TLS: s.adminTLS, Ready: server.Ready, Checks: store.Checks, Handlers: handlers(store),
		Bans: func() any { return tracker(store).Views() },
	})
	if err != nil {
		server.Close()
		return err
	}
	rest, stop := background(store.Run, func(ctx context.Context) { _ = admin.Run(ctx) }, func(ctx context.Context) { hangups(ctx, tel, store) })
	defer rest.Wait()
	defer stop()
	if w, open := s.openAdmin(); open {
		tel.Log.Info().Str("note", w.Error()).Msg("others reach the admin port")
	}
	tel.Log.Info().Str("version", version).Str("listen", server.Addr().String()).Str("admin", admin.Addr()).Msg("serving")
	if ready != nil {
		ready(server.Addr().String(), admin.Addr())
	}
	return server.Run(ctx)
}

// handlers are the admin endpoints of the floors above telemetry.
func handlers(store *policy.Store) map[string]http.Handler {
	all := store.Handlers()
	sessions := auth.SessionsHandler(func() *auth.Filter { return serving[*auth.Filter](store) })
	all["GET /sessions/revoke"], all["POST /sessions/revoke"] = sessions, sessions
	maps.Copy(all, behavior.Handlers(func() *behavior.Tracker { return tracker(store) }))
	return all
}

// tracker is the serving policy's; nil where the scan is off.
func tracker(store *policy.Store) *behavior.Tracker { return serving[*scan.Filter](store).Behavior() }

// serving is the filter of that type in the policy that serves; zero where there is none.
func serving[F filters.Filter](store *policy.Store) (none F) {
	for _, st := range store.Current().Chain.Stages() {
		if f, ok := st.Filter.(F); ok {
			return f
		}
	}
	return none
}

// background runs fs until stop is called; Wait waits for their ends.
func background(fs ...func(context.Context)) (wait *sync.WaitGroup, stop context.CancelFunc) {
	ctx, stop := context.WithCancel(context.Background())
	wait = new(sync.WaitGroup)
	for _, f := range fs {
		wait.Go(func() { f(ctx) })
	}
	return wait, stop
}

// hangups reloads the policy and reopens log files on SIGHUP.
func hangups(ctx context.Context, tel *telemetry.Telemetry, store *policy.Store) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	defer signal.Stop(c)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c:
			tel.Reopen()
			_ = store.Reload() // the store says in the log how it went
		}
	}
}

func runDemo(f *pflag.FlagSet) action {
	var s settings
	s.flags(f)
	for name, value := range map[string]string{"log-format": "console", "log-level": "warn"} {
		flag := f.Lookup(name)
		flag.DefValue = value
		_ = flag.Value.Set(value) // and yet not Changed: --dev still wins
	}
	return func(ctx context.Context, p process, _ []string) error {
		if err := s.check(f); err != nil {
			return err
		}
		backend := demo.New(demo.Options{})
		defer backend.Close()
		o, user, operator := policy.Demo(backend.URL(), p.Env)
		if s.policy != "" {
			o.Path, o.Source, o.Upstream = s.policy, nil, backend.URL()
		}
		return start(ctx, p, s, o, func(proxied, admin string) {
			fmt.Fprint(p.Stdout, demo.Lines(proxied, admin, user, operator))
		})
	}
}

// offline is a policy that is looked at and not served. One without upstreams has run's own.
func offline(p process, path string) policy.Options {
	o := policy.Options{Path: path, Upstream: ownUpstream, Env: p.Env, Gate: proxy.Gate()}
	if url, ok := p.Env("BLAZE_UPSTREAM"); ok {
		o.Upstream = url
	}
	if path == "" {
		o.Env, _ = policy.DefaultEnv(p.Env)
	}
	return o
}

func check(f *pflag.FlagSet) action {
	format := f.String("format", "text", "text, or json for editors and CI")
	var s settings
	f.StringVar(&s.admin, "admin", "", "the address of the admin port that run is given, to be warned of an open one")
	f.StringVar(&s.adminTokenFile, "admin-token-file", "", "as given to run")
	f.StringVar(&s.adminTLS.Cert, "admin-cert", "", "as given to run")
	f.StringVar(&s.adminTLS.ClientCA, "admin-client-ca", "", "as given to run")
	return func(_ context.Context, p process, args []string) error {
		if *format != "text" && *format != "json" {
			return command.Misuse(fmt.Errorf("--format: want text or json; got %q", *format))
		}
		report := policy.Check(offline(p, args[0]))
		if w, open := s.openAdmin(); open {
			report.Warnings = append(report.Warnings, w)
		}
		if err := report.Write(p.Stdout, *format); err != nil {
			return err
		}
		if report.Bad() {
			return command.Problem
		}
		return nil
	}
}

func explain(f *pflag.FlagSet) action {
	path := f.String("policy", "", "policy file or folder; the embedded default when empty")
	client := f.String("client", "192.0.2.1", "the caller's address")
	keyID := f.String("key", "", "id of the API key the caller has; the key itself is not needed")
	return func(_ context.Context, p process, args []string) error {
		addr, err := netip.ParseAddr(*client)
		if err != nil {
			return command.Misuse(fmt.Errorf("--client: want an IP address; got %q", *client))
		}
		call, err := policy.ReadCall(p.Stdin, args, addr.Unmap(), *keyID, time.Now())
		if err != nil {
			return err
		}
		trace, err := policy.Explain(offline(p, *path), call)
		if err != nil {
			return err
		}
		return trace.WriteJSON(p.Stdout)
	}
}

func replay(f *pflag.FlagSet) action {
	path := f.String("policy", "", "the policy to hold the recorded requests against")
	return func(_ context.Context, p process, args []string) error {
		if *path == "" {
			return command.Misuse(errors.New("replay needs --policy"))
		}
		diff, err := policy.ReplayFiles(offline(p, *path), args)
		if err == nil {
			err = diff.WriteText(p.Stdout)
		}
		if err == nil && diff.Changed > 0 {
			err = exitChanged
		}
		return err
	}
}

func key(f *pflag.FlagSet) action {
	var k auth.NewEntry
	f.StringVar(&k.ID, "id", "", "name of the key, in every log line")
	f.StringVar(&k.Subject, "subject", "", "whose key it is; the id when empty")
	f.StringSliceVar(&k.Roles, "role", nil, "a role; may be given more than once")
	f.StringVar(&k.Tier, "tier", "", "the tier, for limits and queues")
	f.StringVar(&k.Tenant, "tenant", "", "the tenant")
	f.StringVar(&k.Expires, "expires", "", "a date such as 2027-01-31, or from now on such as 90d")
	return func(_ context.Context, p process, args []string) error {
		if args[0] != "new" || k.ID == "" {
			return command.Misuse(errors.New("want key new --id ID"))
		}
		secret, entry, err := k.Make(time.Now())
		if err != nil {
			return command.Misuse(err)
		}
		_, err = fmt.Fprintf(p.Stdout, "The key, shown this once:\n\n  %s\n\nIts entry under filters.auth.api_keys:\n\n  %s\n", secret, entry)
		return err
	}
}

func verify(f *pflag.FlagSet) action {
	keyFile := f.String("key-file", "", "file with the audit log's key, when the policy names one")
	return func(_ context.Context, p process, args []string) error {
		report, err := audit.VerifyFile(args[0], *keyFile)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		_, err = fmt.Fprintf(p.Stdout, "%s: %s\n", args[0], report)
		return err
	}
}

func schema(*pflag.FlagSet) action {
	return func(_ context.Context, p process, _ []string) error { return policy.WriteSchema(p.Stdout) }
}

func health(f *pflag.FlagSet) action {
	admin := f.String("admin", "http://127.0.0.1:9000", "the admin port: a URL, or the address given to run")
	ca := f.String("admin-ca", "", "PEM file that signed the admin port's certificate; without it the certificate of a loopback address is not verified")
	return func(ctx context.Context, p process, _ []string) error {
		if err := telemetry.AskReady(ctx, *admin, *ca); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.Stdout, "ready")
		return err
	}
}

func printVersion(*pflag.FlagSet) action {
	return func(_ context.Context, p process, _ []string) error {
		_, err := fmt.Fprint(p.Stdout, telemetry.About(version))
		return err
	}
}
