package auth

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/telemetry/setting"
)

func TestClientCert(t *testing.T) {
	cfg := testConfig()
	cfg.ClientCerts = []ClientCert{
		{Match: "uri:spiffe://cluster.local/ns/chat/*", Roles: []string{"user"}, Tenant: "chat"},
		{Match: "dns:*.internal", Subject: "internal"},
		{Match: "cn:legacy"},
	}
	filter := build(t, cfg, env(t, nil, nil))
	uri := func(s string) *x509.Certificate {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return &x509.Certificate{URIs: []*url.URL{u}}
	}
	f := func(cert *x509.Certificate, want string, lines ...string) *filters.Exchange {
		t.Helper()
		x := exchange(lines...)
		x.PeerCert = cert
		if got := verdict(filter, x); got != want {
			t.Errorf("want %s; got %s", want, got)
		}
		return x
	}
	x := f(uri("spiffe://cluster.local/ns/chat/sa/web"), "pass spiffe://cluster.local/ns/chat/sa/web")
	if x.Identity.Method != "mtls" || x.Identity.Tenant != "chat" || x.Identity.Roles[0] != "user" {
		t.Errorf("got %+v", x.Identity)
	}
	f(uri("spiffe://cluster.local/ns/other/sa/web"), "missing_credentials missing")
	f(&x509.Certificate{DNSNames: []string{"x", "a.internal"}}, "pass internal")
	f(&x509.Certificate{DNSNames: []string{"internal"}}, "missing_credentials missing")
	f(&x509.Certificate{Subject: pkix.Name{CommonName: "legacy"}}, "pass legacy")
	f(&x509.Certificate{Subject: pkix.Name{CommonName: "a.internal"}}, "missing_credentials missing")
	f(&x509.Certificate{}, "missing_credentials missing")
	f(nil, "missing_credentials missing")
	// Another credential says who it is, and a wrong one is not made good by a certificate.
	f(&x509.Certificate{DNSNames: []string{"a.internal"}}, "pass ci-bot", "x-api-key: "+userKey)
	f(&x509.Certificate{DNSNames: []string{"a.internal"}}, "invalid_api_key key.unknown", "x-api-key: wrong")
	if err := filter.Revoke(context.Background(), Revocation{Kind: RevokeSubject, ID: "internal"}); err != nil {
		t.Fatal(err)
	}
	f(&x509.Certificate{DNSNames: []string{"a.internal"}}, "invalid_token revoked")
}

func TestClientCertProblems(t *testing.T) {
	cfg := Config{ClientCerts: []ClientCert{{Match: "a.internal"}, {Match: "dns:"}, {Match: "cn:x", Subject: "a\nb"}}}
	_, err := New(cfg, nil, env(t, nil, nil))
	var got []string
	for _, p := range setting.Problems(err) {
		got = append(got, p.Path)
	}
	if want := "client_certs[0].match client_certs[1].match client_certs[2].subject"; strings.Join(got, " ") != want {
		t.Errorf("want %s; got %q", want, got)
	}
}
