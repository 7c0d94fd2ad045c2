package proxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// listen opens host:port, unix:/path, or takes over fd:N, a listening socket that the process was started with (systemd's
// socket activation, or a predecessor's socket): connections wait in the socket's own queue while one process follows
// another, so that none is lost. A socket file that nobody serves any more is replaced.
func listen(addr string) (net.Listener, error) {
	ln, err := open(addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	return ln, nil
}

func open(addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return openUnix(path)
	}
	if n, ok := strings.CutPrefix(addr, "fd:"); ok {
		return takeOver(n)
	}
	return net.Listen("tcp", addr)
}

func openUnix(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, errors.New("somebody serves it already")
	}
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path)
	}
	return net.Listen("unix", path)
}

func takeOver(number string) (net.Listener, error) {
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return nil, errors.New("want fd: and the number of an open socket, 3 or more")
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "listener")
	defer func() { _ = file.Close() }()
	return net.FileListener(file)
}
