package telemetry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// AskReady asks a running Blaze's admin port whether it is ready: nil when it is. admin is a URL, or an address as run
// takes it (:9000); caFile is a PEM file with the authorities of its certificate, or empty.
func AskReady(ctx context.Context, admin, caFile string) error {
	base, err := adminURL(admin)
	if err != nil {
		return err
	}
	client, err := askingClient(base.Hostname(), caFile)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("ready").String(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", resp.Status)
	}
	return nil
}

// adminURL completes an address to a URL; one that listens everywhere is asked on loopback.
func adminURL(admin string) (*url.URL, error) {
	wrong := fmt.Errorf("--admin: want a URL such as http://127.0.0.1:9000, or an address such as :9000; got %q", admin)
	full := admin
	if !strings.Contains(full, "://") {
		host, port, err := net.SplitHostPort(full)
		if err != nil {
			return nil, wrong
		}
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		full = "http://" + net.JoinHostPort(host, port)
	}
	u, err := url.Parse(full)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, wrong
	}
	return u, nil
}

// askingClient trusts the authorities of caFile; without one the system's, and on loopback whoever listens: nothing secret
// is sent, and whoever can take that port can answer anything.
func askingClient(host, caFile string) (*http.Client, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("--admin-ca: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--admin-ca: %s: want PEM certificates; got none", caFile)
		}
	} else {
		ip, err := netip.ParseAddr(host)
		c.InsecureSkipVerify = host == "localhost" || err == nil && ip.IsLoopback()
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, Proxy: http.ProxyFromEnvironment}}, nil
}
