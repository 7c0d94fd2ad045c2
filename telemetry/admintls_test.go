package telemetry

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blaze/telemetry/certtest"
)

// pair is a self-signed certificate with its key, in PEM; it may sign itself and so be its own authority.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	cert, key, err := certtest.SelfSigned(name)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func tlsFiles(t *testing.T) (f AdminTLS, write func(cert, key []byte)) {
	t.Helper()
	dir := t.TempDir()
	f = AdminTLS{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	return f, func(cert, key []byte) {
		for name, b := range map[string][]byte{f.Cert: cert, f.Key: key} {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAdminCertsChange(t *testing.T) {
	files, write := tlsFiles(t)
	write(pair(t, "first"))
	var log bytes.Buffer
	now := time.Unix(1700000000, 0)
	c, err := newAdminCerts(files, newLogger(&log, "info"), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	serves := func(after time.Duration, want string) {
		t.Helper()
		now = now.Add(after)
		config, err := c.current(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Certificates[0].Leaf.Subject.CommonName; got != want {
			t.Errorf("want the certificate %s; got %s", want, got)
		}
	}
	serves(0, "first")
	write(pair(t, "second"))
	serves(adminFilesEvery/2, "first")
	serves(adminFilesEvery/2, "second")
	write([]byte("half a cer"), nil)
	serves(adminFilesEvery, "second")
	serves(adminFilesEvery, "second")
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("want one line of the broken files; got %d in\n%s", n, log.String())
	}
	write(pair(t, "third"))
	serves(adminFilesEvery, "third")
}

func TestAdminMutualTLS(t *testing.T) {
	files, write := tlsFiles(t)
	cert, key := pair(t, "admin")
	write(cert, key)
	files.ClientCA = files.Cert
	tel := New(Options{LogLevel: "error", Output: io.Discard})
	for _, token := range []string{"", "a-long-admin-token"} {
		a, err := tel.NewAdmin(AdminOptions{Addr: "127.0.0.1:0", Token: token, TLS: files})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- a.Run(t.Context()) }()
		f := func(path string, certs []tls.Certificate, bearer, site string, want int) {
			t.Helper()
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(cert)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}}
			req, _ := http.NewRequest("GET", a.URL()+path, nil)
			req.Header.Set("Authorization", "Bearer "+bearer)
			req.Header.Set("Sec-Fetch-Site", site)
			got := 0 // 0: no handshake
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
				got = resp.StatusCode
			}
			if got != want {
				t.Errorf("%s with token %q: want %d; got %d", path, token, want, got)
			}
		}
		mine, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := tls.X509KeyPair(pair(t, "stranger"))
		if err != nil {
			t.Fatal(err)
		}
		for _, open := range []string{"/live", "/health", "/metrics", "/metrics/prometheus"} {
			f(open, nil, "", "", 200)
		}
		f("/requests", nil, "", "", 401)
		f("/requests", []tls.Certificate{mine}, "", "", 200)
		f("/requests", []tls.Certificate{mine}, "", "cross-site", 403)
		f("/requests", nil, "another-token-of-16", "", 401)
		if token != "" {
			f("/requests", nil, token, "", 200)
		}
		// Go's client keeps a certificate back that no authority asked for, so the stranger counts as without one.
		f("/requests", []tls.Certificate{foreign}, "", "", 401)
		_ = a.server.Close()
		<-done
	}
}

func TestAdminTLSProblems(t *testing.T) {
	files, write := tlsFiles(t)
	write(pair(t, "admin"))
	f := func(o AdminTLS, want string) {
		t.Helper()
		_, err := newAdminCerts(o, newLogger(io.Discard, ""), time.Now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q; got %v", want, err)
		}
	}
	f(AdminTLS{Cert: files.Cert}, "--admin-key")
	f(AdminTLS{ClientCA: files.Cert}, "--admin-cert")
	f(AdminTLS{Cert: files.Cert, Key: files.Key + "x"}, "no such file")
	f(AdminTLS{Cert: files.Key, Key: files.Cert}, "tls.key")
	f(AdminTLS{Cert: files.Cert, Key: files.Key, ClientCA: files.Key}, "got none")
}
