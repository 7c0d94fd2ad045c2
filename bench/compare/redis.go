package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// startRedis starts a Redis beside the load and the stub, if one is installed. Nobody else's is used: what is measured would
// be that one's load too.
func startRedis(o *options) (*process, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		fmt.Fprintln(os.Stderr, "redis-server is not installed: the row of limits on Redis is left out")
		return nil, nil
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "--port", port, "--bind", host, "--save", "", "--appendonly", "no", "--dir", o.out)
	if err := startPinned(cmd, 1<<loadCore); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, addr: addr}
	if !p.accepts() {
		p.stop()
		return nil, errors.New("redis-server never listened")
	}
	o.redis = addr
	return p, nil
}

// onRedis has the limits of a policy kept on Redis. The timeout is so long that a busy machine does not turn the row into one
// of limits in memory, which is what Blaze falls back to.
func onRedis(policy, addr string) string {
	return strings.Replace(policy, "  ratelimit:\n", "  ratelimit:\n    store: {redis: {addresses: [\""+addr+"\"], timeout: 1s}}\n", 1)
}

// accepts waits until the process does.
func (p *process) accepts() bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if c, err := net.Dial("tcp", p.addr); err == nil {
			_ = c.Close()
			return true
		}
	}
	return false
}
