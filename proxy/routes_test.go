package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"blaze/upstream/engine"
	"blaze/upstream/engine/enginetest"
)

// caller is one column of the published matrix (filters/authz/routes.md).
type caller struct{ name, key string }

func (c caller) may(class engine.Class) bool {
	return c.name == "operator" || c.name == "user" && class == engine.Inference
}

func callersPolicy(engineName string) (string, []caller) {
	callers := []caller{{name: "stranger"}, {"user", "sk-of-the-user"}, {"operator", "sk-of-the-operator"}}
	keys := ""
	for _, c := range callers[1:] {
		sum := sha256.Sum256([]byte(c.key))
		keys += fmt.Sprintf("{id: %s, hash: %q, subject: %s, roles: [%s]}, ", c.name, "sha256:"+hex.EncodeToString(sum[:]), c.name, c.name)
	}
	return `
version: 1
upstreams: {model: {engine: ` + engineName + `, targets: [{url: "${env:BACKEND}"}]}}
filters:
  scan: {mode: off}
  auth: {required: true, api_keys: [` + keys + `]}
  authz:
    roles:
      user: {routes: [inference], models: ["*"]}
      operator: {routes: [inference, utility, health, metrics, admin], models: ["*"]}
`, callers
}

// walker asks one server about one route after another, on a connection that is kept as long as it may be.
type walker struct {
	t    *testing.T
	s    *served
	back *recorder
	conn net.Conn
	r    *bufio.Reader
}

// ask sends one request and returns the status, and the request line that the model server saw; "" is none.
func (w *walker) ask(method, target, key string) (status int, saw string) {
	w.t.Helper()
	if w.conn == nil {
		w.conn = dial(w.t, w.s.addr)
		w.r = bufio.NewReader(w.conn)
	}
	head := method + " " + target + " HTTP/1.1\r\nHost: blaze.test\r\nX-HTTP-Method-Override: DELETE\r\nX-Original-URL: /shutdown\r\nX_Rewrite_Url: /shutdown\r\n"
	if key != "" {
		head += "Authorization: Bearer " + key + "\r\n"
	}
	if _, err := io.WriteString(w.conn, head+"\r\n"); err != nil {
		w.t.Fatal(err)
	}
	res, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, target, err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		w.t.Fatal(err)
	}
	if res.Close {
		_ = w.conn.Close()
		w.conn = nil
	}
	reqs, bad, seen := w.back.take()
	if len(reqs) > 1 || len(bad) > 0 || bytes.Contains(seen, []byte("shutdown")) || bytes.Contains(seen, []byte("DELETE\r\n")) {
		w.t.Errorf("%s %s: the model server saw %q %q", method, target, seen, bad)
	}
	if len(reqs) == 1 {
		saw, _, _ = strings.Cut(reqs[0], " HTTP/1.1\r\n")
	}
	return res.StatusCode, saw
}

// check asks and compares: the route that the target leads to (nil: none) decides, or the path is refused as one.
func (w *walker) check(c caller, method, target string, refused bool, r *engine.Route) {
	w.t.Helper()
	status, saw := w.ask(method, target, c.key)
	want := []int{http.StatusOK}
	switch {
	case refused:
		want = []int{http.StatusBadRequest}
	case c.key == "":
		want = []int{http.StatusUnauthorized}
	case r == nil:
		want = []int{http.StatusNotFound, http.StatusMethodNotAllowed}
	case !c.may(r.Class):
		want = []int{http.StatusForbidden}
	}
	wantSaw := ""
	if want[0] == http.StatusOK {
		wantSaw = method + " " + target
	}
	if status != want[0] && status != want[len(want)-1] || saw != wantSaw {
		w.t.Errorf("%s, %s %s: want %v and %q; got %d and %q", c.name, method, target, want, wantSaw, status, saw)
	}
}

// TestEveryRouteEveryDisguise fires every route of every engine, in every disguise, without a key, with a user's and with
// an operator's, at a real listener. What the model server sees is what the caller may ask for, spelled as it was judged;
// a forbidden route is reached in no disguise.
func TestEveryRouteEveryDisguise(t *testing.T) {
	var routes, asked atomic.Int64
	t.Run("engines", func(t *testing.T) {
		for _, name := range engine.Names() {
			if name == "none" { // every path is its one route
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				walkEngine(t, name, &routes, &asked)
			})
		}
	})
	least := int64(45000)
	if raceEnabled {
		least /= 8
	}
	if routes.Load() < 350 || asked.Load() < least {
		t.Errorf("asked about %d routes, %d times only", routes.Load(), asked.Load())
	}
	t.Logf("%d routes, %d requests", routes.Load(), asked.Load())
}

func walkEngine(t *testing.T, name string, routes, asked *atomic.Int64) {
	e, _ := engine.Lookup(name)
	back := record(t)
	source, callers := callersPolicy(name)
	w := &walker{t: t, s: serveBefore(t, source, "http://"+back.ln.Addr().String()), back: back}
	for i := range e.Routes {
		r := &e.Routes[i]
		path := enginetest.Fill(r, "zz")
		routes.Add(1)
		for _, c := range callers {
			asked.Add(1)
			w.check(c, r.Method, path, false, r)
			if path == "/" {
				continue
			}
			for k, d := range enginetest.Disguises(path) {
				if raceEnabled && (k+i)%8 != 0 {
					continue
				}
				asked.Add(1)
				leads := match(e, r.Method, d.Path)
				if leads != nil && !strings.Contains(leads.Path, "{") {
					t.Errorf("%s %s, %s: leads to %s", r.Method, d.Path, d.Name, leads.Path)
				}
				// An encoded slash is a character of a {parameter}, or nothing.
				refused := d.Refused || leads == nil && strings.Contains(d.Path, "%2F")
				w.check(c, r.Method, d.Path, refused, leads)
			}
		}
	}
}

// match is where the engine's own table leads a path that is one.
func match(e *engine.Engine, method, path string) *engine.Route {
	var p engine.Path
	if p.Parse([]byte(path)) != nil {
		return nil
	}
	r, _ := e.Match([]byte(method), &p)
	return r
}
