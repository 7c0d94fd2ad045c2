package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// ClientCert is one entry of client_certs: who a client is that proved a certificate (proxy.tls.client_ca) and shows no
// other credential.
type ClientCert struct {
	Match   string   `yaml:"match" doc:"a name in the certificate: uri:, dns:, email: or cn: and a pattern with *; the first entry that matches counts" example:"uri:spiffe://cluster.local/ns/chat/*"`
	Subject string   `yaml:"subject" doc:"who it is; the name that matched when absent" example:"batch-worker"`
	Roles   []string `yaml:"roles" doc:"its roles" example:"[user]"`
	Tier    string   `yaml:"tier" doc:"its tier" example:"gold"`
	Tenant  string   `yaml:"tenant" doc:"its tenant" example:"acme"`
}

// clientCert is a compiled ClientCert.
type clientCert struct {
	kind, pattern string
	identity      *filters.Identity // with an empty subject where the matching name is it
}

// names lists the names of a kind in c. The common name is for certificates of old; SANs are what authorities check.
func names(c *x509.Certificate, kind string) (out []string) {
	switch kind {
	case "dns":
		return c.DNSNames
	case "email":
		return c.EmailAddresses
	case "cn":
		return []string{c.Subject.CommonName}
	}
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	return out
}

// identityOfCert returns who the owner of c is, or nil. The proxy has verified c; here only its names count.
func (f *Filter) identityOfCert(c *x509.Certificate) *filters.Identity {
	for _, e := range f.certs {
		for _, name := range names(c, e.kind) {
			if name == "" || !fit(name) || !setting.Match(e.pattern, name) {
				continue
			}
			if e.identity.Subject != "" {
				return e.identity
			}
			id := *e.identity
			id.Subject = name
			return &id
		}
	}
	return nil
}

func newClientCerts(list []ClientCert) (out []clientCert, err error) {
	var problems []error
	for i, c := range list {
		at := fmt.Sprintf("client_certs[%d]", i)
		kind, pattern, _ := strings.Cut(c.Match, ":")
		if !contains([]string{"uri", "dns", "email", "cn"}, kind) || pattern == "" {
			problems = append(problems, setting.Wrong(at+".match", "uri:, dns:, email: or cn: and a pattern", c.Match))
			continue
		}
		problems = append(problems, setting.Under(at, checkNames(c.Subject, c.Tier, c.Tenant, c.Roles)))
		out = append(out, clientCert{kind, pattern, &filters.Identity{
			Subject: c.Subject, Roles: c.Roles, Tier: c.Tier, Tenant: c.Tenant, Method: "mtls"}})
	}
	return out, errors.Join(problems...)
}
