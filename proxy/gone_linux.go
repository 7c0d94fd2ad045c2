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

	epollOneShot = 1 << 30
)

// poller is the epoll set. Its descriptor is itself pollable, so waiting on it parks a goroutine and no thread.
type poller struct {
	fd   int
	file *os.File
	done chan struct{}
}

func (p *poller) open(happened func(id uint64, gone bool)) error {
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
	go p.loop(raw, happened)
	return nil
}

func (p *poller) close() {
	_ = p.file.Close()
	<-p.done
}

// add registers c. A connection that cannot be registered works all the same; its client's going is noticed later.
func (p *poller) add(c *conn) { p.control(c, syscall.EPOLL_CTL_ADD, epollRDHUP|epollET) }

// await tells of the next input on c instead, once, or of its end; at once if it is there. again undoes it.
func (p *poller) await(c *conn) bool {
	return p.control(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|epollRDHUP|epollOneShot)
}

// readable reports whether something unread is there.
func (p *poller) readable(c *conn) bool {
	n, buf := 0, make([]byte, 1)
	_ = c.raw.Control(func(fd uintptr) {
		n, _, _ = syscall.Recvfrom(int(fd), buf, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return n > 0
}

func (p *poller) again(c *conn) { p.control(c, syscall.EPOLL_CTL_MOD, epollRDHUP|epollET) }

func (p *poller) control(c *conn, op int, events uint32) (ok bool) {
	ev := syscall.EpollEvent{Events: events}
	// The cookie is the connection's own number and never the descriptor: descriptors are used again.
	*(*uint64)(unsafe.Pointer(&ev.Fd)) = c.id
	err := c.raw.Control(func(fd uintptr) {
		ok = syscall.EpollCtl(p.fd, op, int(fd), &ev) == nil
	})
	return ok && err == nil
}

func (p *poller) loop(raw syscall.RawConn, happened func(id uint64, gone bool)) {
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
			e := &events[i]
			happened(*(*uint64)(unsafe.Pointer(&e.Fd)), e.Events&(epollRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0)
		}
		if err != nil {
			return
		}
	}
}
