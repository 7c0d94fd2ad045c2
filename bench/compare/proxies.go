package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"blaze/bench/load"
)

// key is what the load shows to every proxy.
const key = "sk-blaze-benchmark-key-of-some-length-0123456789"

// proxy is one column of the comparison.
type proxy struct {
	name    string
	again   bool // every request of a closed loop has the same prompt
	command func(o *options, addr string) (*exec.Cmd, error)
	samples []sample
	crowd   crowd
	scaling scaling
}

// process is a proxy that runs.
type process struct {
	cmd   *exec.Cmd
	addr  string
	again bool
	start time.Duration // from its start to the first request answered
}

// build builds what is measured, and lists it: the floor, what of nginx and HAProxy is installed, and Blaze with one filter
// more each time.
func build(o *options) ([]*proxy, error) {
	floor, blaze := filepath.Join(o.out, "floor"), filepath.Join(o.out, "blaze")
	for out, pkg := range map[string]string{floor: "./bench/floor", blaze: "."} {
		cmd := exec.Command("go", "build", "-trimpath", "-o", out, pkg)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("cannot build %s: %w", pkg, err)
		}
	}
	all := []*proxy{{name: "floor", command: func(o *options, addr string) (*exec.Cmd, error) {
		return exec.Command(floor, "-listen", addr, "-upstream", o.upstream), nil
	}}}
	if path, err := exec.LookPath("nginx"); err == nil {
		all = append(all, &proxy{name: "nginx", command: configured(path, "nginx.conf", nginxConf, "-p", o.out, "-c")})
	}
	if path, err := exec.LookPath("haproxy"); err == nil {
		all = append(all, &proxy{name: "haproxy", command: configured(path, "haproxy.cfg", haproxyConf, "-db", "-f")})
	}
	for n := 0; n <= len(sections); n++ {
		name := "blaze, forward only"
		if n > 0 {
			name = "blaze + " + sections[n-1].name
		}
		all = append(all, blazeWith(blaze, name, func(o *options) (string, error) { return policy(n, o.upstream), nil }))
		if n > 0 && sections[n-1].name == "ratelimit" && o.redis != "" {
			all = append(all, blazeWith(blaze, name+" on Redis", func(o *options) (string, error) { return onRedis(policy(n, o.upstream), o.redis), nil }))
		}
	}
	again := blazeWith(blaze, "blaze, all, the same prompt again", func(o *options) (string, error) { return policy(len(sections), o.upstream), nil })
	again.again = true
	all = append(all, again, blazeWith(blaze, "blaze, 1,000 rules", thousand.policy),
		blazeWith(blaze, "blaze, 10,000 keys, 100,000 networks, 1,000 roles, 100 routes", huge.policy))
	kept := all[:1]
	for _, p := range all[1:] {
		if o.only.MatchString(p.name) {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// blazeWith is Blaze with a policy.
func blazeWith(binary, name string, policy func(*options) (string, error)) *proxy {
	return &proxy{name: name, command: func(o *options, addr string) (*exec.Cmd, error) {
		text, err := policy(o)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(o.out, "policy.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		return exec.Command(binary, "run", "--listen", addr, "--admin", "127.0.0.1:0", "--policy", file, "--log-level", "info"), nil
	}}
}

// sections are the filters in the order in which they are switched on.
var sections = []struct{ name, yaml string }{
	{"access", "  access: {deny: [203.0.113.0/24]}\n"},
	{"auth", "  auth: {api_keys: [{id: bench, hash: \"sha256:HASH\", subject: bench, roles: [user], tier: free, tenant: acme}]}\n"},
	{"authz", "  authz: {roles: {user: {routes: [inference], models: [\"llama-*\"]}}}\n"},
	{"ratelimit", limits},
	{"params", "  params: {}\n"},
	{"scan (all)", "  scan: {}\n"},
}

// limits are four, a budget of tokens among them.
const limits = `  ratelimit:
    limits:
      - {name: all, by: global, algorithm: fixed_window, limit: 1000000000, per: 1m, then: reject}
      - {name: ip, by: ip, algorithm: fixed_window, limit: 1000000000, per: 1m, then: reject}
      - {name: user, by: user, algorithm: token_bucket, limit: 1000000000, per: 1m, then: reject}
      - {name: tokens, by: tenant, algorithm: token_bucket, limit: 1000000000000, per: 1m, count: tokens, then: reject}
`

// policy switches on the first n sections.
func policy(n int, upstream string) string {
	sum := sha256.Sum256([]byte(key))
	b := "version: 1\nupstreams:\n  model: {engine: vllm, targets: [{url: \"http://" + upstream + "\"}]}\nfilters:\n"
	for _, s := range sections[:n] {
		b += s.yaml
	}
	if n < len(sections) {
		b += "  scan: {mode: off}\n"
	}
	return strings.ReplaceAll(b, "HASH", hex.EncodeToString(sum[:]))
}

func configured(path, file, text string, args ...string) func(*options, string) (*exec.Cmd, error) {
	return func(o *options, addr string) (*exec.Cmd, error) {
		file, err := filepath.Abs(filepath.Join(o.out, file))
		if err != nil {
			return nil, err
		}
		text := strings.NewReplacer("LISTEN", addr, "UPSTREAM", o.upstream).Replace(text)
		return exec.Command(path, append(args, file)...), os.WriteFile(file, []byte(text), 0o600)
	}
}

const nginxConf = `daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 1000000000;
  upstream model { server UPSTREAM; keepalive 256; keepalive_requests 1000000000; }
  server { listen LISTEN; location / { proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } }
}
`

const haproxyConf = `global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  option http-no-delay
  http-reuse always
listen model
  bind LISTEN
  server one UPSTREAM
`

// start runs the proxy on its core and waits until it has answered a request.
func (p *proxy) start(o *options) (*process, error) { return p.startOn(o, 1<<proxyCore, 1) }

// startOn runs the proxy on the cores of a mask.
func (p *proxy) startOn(o *options, mask uint64, cores int) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	cmd, err := p.command(o, addr)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", cores))
	var said strings.Builder
	cmd.Stderr = &said
	began := time.Now()
	if err := startPinned(cmd, mask); err != nil {
		return nil, err
	}
	proc := &process{cmd: cmd, addr: addr, again: p.again}
	if proc.accepts() {
		if err = ask(addr, o); err == nil {
			proc.start = time.Since(began)
			return proc, nil
		}
	}
	proc.stop()
	return nil, errors.Join(errors.New("it never served; it said: "+said.String()), err)
}

// ask sends one request.
func ask(addr string, o *options) error {
	c, err := load.Dial(addr, load.Chat(o.sizes[0], false, key))
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Do()
}

// stop ends the process; none is none to end.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// freeAddr finds a port that nobody listens on.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}
