//go:build !linux

package upstream

import "net"

// peeker cannot look at a connection here without reading from it; the short idle time has to do.
type peeker struct{}

func (*peeker) watch(net.Conn) {}
func (*peeker) stale() bool    { return false }

// nothingAccepted cannot be told here.
func nothingAccepted(net.Conn, int64) bool { return false }

// canProve says that nothingAccepted can be told here.
const canProve = false
