package ratelimit

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// server is a redis-server that the test has started, or a miniredis where there is none.
type server struct {
	addr string
	cmd  *exec.Cmd
	args []string
}

// redisBinary is the path of redis-server; where CI is true it must be there.
func redisBinary(t testing.TB) (path string, ok bool) {
	path, err := exec.LookPath("redis-server")
	if err == nil {
		return path, true
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("redis-server is not installed")
	}
	return "", false
}

// startRedis gives the test a Redis of its own.
func startRedis(t testing.TB) *server {
	t.Helper()
	if _, ok := redisBinary(t); !ok {
		t.Log("no redis-server here: on miniredis instead")
		m := miniredis.RunT(t)
		return &server{addr: m.Addr()}
	}
	return startServer(t)
}

// realRedis is startRedis for what only a process can show.
func realRedis(t testing.TB) *server {
	t.Helper()
	if _, ok := redisBinary(t); !ok {
		t.Skip("no redis-server here")
	}
	return startServer(t)
}

func startServer(t testing.TB, more ...string) *server {
	t.Helper()
	port := freePort(t)
	s := &server{addr: fmt.Sprintf("127.0.0.1:%d", port)}
	s.args = append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, more...)
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	path, _ := redisBinary(t)
	s.cmd = exec.Command(path, s.args...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(t)
}

func (s *server) await(t testing.TB) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	defer c.Close()
	eventually(t, "redis answers", func() bool { return c.Ping(context.Background()).Err() == nil })
}

func (s *server) kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGCONT)
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) freeze(on bool) {
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
	}
	_ = s.cmd.Process.Signal(sig)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits for what another process does; it fails after ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 10s: %s", what)
}
