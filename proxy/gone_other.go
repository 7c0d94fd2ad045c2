//go:build !linux

package proxy

// poller does nothing on systems without epoll: a client that hangs up is noticed at the next write to it.
type poller struct{}

func (p *poller) open(func(id uint64, gone bool)) error { return nil }
func (p *poller) close()                                {}
func (p *poller) add(*conn)                             {}
func (p *poller) await(*conn) bool                      { return false }
func (p *poller) again(*conn)                           {}
func (p *poller) readable(*conn) bool                   { return false }
