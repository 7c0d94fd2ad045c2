package storytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certificates writes NAME.crt and NAME.key for each name: a certificate for that name and for 127.0.0.1, signed by itself,
// for servers and clients.
func (s *story) certificates(ts *testscript.TestScript, _ bool, args []string) error {
	for i, name := range args {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			return err
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		for file, block := range map[string]pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(ts.MkAbs(name+file), pem.EncodeToMemory(&block), 0o600); err != nil {
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
