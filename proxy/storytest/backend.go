package storytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"blaze/upstream/demo"
)

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// after is closed when patience is over.
func after() <-chan time.Time { return time.After(patience) }

// backend starts another backend, whose URL is then $NAME, or stops one.
func (s *story) backend(ts *testscript.TestScript, _ bool, args []string) error {
	switch args[0] {
	case "start":
		s.startBackend(args[1], ts.Setenv)
		return nil
	case "stop":
		b, err := s.backendNamed(args[1])
		if err == nil {
			b.Close()
			delete(s.backends, args[1])
		}
		return err
	}
	return fmt.Errorf("backend: want start or stop; got %s", args[0])
}

// behave replaces the behavior of $BACKEND, or of the named one.
func (s *story) behave(_ *testscript.TestScript, _ bool, args []string) error {
	name := "BACKEND"
	if len(args) > 1 {
		name = args[0]
	}
	b, err := s.backendNamed(name)
	if err != nil {
		return err
	}
	var how demo.Behavior
	if err := json.Unmarshal([]byte(args[len(args)-1]), &how); err != nil {
		return err
	}
	b.Behave(how)
	return nil
}

func (s *story) step(_ *testscript.TestScript, _ bool, args []string) error {
	n, err := strconv.Atoi(args[0])
	s.backends["BACKEND"].Step(n)
	return err
}

// saw prints the last request that a backend received, health checks aside, and forgets the earlier ones.
func (s *story) saw(ts *testscript.TestScript, neg bool, args []string) error {
	name := "BACKEND"
	if len(args) > 0 {
		name = args[0]
	}
	b, err := s.backendNamed(name)
	if err != nil {
		return err
	}
	var last *demo.Request
	for _, r := range b.Requests() {
		if r.Target != "/health" && r.Target != "/metrics" {
			last = &r
		}
	}
	switch {
	case neg && last != nil:
		return fmt.Errorf("the backend saw:\n%s%s", last.Head, last.Body)
	case neg:
		return nil
	case last == nil:
		return errors.New("the backend saw no request")
	}
	text := strings.ReplaceAll(string(last.Head), "\r\n", "\n") + string(last.Body)
	if len(last.Body) > 0 {
		text += "\n"
	}
	_, err = ts.Stdout().Write([]byte(s.steady(text)))
	return err
}

func (s *story) inflight(_ *testscript.TestScript, _ bool, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	return s.awaitBackend(func(st demo.Stats) bool { return st.InFlight == n })
}

func (s *story) sent(_ *testscript.TestScript, _ bool, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	return s.awaitBackend(func(st demo.Stats) bool { return st.Frames == n })
}

func (s *story) aborted(_ *testscript.TestScript, _ bool, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	return s.awaitBackend(func(st demo.Stats) bool { return st.Aborted == n && st.InFlight == 0 })
}

func (s *story) awaitBackend(ok func(demo.Stats) bool) error {
	b, err := s.backendNamed("BACKEND")
	if err != nil {
		return err
	}
	ctx, cancel := within()
	defer cancel()
	if st, err := b.Await(ctx, ok); err != nil {
		return fmt.Errorf("the backend never came to that: %+v", st)
	}
	return nil
}

// token signs an HS256 JWT. Claims whose value is a duration (exp, iat, nbf, auth_time: "1h", "-5m") are times from now.
func (s *story) token(ts *testscript.TestScript, _ bool, args []string) error {
	var claims map[string]any
	if err := json.Unmarshal([]byte(args[1]), &claims); err != nil {
		return err
	}
	for _, k := range []string{"exp", "iat", "nbf", "auth_time"} {
		if v, ok := claims[k].(string); ok {
			d, err := time.ParseDuration(v)
			if err != nil {
				return err
			}
			claims[k] = time.Now().Add(d).Unix()
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(ts.Getenv("JWT_SECRET")))
	_, _ = mac.Write([]byte(signed))
	ts.Setenv(args[0], signed+"."+b64.EncodeToString(mac.Sum(nil)))
	return nil
}

// metric waits until a series of the admin port's Prometheus text has a value; one that is not there is 0.
func (s *story) metric(_ *testscript.TestScript, _ bool, args []string) error {
	ctx, cancel := within()
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for got := ""; ; {
		status, text, err := s.ask("GET", "/metrics/prometheus")
		if err != nil || status != 200 {
			return fmt.Errorf("cannot read the metrics: %d %v", status, err)
		}
		if got = series(text, args[0]); got == args[1] || isWithin(got, args[1]) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			name, _, _ := strings.Cut(args[0], "{")
			return fmt.Errorf("%s is %s, want %s; there are:\n%s", args[0], got, args[1], beginning(text, name))
		}
	}
}

// isWithin says whether got is within a bound such as <=3 or >=3.
func isWithin(got, bound string) bool {
	most, isMost := strings.CutPrefix(bound, "<=")
	least, isLeast := strings.CutPrefix(bound, ">=")
	v, err := strconv.ParseFloat(got, 64)
	switch {
	case err != nil:
		return false
	case isMost:
		b, err := strconv.ParseFloat(most, 64)
		return err == nil && v <= b
	case isLeast:
		b, err := strconv.ParseFloat(least, 64)
		return err == nil && v >= b
	}
	return false
}

func series(text, name string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return "0"
}

// beginning keeps the lines that begin with prefix.
func beginning(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}
