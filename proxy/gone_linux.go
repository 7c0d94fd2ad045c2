package proxy

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

const (
	epollRDHUP = 0x2000
	epollET    = 1 << 31
)

// poller is the epoll set. Its descriptor is itself pollable, so waiting on it parks a goroutine and no thread.
type poller struct {
	fd   int
	file *os.File
	done chan struct{}
}

func (p *poller) open(hungUp func(id uint64)) error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot watch clients: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return fmt.Errorf("cannot watch clients: %w", err)
	}
	p.fd, p.file, p.done = fd, os.NewFile(uintptr(fd), "clients"), make(chan struct{})
	raw, err := p.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("cannot watch clients: %w", err)
	}
	go p.loop(raw, hungUp)
	return nil
}

func (p *poller) close() {
	_ = p.file.Close()
	<-p.done
}

// add registers c. A connection that cannot be registered works all the same; its client's going is noticed later.
func (p *poller) add(c *conn) {
	ev := syscall.EpollEvent{Events: epollRDHUP | epollET}
	// The cookie is the connection's own number and never the descriptor: descriptors are used again.
	*(*uint64)(unsafe.Pointer(&ev.Fd)) = c.id
	_ = c.raw.Control(func(fd uintptr) {
		_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, int(fd), &ev)
	})
}

func (p *poller) loop(raw syscall.RawConn, hungUp func(id uint64)) {
	defer close(p.done)
	events := make([]syscall.EpollEvent, 128)
	for {
		var n int
		err := raw.Read(func(fd uintptr) bool {
			var err error
			if n, err = syscall.EpollWait(int(fd), events, 0); err != nil {
				n = 0
			}
			return n > 0
		})
		for i := range n {
			hungUp(*(*uint64)(unsafe.Pointer(&events[i].Fd)))
		}
		if err != nil {
			return
		}
	}
}
