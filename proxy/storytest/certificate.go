package storytest

import (
	"crypto/tls"
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"blaze/telemetry/certtest"
)

// certificates writes NAME.crt and NAME.key for each name: a certificate for that name and for 127.0.0.1, signed by itself,
// for servers and clients.
func (s *story) certificates(ts *testscript.TestScript, _ bool, args []string) error {
	for _, name := range args {
		cert, key, err := certtest.SelfSigned(name)
		if err != nil {
			return err
		}
		for file, b := range map[string][]byte{".crt": cert, ".key": key} {
			if err := os.WriteFile(ts.MkAbs(name+file), b, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// shows is a client's TLS configuration that shows the certificate of that name; - shows none. Whom the client itself
// trusts is not what the stories are about.
func shows(ts *testscript.TestScript, name string) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: true}
	if name == "-" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(ts.MkAbs(name+".crt"), ts.MkAbs(name+".key"))
	if err != nil {
		return nil, fmt.Errorf("no certificate: %w", err)
	}
	// Shown whatever issuers the server says that it takes.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return c, nil
}
