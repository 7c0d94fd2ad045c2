package upstream

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peeker looks at an idle connection without reading from it. It is made once per connection, so that looking
// allocates nothing.
type peeker struct {
	rc   syscall.RawConn
	look func(fd uintptr)
	into [1]byte
	bad  bool
}

// watch prepares p for c, the connection below any TLS.
func (p *peeker) watch(c net.Conn) {
	if sc, ok := c.(syscall.Conn); ok {
		p.rc, _ = sc.SyscallConn()
	}
	p.look = func(fd uintptr) {
		// Raw, since it never waits: the scheduler need not know.
		_, _, err := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p.into)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		p.bad = err != unix.EAGAIN
	}
}

// stale reports whether the connection must not be used again: the peer has closed it, or has sent bytes that nobody
// asked for. One system call that does not wait.
func (p *peeker) stale() bool {
	if p.rc == nil {
		return false
	}
	p.bad = true
	_ = p.rc.Control(p.look)
	return p.bad
}

// nothingAccepted reports whether the kernel at the other end acknowledged none of the bytes written to c after the
// first before. That is the proof that a request was not even received: a peer that has closed its socket answers with
// a reset and acknowledges nothing. False when it cannot be told (TLS, a socket file).
func nothingAccepted(c net.Conn, before int64) bool {
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

// canProve says that nothingAccepted can be told here.
const canProve = true
