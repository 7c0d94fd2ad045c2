package storytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// demo runs `blaze demo` and waits until it has said what to paste. Where there is no curl to paste into, the story is
// skipped, except where CI decides.
func (s *story) demo(ts *testscript.TestScript, _ bool, _ []string) error {
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("CI") == "" {
		s.env.T().Skip("curl is not installed")
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, exited: make(chan struct{}), out: newOutput()}
	s.running = r
	go func() {
		defer close(r.exited)
		r.code = s.program(ctx, []string{"demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, lookup(ts), strings.NewReader(""), r.out, r.out)
	}()
	_, err := r.out.await(regexp.MustCompile("Stop with Ctrl-C"), r.exited)
	return err
}

// paste gives a shell the line that the demo shows under a comment, and prints what comes of it.
func (s *story) paste(ts *testscript.TestScript, _ bool, args []string) error {
	if s.running == nil {
		return errors.New("the demo is not running")
	}
	_, rest, ok := strings.Cut(s.running.out.String(), "\n"+args[0])
	_, rest, _ = strings.Cut(rest, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	if !ok || line == "" {
		return fmt.Errorf("the demo shows no line %q; it wrote:\n%s", args[0], s.running.out)
	}
	ctx, cancel := within()
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput()
	_, _ = ts.Stdout().Write(append(out, '\n'))
	if err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}
