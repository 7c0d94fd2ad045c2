package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"blaze/upstream/demo"
)

// key opens the door for a client; there is one for each of the three tiers.
func key(tier string) string { return "sk-of-the-soak-" + tier }

var tiers = [...]string{"gold", "silver", "free"}

// policy is what runs, %s being its revision: reloads alternate between two that differ in a limit's number.
const policy = `version: 1
proxy: {header_timeout: 2s, body_timeout: 2s, idle_timeout: 5s, timeout: 30s, max_connections: 1000, max_body: 1MiB}
upstreams:
  model:
    engine: vllm
    targets: [{url: "http://%[1]s"}, {url: "http://%[2]s"}]
    timeout: {connect: 1s, first_byte: 3s, stall: 2s}
    breaker: {min_requests: 20, open_for: 1s}
    concurrency: {max: 16}
    queue: {depth: 64, max_wait: 1s, priority: {gold: 100, silver: 50, free: 10}}
    health: {path: /health, every: 1s, unhealthy_after: 2, healthy_after: 1}
filters:
  access: {deny: [203.0.113.0/24]}
  scan: {behavior: {mode: off}}
  auth:
    sessions: {max_concurrent: 12}
    api_keys: [%[3]s]
  authz: {roles: {user: {routes: [inference, utility], models: ["demo-*"]}}}
  params: {default: {max_tokens: {max: 256, then: clamp}, n: {max: 1, then: deny}}}
  ratelimit:
    store: {redis: {addresses: ["%[4]s"], timeout: 20ms, on_error: local}}
    limits:
      - {name: all, by: global, algorithm: leaky_bucket, limit: 2000, per: 1s, burst: 200, then: queue, max_wait: 500ms}
      - {name: each, by: user, algorithm: token_bucket, limit: %[5]d, per: 1s, burst: 200, then: reject}
      - {name: tokens, by: tenant, algorithm: token_bucket, limit: 2000000, per: 1m, count: tokens, then: reject}
telemetry:
  access_log: {sample: 100%%}
  audit: {path: audit.jsonl, record: denied}
`

// stage is everything that runs beside the clients.
type stage struct {
	dir   string
	keep  bool
	blaze *exec.Cmd
	log   *os.File

	proxied, admin, redisAddr string
	backAddr                  [2]string

	mu    sync.Mutex
	back  [2]*demo.Server // guarded by mu; nil while one is down
	redis *exec.Cmd       // guarded by mu; nil while it is down
}

func newStage(keep bool) (*stage, error) {
	dir, err := os.MkdirTemp("", "blaze-soak-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, keep: keep}
	if err := s.start(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) start() error {
	if out, err := exec.Command("go", "build", "-o", s.path("blaze"), "blaze").CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build blaze: %w\n%s", err, out)
	}
	for i := range s.back {
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		s.backAddr[i] = addr
		if err := s.upstream(i, true); err != nil {
			return err
		}
	}
	for _, p := range [...]*string{&s.proxied, &s.admin, &s.redisAddr} {
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		*p = addr
	}
	if err := s.startRedis(); err != nil {
		return err
	}
	if err := s.writePolicy(500); err != nil {
		return err
	}
	var err error
	if s.log, err = os.Create(s.path("log.jsonl")); err != nil {
		return err
	}
	s.blaze = exec.Command(s.path("blaze"), "run", "--policy", s.path("policy.yaml"), "--listen", s.proxied, "--admin", s.admin)
	s.blaze.Stderr = s.log
	if err := s.blaze.Start(); err != nil {
		return fmt.Errorf("cannot start blaze: %w", err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err := s.get("/ready"); err == nil {
			return nil
		}
	}
	return errors.New("blaze is never ready")
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String(), nil
}

// upstream starts or kills one of the model servers.
func (s *stage) upstream(i int, up bool) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case up && s.back[i] == nil:
		s.back[i], err = demo.Listen(demo.Options{Addr: s.backAddr[i], Behavior: demo.Behavior{Delay: demo.Duration(2 * time.Millisecond)}})
	case !up && s.back[i] != nil:
		s.back[i].Close()
		s.back[i] = nil
	}
	return err
}

func (s *stage) behave(i int, b demo.Behavior) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.back[i] != nil {
		s.back[i].Behave(b)
	}
}

func (s *stage) startRedis() error {
	host, port, err := net.SplitHostPort(s.redisAddr)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redis != nil {
		return nil
	}
	cmd := exec.Command("redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", s.dir)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start redis-server: %w", err)
	}
	s.redis = cmd
	return nil
}

func (s *stage) killRedis() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redis != nil {
		_ = s.redis.Process.Kill()
		_ = s.redis.Wait()
		s.redis = nil
	}
}

// writePolicy puts a policy in place as editors do: whole, by renaming.
func (s *stage) writePolicy(limit int) error {
	keys := ""
	for _, tier := range tiers {
		sum := sha256.Sum256([]byte(key(tier)))
		keys += fmt.Sprintf("{id: %s, hash: \"sha256:%s\", subject: %[1]s, roles: [user], tier: %[1]s, tenant: %[1]s}, ", tier, hex.EncodeToString(sum[:]))
	}
	text := fmt.Sprintf(policy, s.backAddr[0], s.backAddr[1], keys, s.redisAddr, limit)
	return s.place(text)
}

func (s *stage) place(text string) error {
	if err := os.WriteFile(s.path("policy.new"), []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(s.path("policy.new"), s.path("policy.yaml"))
}

func (s *stage) get(path string) (string, error) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + s.admin + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, res.Status)
	}
	return string(b), err
}

// metrics reads the admin port's Prometheus text, histograms' buckets left out.
func (s *stage) metrics() (map[string]float64, error) {
	text, err := s.get("/metrics/prometheus")
	if err != nil {
		return nil, err
	}
	m := map[string]float64{}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err == nil {
			m[line[:at]] = v
		}
	}
	return m, nil
}

// end asks blaze to drain and waits for it, so that its log is whole.
func (s *stage) end() error {
	if s.blaze == nil || s.blaze.Process == nil || s.blaze.ProcessState != nil {
		return nil
	}
	_ = s.blaze.Process.Signal(os.Interrupt)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.blaze.Process.Kill() })
	defer stop()
	return s.blaze.Wait()
}

func (s *stage) close() {
	_ = s.end()
	s.killRedis()
	for i := range s.back {
		_ = s.upstream(i, false)
	}
	if !s.keep {
		_ = os.RemoveAll(s.dir)
	}
}
