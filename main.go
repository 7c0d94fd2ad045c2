// Command blaze is a reverse-proxy sidecar for self-hosted AI model servers.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"blaze/filters/auth"
	"blaze/filters/ratelimit"
	"blaze/policy"
	"blaze/proxy"
	"blaze/telemetry"
	"blaze/telemetry/audit"
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

// process is what a command may use of the world outside.
type process struct {
	env            func(string) (string, bool)
	stdin          io.Reader
	stdout, stderr io.Writer
}

// Exit codes. A command may say more with its own (blaze replay: 3).
const (
	exitOK      = 0
	exitProblem = 1
	exitUsage   = 2
)

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	p := process{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	name := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, p, args)
		}
	}
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") || name == "help" {
		usage(stdout)
		return exitOK
	}
	fmt.Fprintf(stderr, "blaze: unknown command %q\n\n", name)
	usage(stderr)
	return exitUsage
}

type command struct {
	name, does string
	run        func(ctx context.Context, p process, args []string) int
}

func commands() []command {
	return []command{
		{"run", "serve (the default command)", serve},
		{"demo", "serve an embedded model backend through the full pipeline, with curl lines to try", runDemo},
		{"check", "validate a policy file or folder and run its tests", check},
		{"explain", "say what each stage of a policy makes of one HTTP request; nothing is sent", explain},
		{"replay", "run recorded requests (audit logs) against another policy and count what changes", replay},
		{"key", "key new: make an API key, and the policy entry that knows it", key},
		{"audit", "verify an audit log's hash chain", verify},
		{"schema", "print the JSON Schema of the policy, for editors", schema},
		{"health", "exit 0 when a running blaze is ready", health},
		{"version", "print version, commit and Go version", printVersion},
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Blaze guards and streams a self-hosted AI model server.\n\nUsage: blaze [command] [flags]\n\nCommands:")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.does)
	}
	fmt.Fprintln(w, "\nFlags of run (each also an environment variable, BLAZE_POLICY and so on; a flag wins):")
	fmt.Fprint(w, runFlags(new(settings)).FlagUsages())
}

// settings are what needs a restart; everything else is policy.
type settings struct {
	policy, upstream, listen, admin, adminTokenFile string
	proxyProtocol                                   string
	adminTLS                                        telemetry.AdminTLS
	logLevel, logFormat                             string
	drain                                           time.Duration
	dev                                             bool
}

func runFlags(s *settings) *pflag.FlagSet {
	f := pflag.NewFlagSet("blaze", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringVar(&s.policy, "policy", "", "policy file, or folder of *.yaml; the embedded default when empty")
	f.StringVar(&s.upstream, "upstream", "http://127.0.0.1:8080", "the model server, when the policy names none")
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
	f.BoolVar(&s.dev, "dev", false, "console log, debug level")
	return f
}

// check refuses what would be taken for something else.
func (s *settings) check() error {
	var errs []error
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.logLevel) {
		errs = append(errs, fmt.Errorf("--log-level: want debug, info, warn or error; got %q", s.logLevel))
	}
	if s.logFormat != "json" && s.logFormat != "console" {
		errs = append(errs, fmt.Errorf("--log-format: want json or console; got %q", s.logFormat))
	}
	return errors.Join(errs...)
}

