package storytest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram is the variable that makes the test's own binary be the program.
const asProgram = "STORYTEST_PROGRAM"

// Main is TestMain for stories with replicas: each is a process of its own, the test's binary started again as the program.
func Main(m *testing.M, program func()) {
	if os.Getenv(asProgram) != "" {
		program()
		return
	}
	os.Exit(m.Run())
}

// replica starts the program as a process of its own, and makes it the one that the story speaks of.
func (s *story) replica(ts *testscript.TestScript, _ bool, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	file := ts.MkAbs("policy.yaml")
	flags := []string{"run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--policy", file}
	cmd := exec.Command(self, append(flags, args[1:]...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	for _, m := range regexp.MustCompile(`\$\{env:([A-Z_]+)\}`).FindAllStringSubmatch(ts.ReadFile(file), -1) {
		cmd.Env = append(cmd.Env, m[1]+"="+ts.Getenv(m[1]))
	}
	r := &running{exited: make(chan struct{}), out: newOutput()}
	cmd.Stdout, cmd.Stderr = r.out, r.out
	if err := cmd.Start(); err != nil {
		return err
	}
	r.stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM) }
	go func() {
		defer close(r.exited)
		_ = cmd.Wait()
		r.code = cmd.ProcessState.ExitCode()
	}()
	s.replicas[args[0]], s.running = r, r
	m, err := r.out.await(serving, r.exited)
	if err == nil {
		r.proxy, r.admin = m[1], m[2]
		s.order = append(s.order, args[0])
	}
	return err
}

// on makes another replica the one that the story speaks of.
func (s *story) on(_ *testscript.TestScript, _ bool, args []string) error {
	r := s.replicas[args[0]]
	if r == nil {
		return fmt.Errorf("no replica %q", args[0])
	}
	s.running = r
	return nil
}

// spread sends a request so many times to the replicas in turn, over a few connections to each at once (four, or as many as
// the story says), and counts the answers: 200 is admitted, 429 is not, and anything else is an error.
func (s *story) spread(ts *testscript.TestScript, _ bool, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil || len(s.order) == 0 {
		return errors.New("spread: want a number, and replicas")
	}
	request := complete(expand(ts, ts.ReadFile(args[2])))
	each := 4
	if len(args) > 3 {
		if each, err = strconv.Atoi(args[3]); err != nil {
			return err
		}
	}
	lanes := each * len(s.order)
	admitted, failed := make([]int, lanes), make([]error, lanes)
	var wg sync.WaitGroup
	for lane := range lanes {
		r := s.replicas[s.order[lane%len(s.order)]]
		share := n / lanes
		if lane < n%lanes {
			share++
		}
		wg.Go(func() { admitted[lane], failed[lane] = repeatedly(r.proxy, request, share) })
	}
	wg.Wait()
	for i := range admitted {
		s.tallies[args[0]] += admitted[i]
	}
	return errors.Join(failed...)
}

// repeatedly sends request n times on one connection and counts what was admitted.
func repeatedly(addr string, request []byte, n int) (admitted int, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	for range n {
		if _, err := c.Write(request); err != nil {
			return admitted, err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return admitted, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		switch {
		case err != nil:
			return admitted, err
		case res.StatusCode == http.StatusOK:
			admitted++
		case res.StatusCode != http.StatusTooManyRequests:
			return admitted, fmt.Errorf("answered %d", res.StatusCode)
		}
	}
	return admitted, nil
}

// tally fails unless as many as low to high were admitted.
func (s *story) tally(ts *testscript.TestScript, _ bool, args []string) error {
	low, err1 := strconv.Atoi(args[1])
	high, err2 := strconv.Atoi(args[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	got := s.tallies[args[0]]
	ts.Logf("%d admitted", got)
	if got < low || got > high {
		return fmt.Errorf("%d requests were admitted; want %d to %d", got, low, high)
	}
	return nil
}

// redis starts a redis-server, whose address is then $REDIS, or does something to it. Where there is none the story is
// skipped, except where CI decides.
func (s *story) redis(ts *testscript.TestScript, _ bool, args []string) error {
	if args[0] == "start" && s.store == nil {
		path, err := exec.LookPath("redis-server")
		if err != nil {
			if os.Getenv("CI") == "true" {
				return errors.New("redis-server is not installed")
			}
			s.env.T().Skip("redis-server is not installed")
		}
		port, err := freePort()
		if err != nil {
			return err
		}
		s.store = &store{path: path, port: port, dir: ts.MkAbs(".")}
		ts.Setenv("REDIS", "127.0.0.1:"+port)
	}
	if s.store == nil {
		return errors.New("redis is not started")
	}
	switch args[0] {
	case "start":
		return s.store.start()
	case "kill":
		s.store.kill()
	case "freeze":
		return s.store.cmd.Process.Signal(syscall.SIGSTOP)
	case "thaw":
		return s.store.cmd.Process.Signal(syscall.SIGCONT)
	default:
		return fmt.Errorf("redis: want start, kill, freeze or thaw; got %s", args[0])
	}
	return nil
}

// store is a story's redis-server. It keeps nothing on disk: killed and started again it is empty.
type store struct {
	path, port, dir string
	cmd             *exec.Cmd
}

func (st *store) start() error {
	st.cmd = exec.Command(st.path, "--port", st.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", st.dir)
	if err := st.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := within()
	defer cancel()
	for {
		if pong(ctx, "127.0.0.1:"+st.port) {
			return nil
		}
		if ctx.Err() != nil {
			return errors.New("redis-server does not answer")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// pong says whether the server answers PING.
func pong(ctx context.Context, addr string) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "+PONG")
}

func (st *store) kill() {
	if st != nil && st.cmd != nil && st.cmd.Process != nil {
		_ = st.cmd.Process.Kill() // a stopped process too
		_ = st.cmd.Wait()
		st.cmd = nil
	}
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, errors.Join(err, ln.Close())
}
