package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key, a.pem, _ = certify(t, nil, "test authority")
	return a
}

// certify makes a certificate for name, signed by a, or by itself.
func certify(t *testing.T, a *authority, name string) (cert *x509.Certificate, key *ecdsa.PrivateKey, certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert = &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, BasicConstraintsValid: true, IsCA: a == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := cert, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ = x509.ParseCertificate(der)
	k, _ := x509.MarshalECPrivateKey(key)
	return cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k}))
}

// Whom the target is believed to be, and who it is shown.
func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	_, _, serverCert, serverKey := certify(t, ca, "model.internal")
	_, _, clientCert, clientKey := certify(t, ca, "blaze")
	_, _, strangeCert, strangeKey := certify(t, other, "stranger")
	files := map[string]string{"ca": ca.pem, "other": other.pem, "cert": clientCert, "key": clientKey, "scert": strangeCert, "skey": strangeKey}
	pair, err := tls.X509KeyPair([]byte(serverCert), []byte(serverKey))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	f := func(name string, mutual bool, cfg TLS, works bool) {
		t.Helper()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		conf := &tls.Config{Certificates: []tls.Certificate{pair}}
		if mutual {
			conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, clients
		}
		b := serveOn(tls.NewListener(ln, conf), answers(okAnswer))
		defer b.stop()
		c := config("https://" + ln.Addr().String())
		c.TLS = &cfg
		ps, err := New(map[string]Config{"model": c}, nil, testEnv(files))
		if err != nil {
			t.Fatal(err)
		}
		defer drained(t, ps)
		for range 2 {
			res := ask(ps.Pool("model"), post("{}"))
			if works && (res.err != nil || res.body != "{}") || !works && res.err == nil {
				t.Errorf("%s: got %+v", name, res)
			}
		}
		if works && b.conns.Load() != 1 {
			t.Errorf("%s: %d connections", name, b.conns.Load())
		}
		if !works && b.seen.Load() != 0 {
			t.Errorf("%s: the request was sent", name)
		}
	}
	f("trusted", false, TLS{CA: "ca", ServerName: "model.internal"}, true)
	f("another name", false, TLS{CA: "ca"}, false)
	f("another authority", false, TLS{CA: "other", ServerName: "model.internal"}, false)
	f("the system's authorities", false, TLS{ServerName: "model.internal"}, false)
	f("mutual", true, TLS{CA: "ca", ServerName: "model.internal", Cert: "cert", Key: "key"}, true)
	f("mutual, nothing shown", true, TLS{CA: "ca", ServerName: "model.internal"}, false)
	f("mutual, a stranger", true, TLS{CA: "ca", ServerName: "model.internal", Cert: "scert", Key: "skey"}, false)
}

// New files, new connections; the same files, the same ones.
func TestTLSReload(t *testing.T) {
	one, two := newAuthority(t), newAuthority(t)
	c := config("https://127.0.0.1:1")
	c.TLS = &TLS{CA: "ca"}
	compile := func(prev *Pools, ca string) *Pools {
		t.Helper()
		ps, err := New(map[string]Config{"model": c}, prev, testEnv(map[string]string{"ca": ca}))
		if err != nil {
			t.Fatal(err)
		}
		return ps
	}
	first := compile(nil, one.pem)
	same, rotated := compile(first, one.pem), compile(first, two.pem)
	ep := func(ps *Pools) *endpoint { return ps.Pool("model").targets()[0].endpoint }
	if ep(same) != ep(first) || ep(rotated) == ep(first) {
		t.Error("connections of old files are kept, or those of the same files lost")
	}
	c.Targets[0].URL = "http://127.0.0.1:1"
	if _, err := New(map[string]Config{"model": c}, nil, testEnv(map[string]string{"ca": one.pem})); err == nil || !strings.Contains(err.Error(), "model.tls: want an https target") {
		t.Errorf("tls without an https target: %v", err)
	}
}

// A handshake that never ends is bounded by the connect timeout, and by the client's leaving.
func TestTLSHandshakeStalls(t *testing.T) {
	b := serve(t, func(b *backend, c net.Conn) { _, _ = c.Read(make([]byte, 4096)); _, _ = c.Read(make([]byte, 1)) })
	c := config(strings.Replace(b.url(), "http:", "https:", 1))
	c.Timeout.Connect = 50 * time.Millisecond
	if res := ask(makePool(t, c), post("{}")); !errors.Is(res.err, ErrConnect) {
		t.Errorf("got %+v", res)
	}
	c.Timeout.Connect = time.Minute
	cancel := new(Cancel)
	time.AfterFunc(30*time.Millisecond, cancel.Cancel)
	if res := do(makePool(t, c), post("{}"), cancel, time.Time{}); !errors.Is(res.err, ErrCancelled) {
		t.Errorf("got %+v", res)
	}
}
