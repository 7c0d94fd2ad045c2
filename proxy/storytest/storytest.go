// Package storytest runs stories: testdata/script/*.txtar, each one a policy, the requests that a client sends, what it
// gets back, what reached the model server and which metric moved. The whole program runs, in this process, on free
// ports, before the demo backend; nothing is stubbed. The script language is that of
// github.com/rogpeppe/go-internal/testscript, with the commands listed in commands. `go test . -update` rewrites what
// `cmp` compares with.
package storytest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"blaze/upstream/demo"
)

// Program is main's run.
type Program func(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int

// Run runs every story in dir, in parallel, and fails when there are fewer than atLeast.
func Run(t *testing.T, dir string, atLeast int, update bool, program Program) {
	stories, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(stories) < atLeast {
		t.Fatalf("found %d stories in %s, want at least %d: %v", len(stories), dir, atLeast, err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                dir,
		UpdateScripts:      update,
		RequireUniqueNames: true,
		Cmds:               commands(),
		Setup: func(e *testscript.Env) error {
			s := &story{program: program, env: e, update: update, conns: map[string]*client{}, backends: map[string]*demo.Server{}}
			s.replicas, s.tallies = map[string]*running{}, map[string]int{}
			e.Values[storyKey{}] = s
			e.Defer(s.end)
			s.setKeys()
			s.startBackend("BACKEND", e.Setenv)
			return nil
		},
	})
}

type storyKey struct{}

// patience bounds every wait for something that must happen; it is no expectation of how fast.
const patience = 30 * time.Second

// story is one running script.
type story struct {
	program  Program
	env      *testscript.Env
	backends map[string]*demo.Server
	running  *running // nil until the program serves
	conns    map[string]*client
	update   bool        // the goldens are rewritten
	shown    []string    // the endpoints whose documentation was compared
	adminTLS *tls.Config // of the last admin command that named a certificate
	browser  *browser    // nil until the story looks at the dashboard

	replicas map[string]*running // processes of their own
	order    []string            // their names, as they were started
	tallies  map[string]int      // requests that were admitted
	store    *store              // nil until it is started
}

// setKeys makes two API keys, the same in every run, known to scripts as $KEY and $ADMIN_KEY and to policies by their
// hashes, and a secret for tokens.
func (s *story) setKeys() {
	for _, name := range []string{"KEY", "ADMIN_KEY"} {
		sum := sha256.Sum256([]byte("story " + name))
		key := "sk-" + hex.EncodeToString(sum[:16])
		stored := sha256.Sum256([]byte(key))
		s.env.Setenv(name, key)
		s.env.Setenv(name+"_HASH", "sha256:"+hex.EncodeToString(stored[:]))
	}
	s.env.Setenv("JWT_SECRET", "the stories' secret, 32 bytes or more")
}

// startBackend starts a demo backend whose URL scripts and policies know as $NAME, and its port as $NAME_PORT.
func (s *story) startBackend(name string, setenv func(name, value string)) {
	b := demo.New(demo.Options{Now: func() time.Time { return time.Unix(1700000000, 0) }})
	s.backends[name] = b
	setenv(name, b.URL())
	_, port, _ := strings.Cut(b.Addr(), ":")
	setenv(name+"_PORT", port)
}

// end stops whatever the story left running.
func (s *story) end() {
	if s.browser != nil {
		s.browser.close()
	}
	for _, c := range s.conns {
		c.close()
	}
	if s.running != nil {
		s.running.stop()
		<-s.running.exited
	}
	for _, r := range s.replicas {
		r.stop()
		<-r.exited
	}
	s.store.kill()
	for _, b := range s.backends {
		b.Close()
	}
}

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are the words that stories have beyond testscript's own.
func commands() map[string]command {
	with := func(usage string, atLeast int, f func(s *story, ts *testscript.TestScript, neg bool, args []string) error) command {
		return func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) < atLeast {
				ts.Fatalf("usage: %s", usage)
			}
			if err := f(ts.Value(storyKey{}).(*story), ts, neg, args); err != nil {
				ts.Fatalf("%v", err)
			}
		}
	}
	return map[string]command{
		// The program.
		"blaze":      with("[!] blaze [flags]: serves, with policy.yaml if there is one; !: it must refuse to start", 0, (*story).blaze),
		"replica":    with("replica NAME [flags]: serves with policy.yaml as a process of its own, which the story speaks of from then on", 1, (*story).replica),
		"on":         with("on NAME: speaks of another replica", 1, (*story).on),
		"spread":     with("spread TALLY N FILE [CONNECTIONS]: sends a request N times to the replicas in turn and counts those admitted", 3, (*story).spread),
		"tally":      with("tally TALLY LOW HIGH: as many were admitted", 3, (*story).tally),
		"redis":      with("redis start|kill|freeze|thaw: starts a redis-server, whose address is $REDIS, or does something to it", 1, (*story).redis),
		"demo":       with("demo: runs blaze demo", 0, (*story).demo),
		"paste":      with("paste COMMENT: gives a shell the line that the demo shows under a comment", 1, (*story).paste),
		"cli":        with("[!] cli command [args]: runs a command to its end; !: it must fail", 1, (*story).cli),
		"reload":     with("[!] reload: reloads the policy; !: that must fail", 0, (*story).reload),
		"documented": with("documented METHOD PATH [FILE]: the admin port's answer is as its example shows it", 2, (*story).documented),
		"everything": with("everything BUT...: every endpoint was documented, but those", 0, (*story).everything),
		"admin":      with("admin [-cert NAME] METHOD PATH [status [BODY]]: asks the admin port; over TLS, from then on, where a certificate is named, - being none", 2, (*story).admin),
		"sigterm":    with("sigterm: asks the program to end, and waits until it drains", 0, (*story).sigterm),
		"exited":     with("exited: waits until the program has ended, with code 0", 0, (*story).exitedWell),
		"certs":      with("certs NAME...: makes certificates, NAME.crt and NAME.key", 1, (*story).certificates),
		"metric":     with("metric SERIES VALUE: waits until the series has the value, or is within one such as <=3", 2, (*story).metric),
		"log":        with("log PATTERN: waits for a line of the log", 1, (*story).logged),
		"wrote":      with("wrote PATTERN NAME: waits for what the program writes, and sets $NAME to the pattern's group", 2, (*story).wrote),
		"silent":     with("silent TEXT: nothing that the program has written holds the text", 1, (*story).silent),
		"token":      with("token NAME CLAIMS: signs a JWT with $JWT_SECRET and sets $NAME", 2, (*story).token),
		"backend":    with("backend start|stop NAME: starts another backend, or stops one", 2, (*story).backend),
		"behave":     with("behave [NAME] JSON: replaces how the backend behaves", 1, (*story).behave),
		"step":       with("step N: lets N held heads or frames of the backend go", 1, (*story).step),
		"saw":        with("[!] saw: prints the last request that the backend received; !: there was none", 0, (*story).saw),
		"inflight":   with("inflight N: waits until the backend works on N generations", 1, (*story).inflight),
		"sent":       with("sent N: waits until the backend has sent N frames", 1, (*story).sent),
		"aborted":    with("aborted N: waits until the backend was left N times, and works on nothing", 1, (*story).aborted),
		// Somebody who looks at the dashboard.
		"browse": with("browse: shows the dashboard in a Chromium", 0, (*story).browse),
		"page":   with("page EXPRESSION: waits until the expression is true in the dashboard", 1, (*story).page),
		"click":  with("click ID TEXT BUTTON: clicks a button in the row with a text, in the part with an id", 3, (*story).click),
		// The client.
		"send":         with("[!] send [-raw] [-cert NAME] FILE...: sends requests, over TLS where a certificate is named, and prints the last one's answer; !: there is none", 1, (*story).send),
		"storm":        with("storm N FILE...: sends each request N times on one connection, and prints the last answer", 2, (*story).storm),
		"until":        with("until FILE STATUS [TEXT]: sends a request until it is answered with the status, and the text is in the answer", 2, (*story).until),
		"conversation": with("conversation FILE: sends raw requests on one connection and prints every answer, until it is closed", 1, (*story).conversation),
		"connects":     with("[!] connects: the proxied port accepts a connection", 0, (*story).connects),
		"open":         with("open [-as NAME] [-raw] FILE: sends a request and does not wait for the answer", 1, (*story).open),
		"head":         with("head [-as NAME]: reads the answer's head and prints it", 0, (*story).head),
		"frame":        with("frame [-as NAME] TEXT: reads the next event, which must hold TEXT", 1, (*story).frame),
		"rest":         with("rest [-as NAME]: reads and prints the rest of the answer", 0, (*story).rest),
		"hangup":       with("hangup [-as NAME]: closes the client's connection", 0, (*story).hangup),
		"socket":       with("socket FILE TEXT: opens a WebSocket with the request's fields, says TEXT, expects it back, closes", 2, (*story).socket),
	}
}

// backendNamed finds a running backend.
func (s *story) backendNamed(name string) (*demo.Server, error) {
	if b := s.backends[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("no backend %q is running", name)
}

// within is a context for one wait.
func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
