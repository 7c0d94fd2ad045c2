package upstream

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"

	"blaze/telemetry/setting"
)

// newTLS reads the files that cfg names. A nil cfg trusts the system's authorities.
func newTLS(cfg *TLS, read func(string) ([]byte, error)) (*security, error) {
	s := &security{config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(64)}}
	if cfg == nil {
		return s, nil
	}
	var problems []error
	sum := sha256.New()
	file := func(path, key string) []byte {
		b, err := read(path)
		if err != nil {
			problems = append(problems, setting.Wrong(key, "a PEM file that can be read", err.Error()))
		}
		sum.Write([]byte(key))
		sum.Write(b)
		return b
	}
	if cfg.CA != "" {
		s.config.RootCAs = x509.NewCertPool()
		if b := file(cfg.CA, "ca"); b != nil && !s.config.RootCAs.AppendCertsFromPEM(b) {
			problems = append(problems, setting.Wrong("ca", "a PEM file with at least one certificate", cfg.CA))
		}
	}
	switch {
	case cfg.Cert != "" && cfg.Key != "":
		cert, key := file(cfg.Cert, "cert"), file(cfg.Key, "key")
		if cert == nil || key == nil {
			break
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			problems = append(problems, setting.Wrong("cert", "a certificate and its key", err.Error()))
		}
		s.config.Certificates = []tls.Certificate{pair}
	case cfg.Cert != "":
		problems = append(problems, setting.Wrong("key", "the key of the certificate in cert", "none"))
	case cfg.Key != "":
		problems = append(problems, setting.Wrong("cert", "the certificate of the key in key", "none"))
	}
	s.server = cfg.ServerName
	sum.Write([]byte(cfg.ServerName))
	s.key = hex.EncodeToString(sum.Sum(nil))
	return s, errors.Join(problems...)
}
