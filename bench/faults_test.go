package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"blaze/upstream/demo"
)

// program is a built Blaze that runs.
type program struct {
	cmd            *exec.Cmd
	proxied, admin string
}

// launch runs the program with a policy under a shell's limits ("ulimit -n 64") and some environment.
func launch(t *testing.T, policy, limits string, env ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command("sh", "-c", limits+"; exec "+built(t)+" --policy "+policy+" --listen 127.0.0.1:0 --admin 127.0.0.1:0 --drain 1s")}
	p.cmd.Env = append(os.Environ(), env...)
	log, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := servingLine.FindStringSubmatch(lines.Text()); m != nil {
			p.proxied, p.admin = m[1], m[2]
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return p
		}
	}
	t.Fatal("the program did not start")
	return nil
}

// models asks for the models with a key on a connection of its own; 0 is no answer.
func (p *program) models(key string) int {
	req, err := http.NewRequest(http.MethodGet, "http://"+p.proxied+"/v1/models", nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+key)
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func faultsPolicy(t *testing.T, backend, more string) (path, key string) {
	t.Helper()
	key, hash := newKey()
	path = filepath.Join(t.TempDir(), "policy.yaml")
	text := fmt.Sprintf(`version: 1
upstreams: {model: {engine: vllm, targets: [{url: %q}]}}
filters:
  scan: {behavior: {mode: off}}
  auth: {required: true, api_keys: [{id: k, hash: %q, subject: ada, roles: [user]}]}
  authz: {roles: {user: {routes: [inference, utility], models: ["*"]}}}
%s`, backend, hash, more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, key
}

// TestOutOfDescriptors: a Blaze whose descriptors are used up goes on when some are free again.
func TestOutOfDescriptors(t *testing.T) {
	t.Parallel()
	backend := demo.New(demo.Options{})
	t.Cleanup(backend.Close)
	policy, key := faultsPolicy(t, backend.URL(), "")
	p := launch(t, policy, "ulimit -n 48")
	if got := p.models(key); got != 200 {
		t.Fatalf("at first: got %d", got)
	}
	var conns []net.Conn
	for range 150 {
		c, err := net.DialTimeout("tcp", p.proxied, time.Second)
		if err != nil {
			break // the socket's queue is full as well
		}
		conns = append(conns, c)
	}
	if len(conns) < 60 {
		t.Fatalf("only %d connections", len(conns))
	}
	time.Sleep(200 * time.Millisecond) // accepting fails meanwhile
	for _, c := range conns {
		_ = c.Close()
	}
	for end := time.Now().Add(30 * time.Second); p.models(key) != 200; {
		if time.Now().After(end) {
			t.Fatal("it does not serve again")
		}
	}
}

// TestKilled: a Blaze that is killed under load leaves an audit log whose chain is whole, and the next one goes on with it.
func TestKilled(t *testing.T) {
	t.Parallel()
	backend := demo.New(demo.Options{})
	t.Cleanup(backend.Close)
	audit := filepath.Join(t.TempDir(), "audit.jsonl")
	policy, key := faultsPolicy(t, backend.URL(), fmt.Sprintf("telemetry: {audit: {path: %q, record: denied}}\n", audit))
	lines := func() int {
		text, _ := os.ReadFile(audit)
		return strings.Count(string(text), "\n")
	}
	for round := range 3 {
		p := launch(t, policy, ":")
		if got := p.models(key); got != 200 {
			t.Fatalf("round %d: got %d", round, got)
		}
		before := lines()
		var load sync.WaitGroup
		for range 4 {
			load.Go(func() {
				for p.models("sk-wrong") == 401 {
				}
			})
		}
		for end := time.Now().Add(30 * time.Second); lines() < before+20 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		_ = p.cmd.Process.Kill()
		load.Wait()
	}
	p := launch(t, policy, ":") // which mends what the last kill has left
	if p.models("sk-wrong") != 401 {
		t.Error("the last one does not refuse")
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	out, err := exec.Command(built(t), "audit", audit).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if n := lines(); n < 40 {
		t.Errorf("%d lines", n)
	}
}

// TestFilesFull: access log and audit log have grown to the process's limit on the size of files (RLIMIT_FSIZE), as they
// would to the end of a disk. Requests go on, what is lost is counted; where the policy says so they are refused instead.
func TestFilesFull(t *testing.T) {
	t.Parallel()
	backend := demo.New(demo.Options{})
	t.Cleanup(backend.Close)
	// A few hundred requests are many times what the file holds; a refusal may take more, since what is to be written waits.
	f := func(more string, want int, moves ...string) {
		t.Helper()
		dir := t.TempDir()
		policy, key := faultsPolicy(t, backend.URL(), fmt.Sprintf(more, dir))
		p := launch(t, policy, "ulimit -f 8")
		got, asked := 200, 0
		for ; got == 200 && (asked < 400 || want != 200 && asked < 2000); asked++ {
			got = p.models(key)
		}
		if got != want {
			t.Errorf("%s: in the end, after %d: got %d, want %d", more, asked, got, want)
		}
		for end := time.Now().Add(time.Minute); !p.moved(moves); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: of %q one never moved", more, moves)
			}
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		if len(files) != 1 {
			t.Errorf("files: %v", files)
		}
		for _, name := range files {
			if i, err := os.Stat(name); err != nil || i.Size() < 1000 || i.Size() > 8192 {
				t.Errorf("%s: %v %v", name, i, err)
			}
		}
	}
	f("telemetry: {access_log: {path: %s/access.jsonl}}", 200, `blaze_log_dropped_total{log="access"} `, "blaze_alerts_firing ")
	f("telemetry: {audit: {path: %s/audit.jsonl, record: all}}", 200)
	f("telemetry: {audit: {path: %s/audit.jsonl, record: all, on_full: closed}}", 503)
}

// moved tells whether each of the series has another value than 0.
func (p *program) moved(series []string) bool {
	res, err := http.Get("http://" + p.admin + "/metrics/prometheus")
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	for _, s := range series {
		if _, value, ok := strings.Cut(string(text), "\n"+s); !ok || strings.HasPrefix(value, "0\n") {
			return false
		}
	}
	return true
}

// TestLittleMemory: with a memory limit that is nearly used up, large requests are slow and correct.
func TestLittleMemory(t *testing.T) {
	t.Parallel()
	backend := demo.New(demo.Options{})
	t.Cleanup(backend.Close)
	policy, key := faultsPolicy(t, backend.URL(), "")
	p := launch(t, policy, ":", "GOMEMLIMIT=24MiB")
	body := `{"model":"demo-small","messages":[{"role":"user","content":"` + strings.Repeat("word ", 200_000) + `"}]}`
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2 {
				req, err := http.NewRequest(http.MethodPost, "http://"+p.proxied+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+key)
				req.Header.Set("Content-Type", "application/json")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != 200 || err != nil {
					t.Errorf("got %d %v", res.StatusCode, err)
				}
			}
		})
	}
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
}
