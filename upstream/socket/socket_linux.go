// Package socket is what package net has no words for: looks at a connection that take nothing from it, and a question and its
// answer with a single wait.
package socket

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is the descriptor of a connection. It is made once per connection, so that its use allocates nothing, and is used by
// one goroutine at a time.
type Socket struct {
	rc   syscall.RawConn // nil where the connection has no descriptor
	look func(fd uintptr)
	into [1]byte
	bad  bool

	turn func(fd uintptr) bool
	send func() bool // during Exchange; nil once it has been called
	buf  []byte
	n    int
	err  error
}

// Bind prepares s for c, the connection below any TLS.
func (s *Socket) Bind(c net.Conn) {
	if sc, ok := c.(syscall.Conn); ok {
		s.rc, _ = sc.SyscallConn()
	}
	s.look, s.turn = s.peek, s.sendOrRead
}

// Bound reports whether there is a descriptor, so that Exchange can be used.
func (s *Socket) Bound() bool { return s.rc != nil }

// Stale reports whether an idle connection must not be used again: the peer has closed it, or has sent bytes that nobody
// asked for. One system call that does not wait.
func (s *Socket) Stale() bool {
	if s.rc == nil {
		return false
	}
	s.bad = true
	_ = s.rc.Control(s.look)
	return s.bad
}

func (s *Socket) peek(fd uintptr) {
	// Raw, since it never waits: the scheduler need not know.
	_, _, err := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&s.into)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	s.bad = err != unix.EAGAIN
}

// Exchange calls send, which is to send something and reports whether that went well, and reads the first of what comes back
// into buf. A plain Read would try at once, before an answer can be there, and then wait: one system call in vain. Here the
// wait begins before the question has left, so that the answer's coming cannot be missed. The connection's deadlines hold.
// Bytes that had come before are read only together with later ones. If send fails, nothing is read: 0 and io.EOF.
func (s *Socket) Exchange(send func() bool, buf []byte) (int, error) {
	s.send, s.buf, s.n, s.err = send, buf, 0, nil
	err := s.rc.Read(s.turn)
	s.send, s.buf = nil, nil
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, os.NewSyscallError("read", s.err)
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// sendOrRead sends at its first call and reads at the next ones. It reports whether the wait is over.
func (s *Socket) sendOrRead(fd uintptr) bool {
	if send := s.send; send != nil {
		s.send = nil
		return !send()
	}
	for s.err = unix.EINTR; s.err == unix.EINTR; {
		s.n, s.err = syscall.Read(int(fd), s.buf)
	}
	return s.err != unix.EAGAIN
}

// NothingAccepted reports whether the kernel at the other end acknowledged none of the bytes written to c after the
// first before. That is the proof that a request was not even received: a peer that has closed its socket answers with
// a reset and acknowledges nothing. False when it cannot be told (TLS, a socket file).
func NothingAccepted(c net.Conn, before int64) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	none := false
	_ = rc.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		const syn = 1                                // the handshake's SYN counts as one byte (RFC 4898, tcpEStatsAppHCThruOctetsAcked)
		none = err == nil && info.Bytes_acked > 0 && // 0: no TCP, or a kernel that does not count
			int64(info.Bytes_acked) <= before+syn
	})
	return none
}

// CanProve says that NothingAccepted can be told here.
const CanProve = true