// parse reads flags, then the environment for those not given.
func parse(p process, f *pflag.FlagSet, args []string) error {
	f.SetOutput(io.Discard)
	if err := f.Parse(args); err != nil {
		return err
	}
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		name := "BLAZE_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if v, ok := p.env(name); ok && !flag.Changed {
			if err := f.Set(flag.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return errors.Join(errs...)
}

// fails says why a command cannot go on.
func (p process) fails(code int, err error) int {
	if errors.Is(err, pflag.ErrHelp) {
		usage(p.stdout)
		return exitOK
	}
	fmt.Fprintf(p.stderr, "blaze: %v\n", err)
	return code
}

func serve(ctx context.Context, p process, args []string) int {
	var s settings
	f := runFlags(&s)
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	if f.NArg() > 0 {
		return p.fails(exitUsage, fmt.Errorf("run takes no argument; got %q", f.Arg(0)))
	}
	if err := s.check(); err != nil {
		return p.fails(exitUsage, err)
	}
	if s.dev {
		s.logFormat = "console"
		if !f.Changed("log-level") {
			s.logLevel = "debug"
		}
	}
	env := p.env
	if s.policy == "" {
		env = p.defaultKey()
	}
	if err := start(ctx, p, s, policy.Options{Path: s.policy, Upstream: s.upstream, Env: env}, nil); err != nil {
		return p.fails(exitProblem, err)
	}
	return exitOK
}

// defaultKey adds the hash of the default policy's one key to the environment: BLAZE_API_KEY's, or that of a key made for
// this run and printed once.
func (p process) defaultKey() func(string) (string, bool) {
	key, ok := p.env("BLAZE_API_KEY")
	if !ok || key == "" {
		key, _ = auth.NewKey()
		fmt.Fprintf(p.stderr, "blaze: no policy and no BLAZE_API_KEY; the API key of this run is\n\n  %s\n\n", key)
	}
	return with(p.env, map[string]string{"BLAZE_API_KEY_SHA256": auth.HashKey(key).Hex()})
}

func with(env func(string) (string, bool), more map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := more[name]; ok {
			return v, true
		}
		return env(name)
	}
}

// start wires the rooms together and serves until ctx ends. ready, if not nil, is called when both ports listen.
func start(ctx context.Context, p process, s settings, o policy.Options, ready func(proxied, admin string)) error {
	tel := telemetry.New(telemetry.Options{LogLevel: s.logLevel, LogFormat: s.logFormat, Version: version, Output: p.stderr})
	logs, flush := background(func(ctx context.Context) { tel.Run(ctx) })
	defer logs.Wait()
	defer flush()
	token, err := adminToken(s.adminTokenFile)
	if err != nil {
		return err
	}
	balancers, err := proxy.ParseNetworks(s.proxyProtocol)
	if err != nil {
		return fmt.Errorf("--proxy-protocol: %w", err)
	}
	o.Tel, o.Gate = tel, proxy.Gate()
	store, err := policy.Open(o)
	if err != nil {
		return err
	}
	server, err := proxy.New(proxy.Options{Listen: s.listen, Store: store, Tel: tel, Drain: s.drain, ProxyProtocol: balancers})
	if err != nil {
		return err
	}
	admin, err := tel.NewAdmin(telemetry.AdminOptions{
		Addr: s.admin, Token: token, TLS: s.adminTLS, Ready: server.Ready, Checks: store.Checks, Handlers: handlers(store),
	})
	if err != nil {
		server.Close()
		return err
	}
	rest, stop := background(store.Run, func(ctx context.Context) { _ = admin.Run(ctx) }, func(ctx context.Context) { hangups(ctx, tel, store) })
	defer rest.Wait()
	defer stop()
	tel.Log.Info().Str("version", version).Str("listen", server.Addr().String()).Str("admin", admin.Addr()).Msg("serving")
	if ready != nil {
		ready(server.Addr().String(), admin.Addr())
	}
	return server.Run(ctx)
}

// handlers are the admin endpoints of the floors above telemetry.
func handlers(store *policy.Store) map[string]http.Handler {
	all := store.Handlers()
	sessions := auth.SessionsHandler(func() *auth.Filter {
		for _, st := range store.Current().Chain.Stages() {
			if f, ok := st.Filter.(*auth.Filter); ok {
				return f
			}
		}
		return nil
	})
	all["GET /sessions/revoke"], all["POST /sessions/revoke"] = sessions, sessions
	return all
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

func adminToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the admin token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 16 {
		return "", fmt.Errorf("cannot use the admin token in %s: want at least 16 characters; got %d", file, len(token))
	}
	return token, nil
}

