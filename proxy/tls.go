package proxy

import (
	"crypto/tls"
	"errors"
	"net"
)

// secure serves TLS with the certificate and the demands of the policy that serves when the handshake begins, so that
// renewed files and a changed client CA take effect without a restart.
func (s *Server) secure(ln net.Listener) net.Listener {
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if c := s.store.Current().TLS; c != nil {
				return c, nil
			}
			return nil, errors.New("the policy has no certificate")
		},
	})
}
