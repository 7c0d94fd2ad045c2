// Package filterstest makes exchanges for the filters' own tests, from requests as text.
package filterstest

import (
	"bufio"
	"bytes"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/telemetry"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// New makes the exchange of an HTTP request written as text, with \n for line ends; Host and Content-Length are added.
// The client is 192.0.2.1, the engine vllm; a JSON body is parsed by the shape of its route.
func New(t testing.TB, text string) *filters.Exchange {
	t.Helper()
	return NewFor(t, "vllm", text)
}

// NewFor is New for the engine with that name.
func NewFor(t testing.TB, engineName, text string) *filters.Exchange {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	line, fields, _ := strings.Cut(strings.TrimSpace(head), "\n")
	if !strings.Contains(line, " HTTP/") {
		line += " HTTP/1.1"
	}
	raw := line + "\r\nHost: blaze.test\r\n"
	for _, f := range strings.Split(fields, "\n") {
		if f != "" {
			raw += f + "\r\n"
		}
	}
	var req fasthttp.Request
	if err := req.Header.Read(bufio.NewReader(strings.NewReader(raw + "\r\n"))); err != nil && err != io.EOF {
		t.Fatalf("cannot read the test's request: %v", err)
	}
	x := &filters.Exchange{}
	x.Cancel = new(upstream.Cancel)
	x.Reset()
	x.ID, x.Began, x.Request = "test", time.Now(), &req.Header
	x.Peer = netip.MustParseAddr("192.0.2.1")
	x.Client = x.Peer
	x.Deadline = x.Began.Add(time.Minute)
	path, query, _ := bytes.Cut(req.Header.RequestURI(), []byte{'?'})
	x.Query = query
	if err := x.Path.Parse(path); err != nil {
		t.Fatalf("cannot read the test's path: %v", err)
	}
	e, ok := engine.Lookup(engineName)
	if !ok {
		t.Fatalf("no engine %q", engineName)
	}
	x.Endpoint, x.Allow = e.Match(req.Header.Method(), &x.Path)
	if body != "" {
		x.Body = []byte(body)
		shape := engine.Opaque
		if x.Endpoint != nil {
			shape = x.Endpoint.Shape
		}
		x.HasDocument = x.Document.Parse(shape, x.Body, engine.Limits{}) == nil
	}
	return x
}

// Env is a filter's environment on real metrics, with a clock that the test sets.
func Env(t testing.TB, now func() time.Time, files map[string]string) filters.Env {
	t.Helper()
	if now == nil {
		now = time.Now
	}
	return filters.Env{
		Metrics: telemetry.NewMetrics(),
		Log:     zerolog.Nop(),
		Events:  func(telemetry.Event) {},
		Now:     now,
		ReadFile: func(path string) ([]byte, error) {
			if s, ok := files[path]; ok {
				return []byte(s), nil
			}
			return nil, &noFile{path}
		},
	}
}

type noFile struct{ path string }

func (e *noFile) Error() string { return "cannot read " + e.path + ": no such file" }
