package proxy

import "time"

// A client that is refused while it sends its body reads the answer only once it has sent all, as many do, or when sending fails.
// Closing with bytes unread makes the kernel reset the connection, and the answer is lost with it: an SDK then sees a broken
// connection, and tries again, where it was told to stop.
const (
	lingerSilence = 2 * time.Second  // a client that sends nothing more has read it
	lingerFor     = 30 * time.Second // in all
	lingerBytes   = 64 << 20
)

// linger ends the sending half of a connection whose last request was answered before its end, and drops what comes until the
// client hangs up or a bound is reached. What is no HTTP is not lingered for.
func (f *front) linger() {
	type halfCloser interface{ CloseWrite() error }
	end := time.Now().Add(lingerFor)
	if c, ok := f.Conn.(halfCloser); ok && c.CloseWrite() != nil { // TLS says so too
		return
	}
	if c, ok := f.base.Conn.(halfCloser); !ok || c.CloseWrite() != nil {
		return
	}
	buf := make([]byte, 8<<10)
	for left := lingerBytes; left > 0; {
		by := time.Now().Add(lingerSilence)
		if by.After(end) {
			by = end
		}
		if f.base.SetReadDeadline(by) != nil {
			return
		}
		n, err := f.base.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}
