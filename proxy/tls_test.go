package proxy_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"blaze/telemetry/certtest"
)

// certify writes a self-signed certificate and its key to dir, and returns them for a client's use.
func certify(t *testing.T, dir, name string) tls.Certificate {
	t.Helper()
	cert, key, err := certtest.SelfSigned(name)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestMutualTLS: over a real listener, a verified client certificate is an identity, and what is refused is refused.
// A changed file is served once the store has seen it.
func TestMutualTLS(t *testing.T) {
	dir, clients := t.TempDir(), t.TempDir()
	certify(t, dir, "first")
	mine, stranger := certify(t, clients, "batch.internal"), certify(t, t.TempDir(), "batch.internal")
	s := serve(t, `version: 1
proxy:
  tls: {cert: "`+dir+`/tls.crt", key: "`+dir+`/tls.key", client_ca: "`+clients+`/tls.crt"}
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters:
  auth: {required: true, client_certs: [{match: "dns:batch.internal", subject: batch, roles: [user]}]}
  authz: {roles: {user: {routes: [inference, utility], models: ["*"]}}}
`)
	get := func(c *tls.Config) (status int, server, protocol string) {
		c.InsecureSkipVerify = true // the client's own trust is not what is tested
		client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		resp, err := client.Get("https://" + s.addr + "/v1/models")
		if err != nil {
			return 0, "", ""
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, resp.TLS.PeerCertificates[0].Subject.CommonName, resp.TLS.NegotiatedProtocol
	}
	shows := func(c tls.Certificate) *tls.Config {
		return &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil },
			NextProtos: []string{"h2", "http/1.1"}}
	}
	if status, name, protocol := get(shows(mine)); status != 200 || name != "first" || protocol != "http/1.1" {
		t.Fatalf("want 200 first http/1.1; got %d %s %s", status, name, protocol)
	}
	if status, _, _ := get(&tls.Config{}); status != 0 {
		t.Errorf("without a certificate: want no handshake; got %d", status)
	}
	if status, _, _ := get(shows(stranger)); status != 0 {
		t.Errorf("with a stranger's certificate: want no handshake; got %d", status)
	}
	old := shows(mine)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if status, _, _ := get(old); status != 0 {
		t.Errorf("with TLS 1.1: want no handshake; got %d", status)
	}
	certify(t, dir, "second")
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, name, _ := get(shows(mine)); name == "second" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the changed certificate is not served")
		}
	}
}
