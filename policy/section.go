package policy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"time"

	"blaze/telemetry/setting"
)

// validate says what is wrong with the proxy section beyond its types.
func (p *Proxy) validate() error {
	var errs []error
	positive := func(path string, ok bool, got any) {
		if !ok {
			errs = append(errs, setting.Wrong(path, "more than zero", got))
		}
	}
	positive("max_body", p.MaxBody > 0, p.MaxBody)
	positive("max_header", p.MaxHeader > 0, p.MaxHeader)
	positive("max_fields", p.MaxFields > 0, p.MaxFields)
	positive("max_connections", p.MaxConnections > 0, p.MaxConnections)
	if p.MaxConnectionsPerClient < 0 {
		errs = append(errs, setting.Wrong("max_connections_per_client", "at least 0", p.MaxConnectionsPerClient))
	}
	for _, d := range []struct {
		path  string
		value time.Duration
	}{
		{"timeout", p.Timeout}, {"header_timeout", p.HeaderTimeout}, {"body_timeout", p.BodyTimeout},
		{"idle_timeout", p.IdleTimeout}, {"write_timeout", p.WriteTimeout},
	} {
		positive(d.path, d.value > 0, d.value)
	}
	if p.MaxHeader > 1<<20 {
		errs = append(errs, setting.Wrong("max_header", "at most 1MiB", p.MaxHeader))
	}
	if p.CORS != nil {
		errs = append(errs, setting.Under("cors", p.CORS.validate()))
	}
	return errors.Join(errs...)
}

// validate checks origins as browsers send them: scheme and host, no path.
func (c *CORS) validate() error {
	var errs []error
	if len(c.Origins) == 0 {
		errs = append(errs, &setting.Problem{Path: "origins", Want: "at least one origin", Got: "none"})
	}
	for i, o := range c.Origins {
		path := at("origins", i)
		if o == "*" {
			if c.Credentials {
				errs = append(errs, setting.Wrong(path, "an origin by name, since credentials are allowed", o))
			}
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			errs = append(errs, setting.Wrong(path, "an origin such as https://app.example.com", o))
		}
	}
	for i, h := range c.Headers {
		if h == "" || strings.Trim(strings.ToLower(h), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			errs = append(errs, setting.Wrong(at("headers", i), "the name of a request header", h))
		}
	}
	return errors.Join(errs...)
}

// config reads the files of a proxy.tls section. Session tickets and ciphers are Go's own choice.
func (t *TLS) config(read func(string) ([]byte, error)) (*tls.Config, error) {
	var errs []error
	need := func(path, file string) []byte {
		if file == "" {
			errs = append(errs, &setting.Problem{Path: path, Want: "a PEM file", Got: "nothing"})
			return nil
		}
		b, err := read(file)
		if err != nil {
			errs = append(errs, &setting.Problem{Path: path, Want: "a PEM file that can be read", Got: err.Error()})
		}
		return b
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	switch t.MinVersion {
	case "1.2", "":
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		errs = append(errs, setting.Wrong("min_version", "1.2 or 1.3", t.MinVersion))
	}
	cert, key := need("cert", t.Cert), need("key", t.Key)
	if len(cert) > 0 && len(key) > 0 {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			errs = append(errs, &setting.Problem{Path: "cert", Want: "a certificate with its key", Got: err.Error()})
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if t.ClientCA != "" {
		c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if ca := need("client_ca", t.ClientCA); len(ca) > 0 && !c.ClientCAs.AppendCertsFromPEM(ca) {
			errs = append(errs, &setting.Problem{Path: "client_ca", Want: "PEM certificates", Got: "none in the file"})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}