func runDemo(ctx context.Context, p process, args []string) int {
	var s settings
	f := runFlags(&s)
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	if !f.Changed("log-format") {
		s.logFormat = "console"
	}
	if !f.Changed("log-level") {
		s.logLevel = "warn"
	}
	backend := demo.New(demo.Options{})
	defer backend.Close()
	user, userHash := auth.NewKey()
	operator, operatorHash := auth.NewKey()
	env := with(p.env, map[string]string{
		"BLAZE_DEMO_UPSTREAM":        backend.URL(),
		"BLAZE_DEMO_USER_SHA256":     userHash.Hex(),
		"BLAZE_DEMO_OPERATOR_SHA256": operatorHash.Hex(),
	})
	o := policy.Options{Source: policy.Demo(), Env: env}
	if s.policy != "" {
		o = policy.Options{Path: s.policy, Upstream: backend.URL(), Env: env}
	}
	err := start(ctx, p, s, o, func(proxied, admin string) {
		fmt.Fprint(p.stdout, demo.Lines("http://"+loopback(proxied), "http://"+loopback(admin), user, operator))
	})
	if err != nil {
		return p.fails(exitProblem, err)
	}
	return exitOK
}

// loopback is where a listening address is reached from here.
func loopback(addr string) string {
	for _, any := range [...]string{"[::]:", "0.0.0.0:"} {
		if port, ok := strings.CutPrefix(addr, any); ok {
			return "127.0.0.1:" + port
		}
	}
	return addr
}

func check(_ context.Context, p process, args []string) int {
	f := pflag.NewFlagSet("check", pflag.ContinueOnError)
	format := f.String("format", "text", "text, or json for editors and CI")
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	if f.NArg() != 1 || *format != "text" && *format != "json" {
		return p.fails(exitUsage, errors.New("usage: blaze check [--format text|json] PATH"))
	}
	report := policy.Check(policy.Options{Path: f.Arg(0), Env: p.env, Gate: proxy.Gate()})
	write := report.WriteText
	if *format == "json" {
		write = report.WriteJSON
	}
	if err := write(p.stdout); err != nil {
		return p.fails(exitProblem, err)
	}
	if report.Bad() {
		return exitProblem
	}
	return exitOK
}

