package storytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// running is the program while it serves.
type running struct {
	stop         context.CancelFunc
	exited       chan struct{}
	code         int // after exited is closed
	out          *output
	proxy, admin string // host:port
}

// output keeps what the program writes and wakes those who wait for it. The log is written there whole lines at a time.
type output struct {
	mu    sync.Mutex
	text  []byte        // guarded by mu
	moved chan struct{} // guarded by mu; closed and replaced at every write
}

func newOutput() *output { return &output{moved: make(chan struct{})} }

// Write keeps p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	close(o.moved)
	o.moved = make(chan struct{})
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// await returns the first submatches of re in what was written, as soon as there are.
func (o *output) await(re *regexp.Regexp, ended <-chan struct{}) ([]string, error) {
	ctx, cancel := within()
	defer cancel()
	for {
		o.mu.Lock()
		text, moved := string(o.text), o.moved
		o.mu.Unlock()
		if m := re.FindStringSubmatch(text); m != nil {
			return m, nil
		}
		select {
		case <-moved:
		case <-ended:
			if m := re.FindStringSubmatch(o.String()); m != nil {
				return m, nil
			}
			return nil, fmt.Errorf("the program ended and never wrote %s; it wrote:\n%s", re, o)
		case <-ctx.Done():
			return nil, fmt.Errorf("the program never wrote %s; it wrote:\n%s", re, o)
		}
	}
}

var serving = regexp.MustCompile(`(?m)^.*"listen":"([^"]+)","admin":"([^"]+)".*"message":"serving".*$`)

// blaze starts the program. Flags that the story gives win over the story's own.
func (s *story) blaze(ts *testscript.TestScript, neg bool, args []string) error {
	if s.running != nil {
		return errors.New("blaze is already running")
	}
	flags := []string{"run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", s.env.Getenv("BACKEND")}
	if fileExists(ts.MkAbs("policy.yaml")) {
		flags = append(flags, "--policy", ts.MkAbs("policy.yaml"))
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, exited: make(chan struct{}), out: newOutput()}
	go func() {
		defer close(r.exited)
		r.code = s.program(ctx, append(flags, args...), lookup(ts), strings.NewReader(""), r.out, r.out)
	}()
	if neg {
		defer stop()
		select {
		case <-r.exited:
		case <-after():
			return errors.New("blaze serves, and was to refuse")
		}
		_, _ = io.WriteString(ts.Stderr(), strings.ReplaceAll(r.out.String(), ts.Getenv("WORK")+"/", ""))
		if r.code == 0 {
			return errors.New("blaze ended with code 0")
		}
		return nil
	}
	s.running = r
	m, err := r.out.await(serving, r.exited)
	if err == nil {
		r.proxy, r.admin = m[1], m[2]
	}
	return err
}

// lookup is the program's environment: the story's variables.
func lookup(ts *testscript.TestScript) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v := ts.Getenv(name)
		return v, v != ""
	}
}

// cli runs a command to its end.
func (s *story) cli(ts *testscript.TestScript, neg bool, args []string) error {
	ctx, cancel := within()
	defer cancel()
	for i, a := range args {
		if s.running != nil {
			args[i] = strings.ReplaceAll(a, "ADMIN", s.running.admin)
		}
	}
	var out, errs bytes.Buffer
	code := s.program(ctx, args, lookup(ts), strings.NewReader(""), &out, &errs)
	work := ts.Getenv("WORK") + "/"
	_, _ = io.WriteString(ts.Stdout(), strings.ReplaceAll(out.String(), work, ""))
	_, _ = io.WriteString(ts.Stderr(), strings.ReplaceAll(errs.String(), work, ""))
	if neg == (code == 0) {
		return fmt.Errorf("blaze %s ended with code %d:\n%s%s", strings.Join(args, " "), code, &out, &errs)
	}
	return nil
}

// reload reloads the policy through the admin port, and prints what that says.
func (s *story) reload(ts *testscript.TestScript, neg bool, _ []string) error {
	status, body, err := s.ask("POST", "/policy/reload")
	if err != nil {
		return err
	}
	_, _ = ts.Stdout().Write([]byte(strings.ReplaceAll(body, ts.Getenv("WORK")+"/", "")))
	if neg == (status == http.StatusOK) {
		return fmt.Errorf("the reload was answered with %d: %s", status, body)
	}
	return nil
}

// admin asks the admin port, with a body if there is one, and prints the answer.
func (s *story) admin(ts *testscript.TestScript, _ bool, args []string) error {
	as, args := certOption(args)
	if as != "" {
		config, err := shows(ts, as)
		if err != nil {
			return err
		}
		s.adminTLS = config
	}
	want := http.StatusOK
	if len(args) > 2 {
		var err error
		if want, err = strconv.Atoi(args[2]); err != nil {
			return err
		}
	}
	status, body, err := s.askWith(args[0], args[1], strings.Join(args[min(len(args), 3):], " "))
	if err == nil && status != want {
		err = fmt.Errorf("status %d, want %d: %s", status, want, body)
	}
	_, _ = io.WriteString(ts.Stdout(), body)
	return err
}

func (s *story) ask(method, path string) (status int, body string, err error) {
	return s.askWith(method, path, "")
}

func (s *story) askWith(method, path, sent string) (status int, body string, err error) {
	if s.running == nil {
		return 0, "", errors.New("blaze is not running")
	}
	ctx, cancel := within()
	defer cancel()
	scheme := "http://"
	if s.adminTLS != nil {
		scheme = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+s.running.admin+path, strings.NewReader(sent))
	if err != nil {
		return 0, "", err
	}
	req.Close = true
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: s.adminTLS, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// sigterm does what the signal does: it ends main's context.
func (s *story) sigterm(*testscript.TestScript, bool, []string) error {
	s.running.stop()
	_, err := s.running.out.await(regexp.MustCompile(`"message":"draining"`), s.running.exited)
	return err
}

func (s *story) exitedWell(*testscript.TestScript, bool, []string) error {
	select {
	case <-s.running.exited:
	case <-after():
		return fmt.Errorf("the program has not ended; it wrote:\n%s", s.running.out)
	}
	if s.running.code != 0 {
		return fmt.Errorf("the program ended with code %d; it wrote:\n%s", s.running.code, s.running.out)
	}
	return nil
}

// logged waits for a line of the log.
func (s *story) logged(ts *testscript.TestScript, _ bool, args []string) error {
	re, err := regexp.Compile("(?m)^.*(?:" + args[0] + ").*$")
	if err != nil {
		return err
	}
	m, err := s.running.out.await(re, s.running.exited)
	if err == nil {
		var v any
		if err := json.Unmarshal([]byte(m[0]), &v); err != nil {
			return fmt.Errorf("the line is not JSON: %s", m[0])
		}
		_, _ = io.WriteString(ts.Stdout(), m[0]+"\n")
	}
	return err
}

// wrote waits for something that is not a line of the log, and remembers the pattern's group.
func (s *story) wrote(ts *testscript.TestScript, _ bool, args []string) error {
	re, err := regexp.Compile(args[0])
	if err != nil {
		return err
	}
	m, err := s.running.out.await(re, s.running.exited)
	if err == nil && len(m) > 1 {
		ts.Setenv(args[1], m[1])
	}
	return err
}

// silent proves that a secret was not written anywhere.
func (s *story) silent(_ *testscript.TestScript, _ bool, args []string) error {
	if out := s.running.out.String(); strings.Contains(out, args[0]) {
		return fmt.Errorf("the program wrote %q", args[0])
	}
	return nil
}
