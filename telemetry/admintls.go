package telemetry

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// AdminTLS names the PEM files the admin port serves TLS with; the zero value is plain text. With ClientCA, a guarded
// endpoint needs a client certificate that it signed, or the bearer token.
type AdminTLS struct{ Cert, Key, ClientCA string }

func (f AdminTLS) on() bool { return f != AdminTLS{} }

// adminFilesEvery is how often, at most, handshakes look at the files.
const adminFilesEvery = time.Second

// adminCerts serves the files as they are now, or as they last were good.
type adminCerts struct {
	files AdminTLS
	log   Logger
	now   func() time.Time

	mu     sync.Mutex
	looked time.Time         // guarded by mu
	seen   [sha256.Size]byte // guarded by mu; the content last tried, good or bad
	config *tls.Config       // guarded by mu; the last good one
}

func newAdminCerts(files AdminTLS, log Logger, now func() time.Time) (*adminCerts, error) {
	if files.Cert == "" || files.Key == "" {
		return nil, errors.New("cannot serve TLS on the admin port: --admin-cert and --admin-key are needed together")
	}
	c := &adminCerts{files: files, log: log, now: now, looked: now()}
	var err error
	if c.config, c.seen, err = files.load(); err != nil {
		return nil, fmt.Errorf("cannot serve TLS on the admin port: %w", err)
	}
	return c, nil
}

// current is called for every handshake.
func (c *adminCerts) current(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.looked) < adminFilesEvery {
		return c.config, nil
	}
	c.looked = now
	config, seen, err := c.files.load()
	if seen == c.seen {
		return c.config, nil
	}
	c.seen = seen
	if err != nil {
		c.log.Error().Err(err).Msg("the admin port's TLS files cannot be used; the last good ones stay")
		return c.config, nil
	}
	c.config = config
	c.log.Info().Msg("the admin port's TLS files have changed")
	return c.config, nil
}

// load reads the files; the digest is of what was in them, or of why they could not be read. Tickets are off, so that
// every connection proves itself to the client CA of now.
func (f AdminTLS) load() (*tls.Config, [sha256.Size]byte, error) {
	sum, parts := sha256.New(), [3][]byte{}
	var errs []error
	for i, name := range [...]string{f.Cert, f.Key, f.ClientCA} {
		if name == "" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			errs = append(errs, err)
			b = []byte(err.Error())
		}
		fmt.Fprintf(sum, "%d %x\n", i, sha256.Sum256(b))
		parts[i] = b
	}
	digest := [sha256.Size]byte(sum.Sum(nil))
	if len(errs) > 0 {
		return nil, digest, errors.Join(errs...)
	}
	pair, err := tls.X509KeyPair(parts[0], parts[1])
	if err != nil {
		return nil, digest, fmt.Errorf("%s and %s: %w", f.Cert, f.Key, err)
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true,
	}
	if f.ClientCA != "" {
		// Not required: health probes and scrapers need no certificate; the guard asks for one.
		c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		if !c.ClientCAs.AppendCertsFromPEM(parts[2]) {
			return nil, digest, fmt.Errorf("%s: want PEM certificates; got none", f.ClientCA)
		}
	}
	return c, digest, nil
}
