package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of one fetch of a key set.
const (
	fetchTimeout = 2 * time.Second // the whole of it, redirects included
	maxKeySet    = 1 << 20         // bytes
	maxRedirects = 3
)

// fetcher gets an issuer's key set. It goes to the one host that the policy names and to no other.
type fetcher struct {
	url    string
	host   string
	client *http.Client
}

// newFetcher checks the URL: https, or http to this very machine; ca is PEM text of further authorities, or nil.
func newFetcher(text string, ca []byte) (*fetcher, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("not such a URL")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, errors.New("neither https nor loopback")
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("no certificate in the CA file")
		}
	}
	return &fetcher{url: text, host: u.Host, client: &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: sameHost,
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   conf,
			ForceAttemptHTTP2: true,
			// One fetch in minutes: a kept connection would only be found dead.
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sameHost follows redirects on the same scheme, host and port only: whoever can make the issuer redirect must not choose
// whose keys are believed.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return errors.New("it redirects to another host")
	}
	if len(via) > maxRedirects {
		return errors.New("it redirects too often")
	}
	return nil
}

// fetch returns the key set's text and how long the issuer says it keeps (0: it does not say). Errors name no secret and
// are for the operator.
func (f *fetcher) fetch(ctx context.Context) (text []byte, keep time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("it answers %d", res.StatusCode)
	}
	text, err = io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, 0, err
	}
	if len(text) > maxKeySet {
		return nil, 0, fmt.Errorf("it answers more than %d bytes", maxKeySet)
	}
	return text, maxAge(res.Header.Values("Cache-Control")), nil
}

// maxAge reads max-age of Cache-Control (RFC 9111, 5.2.2.1).
func maxAge(values []string) time.Duration {
	for _, v := range values {
		for d := range strings.SplitSeq(v, ",") {
			n, ok := cutPrefixFold(strings.TrimSpace(d), "max-age=")
			if sec, err := strconv.ParseUint(n, 10, 31); ok && err == nil {
				return time.Duration(sec) * time.Second
			}
		}
	}
	return 0
}