func explain(_ context.Context, p process, args []string) int {
	f := pflag.NewFlagSet("explain", pflag.ContinueOnError)
	path := f.String("policy", "", "policy file or folder")
	client := f.String("client", "192.0.2.1", "the caller's address")
	keyID := f.String("key", "", "id of the API key the caller has; the key itself is not needed")
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	in := p.stdin
	switch f.NArg() {
	case 0:
	case 1:
		file, err := os.Open(f.Arg(0))
		if err != nil {
			return p.fails(exitProblem, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	default:
		return p.fails(exitUsage, errors.New("usage: blaze explain --policy PATH [--client ADDRESS] [--key ID] [FILE]"))
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err != nil {
		return p.fails(exitProblem, err)
	}
	addr, err := netip.ParseAddr(*client)
	if err != nil {
		return p.fails(exitUsage, fmt.Errorf("--client: %w", err))
	}
	call, err := policy.ParseCall(text, addr, *keyID, time.Now())
	if err != nil {
		return p.fails(exitProblem, err)
	}
	trace, err := policy.Explain(policy.Options{Path: *path, Env: p.env, Gate: proxy.Gate()}, call)
	if err == nil {
		err = trace.WriteJSON(p.stdout)
	}
	if err != nil {
		return p.fails(exitProblem, err)
	}
	return exitOK
}

// exitChanged is replay's: the other policy would decide differently.
const exitChanged = 3

func replay(_ context.Context, p process, args []string) int {
	f := pflag.NewFlagSet("replay", pflag.ContinueOnError)
	path := f.String("policy", "", "the policy to hold the recorded requests against")
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	if f.NArg() == 0 || *path == "" {
		return p.fails(exitUsage, errors.New("usage: blaze replay --policy NEW LOG [LOG]"))
	}
	var logs []io.Reader
	for _, name := range f.Args() {
		file, err := os.Open(name)
		if err != nil {
			return p.fails(exitProblem, err)
		}
		defer func() { _ = file.Close() }()
		logs = append(logs, file)
	}
	diff, err := policy.Replay(policy.Options{Path: *path, Env: p.env, Gate: proxy.Gate()}, logs...)
	if err == nil {
		err = diff.WriteText(p.stdout)
	}
	if err != nil {
		return p.fails(exitProblem, err)
	}
	if diff.Changed > 0 {
		return exitChanged
	}
	return exitOK
}

func key(_ context.Context, p process, args []string) int {
	f := pflag.NewFlagSet("key", pflag.ContinueOnError)
	var k auth.NewEntry
	f.StringVar(&k.ID, "id", "", "name of the key, in every log line")
	f.StringVar(&k.Subject, "subject", "", "whose key it is; the id when empty")
	f.StringSliceVar(&k.Roles, "role", nil, "a role; may be given more than once")
	f.StringVar(&k.Tier, "tier", "", "the tier, for limits and queues")
	f.StringVar(&k.Tenant, "tenant", "", "the tenant")
	f.StringVar(&k.Expires, "expires", "", "a date such as 2027-01-31, or from now on such as 90d")
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	if f.NArg() != 1 || f.Arg(0) != "new" || k.ID == "" {
		return p.fails(exitUsage, errors.New("usage: blaze key new --id ID [--subject S --role R... --tier T --tenant T --expires D]"))
	}
	secret, entry, err := k.Make(time.Now())
	if err != nil {
		return p.fails(exitUsage, err)
	}
	fmt.Fprintf(p.stdout, "The key, shown this once:\n\n  %s\n\nIts entry under filters.auth.api_keys:\n\n  %s\n", secret, entry)
	return exitOK
}

func verify(_ context.Context, p process, args []string) int {
	f := pflag.NewFlagSet("audit", pflag.ContinueOnError)
	keyFile := f.String("key-file", "", "file with the audit log's key, when the policy names one")
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	if f.NArg() != 1 {
		return p.fails(exitUsage, errors.New("usage: blaze audit [--key-file F] FILE"))
	}
	var secret []byte
	if *keyFile != "" {
		b, err := os.ReadFile(*keyFile)
		if err != nil {
			return p.fails(exitProblem, err)
		}
		secret = bytes.TrimSpace(b)
	}
	report, err := audit.Verify(f.Arg(0), secret)
	if err != nil {
		return p.fails(exitProblem, fmt.Errorf("%s: %w", f.Arg(0), err))
	}
	fmt.Fprintf(p.stdout, "%s: %d lines, none missing or changed\n", f.Arg(0), report.Lines)
	if report.Note != "" {
		fmt.Fprintln(p.stdout, report.Note)
	}
	return exitOK
}

func schema(_ context.Context, p process, _ []string) int {
	if err := policy.WriteSchema(p.stdout); err != nil {
		return p.fails(exitProblem, err)
	}
	return exitOK
}

func health(ctx context.Context, p process, args []string) int {
	f := pflag.NewFlagSet("health", pflag.ContinueOnError)
	admin := f.String("admin", "http://127.0.0.1:9000", "the admin port: a URL, or the address given to run")
	ca := f.String("admin-ca", "", "PEM file that signed the admin port's certificate; without it the certificate of a loopback address is not verified")
	if err := parse(p, f, args); err != nil {
		return p.fails(exitUsage, err)
	}
	url := *admin
	if !strings.Contains(url, "://") {
		if strings.HasPrefix(url, ":") {
			url = "127.0.0.1" + url
		}
		url = "http://" + url
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/ready", nil)
	if err != nil {
		return p.fails(exitUsage, err)
	}
	client, err := healthClient(req.URL.Hostname(), *ca)
	if err != nil {
		return p.fails(exitUsage, err)
	}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return p.fails(exitProblem, fmt.Errorf("not ready: %w", err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return p.fails(exitProblem, fmt.Errorf("not ready: %s", resp.Status))
	}
	fmt.Fprintln(p.stdout, "ready")
	return exitOK
}

// healthClient trusts the authorities of caFile; without one the system's, and on loopback whoever listens: nothing secret
// is sent, and whoever can take that port can answer anything.
func healthClient(host, caFile string) (*http.Client, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("--admin-ca: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--admin-ca: %s: want PEM certificates; got none", caFile)
		}
	} else {
		ip, err := netip.ParseAddr(host)
		c.InsecureSkipVerify = host == "localhost" || err == nil && ip.IsLoopback()
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, Proxy: http.ProxyFromEnvironment}}, nil
}

func printVersion(_ context.Context, p process, _ []string) int {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	fmt.Fprintf(p.stdout, "blaze %s\ncommit %s\n%s %s/%s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}
