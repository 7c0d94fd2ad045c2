package proxy_test

import (
	"strings"
	"testing"
)

// TestAnnouncedBodies: connections that announce a body and send none, in any form, wait as long as body_timeout lets them, and no
// more of them than max_connections; others are served meanwhile, and what is over the bound is let go at once. What one costs
// is TestFloods' matter.
func TestAnnouncedBodies(t *testing.T) {
	back := record(t)
	policy := strings.NewReplacer("max_connections: 2500", "max_connections: 41", "header_timeout: 1500ms, body_timeout: 1500ms", "header_timeout: 5m, body_timeout: 5m").Replace(floodPolicy)
	s := serveBefore(t, policy, "http://"+back.ln.Addr().String())
	for _, say := range []string{
		"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", "POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
		"POST /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		for _, c := range s.flood(t, 10, say) {
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	s.await(t, "blaze_open_connections", 40)
	s.serves(t)
	s.await(t, "blaze_open_connections", 40)
	last := s.flood(t, 1, "GET /x HTTP/1.1\r\n")[0] // one that said nothing would make room
	s.await(t, "blaze_open_connections", 41)
	s.turnsAway(t, 20)
	_ = last.Close()
	s.await(t, "blaze_open_connections", 40)
	s.serves(t)
	if reqs, _, seen := back.take(); len(reqs) != 2 {
		t.Errorf("the model server saw %q", seen)
	}
}
