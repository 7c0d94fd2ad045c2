package proxy

import (
	"net"
	"testing"
	"time"
)

// timedConn notes the deadline for reading.
type timedConn struct {
	net.Conn
	by time.Time
}

func (c *timedConn) SetReadDeadline(t time.Time) error {
	c.by = t
	return nil
}

// TestRoomierKeepsItsTime: the larger buffer's server gives a head that has begun no more time; what comes after it gets its own.
func TestRoomierKeepsItsTime(t *testing.T) {
	const begun = "GET / HTTP/1.1\r\nX-Long: y"
	under := &timedConn{}
	f := &front{Conn: under, base: &conn{}, lot: &lot{}, head: []byte(begun)}
	if _, err := f.guard.see(f.head); err != nil {
		t.Fatal(err)
	}
	f = f.roomier().(*front)
	_ = f.SetReadDeadline(time.Unix(1, 0))
	if !under.by.IsZero() {
		t.Error("the head's time began again")
	}
	b := make([]byte, 1<<10)
	if n, err := f.Read(b); string(b[:n]) != begun || err != nil {
		t.Errorf("got %q, %v", b[:n], err)
	}
	if f.ahead != nil {
		t.Error("what was read is held")
	}
	_ = f.SetReadDeadline(time.Unix(2, 0))
	if under.by != time.Unix(2, 0) {
		t.Error("the body has no time of its own")
	}
}
