package auth

import (
	"context"
	"crypto"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"go.uber.org/goleak"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry/setting"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// idp is a real key server that can be told how to misbehave.
type idp struct {
	*httptest.Server
	mu      sync.Mutex
	answer  http.HandlerFunc // guarded by mu
	fetches atomic.Int64
}

func newIDP(t testing.TB, start func(http.Handler) *httptest.Server) *idp {
	s := &idp{}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *idp) set(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) }
}

// keySetOf is a key set of the public keys, by kid.
func keySetOf(t testing.TB, keys map[string]crypto.Signer) string {
	t.Helper()
	var list []map[string]any
	for kid, k := range keys {
		jwk, err := jwkset.NewJWKFromKey(k.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(jwk.Marshal())
		m := map[string]any{}
		_ = json.Unmarshal(text, &m)
		list = append(list, m)
	}
	text, _ := json.Marshal(map[string]any{"keys": list})
	return string(text)
}

func remoteConfig(url string) Config {
	return Config{Required: true, JWT: []Issuer{{Issuer: "https://id.example", Audience: []string{"blaze"}, JWKS: url, Algorithms: []string{"ES256"}, Leeway: 30 * time.Second, MaxStale: time.Hour}}}
}

// serve runs f as the policy store does, until the test ends.
func serve(t testing.TB, f *Filter) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func withToken(token string) *filters.Exchange { return exchange("Authorization: Bearer " + token) }

func TestRotation(t *testing.T) {
	key1, key2 := newKeys(t, "ES256"), newKeys(t, "ES256")
	server := newIDP(t, httptest.NewServer)
	server.set(text(keySetOf(t, map[string]crypto.Signer{"k1": key1})))
	e := env(t, nil, nil)
	var clock atomic.Int64
	e.Now = func() time.Time { return noon.Add(time.Duration(clock.Load())) }
	filter := build(t, remoteConfig(server.URL), e)
	sign := func(kid string, key crypto.Signer) string {
		return signed(t, "ES256", key, map[string]any{"alg": "ES256", "kid": kid}, goodClaims(nil))
	}
	serve(t, filter)
	// The first request may come before the first fetch ends: it waits for it.
	if got := verdict(filter, withToken(sign("k1", key1))); got != "pass alice" {
		t.Fatalf("first key: got %s", got)
	}
	// The issuer changes its key: the first token signed with the new one causes the one fetch that finds it.
	clock.Store(int64(time.Minute))
	server.set(text(keySetOf(t, map[string]crypto.Signer{"k2": key2})))
	before := server.fetches.Load()
	if got := verdict(filter, withToken(sign("k2", key2))); got != "pass alice" {
		t.Errorf("new key: got %s", got)
	}
	if n := server.fetches.Load() - before; n != 1 {
		t.Errorf("new key: want one fetch; got %d", n)
	}
	// What the old key signed is no longer good, though it was remembered as good.
	if got := verdict(filter, withToken(sign("k1", key1))); got != "invalid_token jwt.unknown_key" {
		t.Errorf("old key: got %s", got)
	}
	// The issuer goes down: its keys go on serving, and everybody can see it.
	clock.Store(int64(10 * time.Minute))
	server.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if got := verdict(filter, withToken(sign("k3", key2))); got != "invalid_token jwt.unknown_key" {
		t.Errorf("unknown key while the issuer is down: got %s", got)
	}
	if got := verdict(filter, withToken(sign("k2", key2))); got != "pass alice" {
		t.Errorf("known key while the issuer is down: got %s", got)
	}
	if c := filter.Checks(); len(c) != 1 || c[0].Name != "jwks" || c[0].Status != "degraded" {
		t.Errorf("check: got %+v", c)
	}
	// A reload keeps the keys without a fetch.
	again, err := New(remoteConfig(server.URL), filter, e)
	if err != nil {
		t.Fatal(err)
	}
	if got := verdict(again, withToken(sign("k2", key2))); got != "pass alice" {
		t.Errorf("after a reload: got %s", got)
	}
	// Keys that are too old are believed no longer; nobody gets in, and it is no answer about the token.
	clock.Store(int64(3 * time.Hour))
	if got := verdict(filter, withToken(sign("k2", key2))); got != "failed" {
		t.Errorf("keys too old: got %s", got)
	}
	if c := filter.Checks(); c[0].Status != "down" {
		t.Errorf("check: got %+v", c)
	}
}

func TestFetch(t *testing.T) {
	good := keySetOf(t, map[string]crypto.Signer{"k": newKeys(t, "ES256")})
	other := newIDP(t, httptest.NewServer)
	other.set(text(good))
	server := newIDP(t, httptest.NewServer)
	release := make(chan struct{})
	defer close(release)
	f := func(name, want string, answer http.HandlerFunc) {
		t.Helper()
		server.set(answer)
		e := env(t, nil, nil)
		filter := build(t, remoteConfig(server.URL), e)
		r := filter.issuers.remotes()[0]
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := r.renew(ctx)
		got := "good"
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: want %s; got %s", name, want, got)
		}
		if (r.set(noon) != nil) != (want == "good") {
			t.Errorf("%s: keys are there: %v", name, r.set(noon) != nil)
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				text(good)(w, r)
				return
			}
			http.Redirect(w, r, to, http.StatusFound)
		}
	}
	f("good", "good", text(good))
	f("500", "it answers 500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	f("204", "it answers 204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	f("garbage", "not a JSON Web Key Set", text("<html>down for maintenance</html>"))
	f("a member twice", "malformed JSON, or a member twice", text(`{"keys":[],"keys":[]}`))
	f("no keys", "without a usable key", text(`{"keys":[]}`))
	f("a secret", "without a usable key", text(`{"keys":[{"kty":"oct","k":"`+encode64(longSecret)+`"}]}`))
	f("10 MB", "it answers more than 1048576 bytes", text(`{"keys":[`+strings.Repeat(" ", 10<<20)+`]}`))
	f("a redirect here", "good", redirect("/moved"))
	f("redirects without end", "it redirects too often", redirect("/"))
	f("a redirect elsewhere", "it redirects to another host", redirect(other.URL))
	f("a redirect to metadata", "it redirects to another host", redirect("http://169.254.169.254/"))
	f("hangs before the head", "imeout", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	if n := other.fetches.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
}

func TestFetchTLS(t *testing.T) {
	server := newIDP(t, httptest.NewTLSServer)
	server.set(text(keySetOf(t, map[string]crypto.Signer{"k": newKeys(t, "ES256")})))
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	cfg := remoteConfig(server.URL)
	if _, err := build(t, cfg, env(t, nil, nil)).issuers.remotes()[0].renew(context.Background()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an authority nobody knows: got %v", err)
	}
	cfg.JWT[0].JWKSCA = "ca.pem"
	if _, err := build(t, cfg, env(t, map[string]string{"ca.pem": ca}, nil)).issuers.remotes()[0].renew(context.Background()); err != nil {
		t.Errorf("with the authority: got %v", err)
	}
}

func TestRemoteProblems(t *testing.T) {
	f := func(url, want string) {
		t.Helper()
		cfg := remoteConfig(url)
		_, err := New(cfg, nil, env(t, nil, nil))
		if got := fmt.Sprint(setting.Problems(err)); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: want %s; got %s", url, want, got)
		}
	}
	f("https://id.example/jwks.json", "")
	f("http://127.0.0.1:8080/jwks.json", "")
	f("http://localhost/jwks.json", "")
	f("http://[::1]/jwks.json", "")
	f("http://id.example/jwks.json", "neither https nor loopback")
	f("http://127.0.0.1.evil.example/", "neither https nor loopback")
	f("file:///etc/passwd", "not such a URL")
	f("https://user:canary@id.example/", "not such a URL")
	f("ftp://127.0.0.1/", "neither https nor loopback")
}

// fakeRemote fetches from a function, in virtual time.
func fakeRemote(t testing.TB, fetch func() (string, time.Duration, error)) *remote {
	e := filterstest.Env(t, time.Now, nil)
	cfg := Issuer{Issuer: "i", Refresh: 5 * time.Minute, MaxStale: time.Hour}
	r := newRemote(cfg, []string{"ES256"}, nil, &fetcher{}, e)
	r.fetch = func(context.Context) ([]byte, time.Duration, error) {
		text, keep, err := fetch()
		return []byte(text), keep, err
	}
	return r
}

func TestUnknownKidFlood(t *testing.T) {
	set := keySetOf(t, map[string]crypto.Signer{"k": newKeys(t, "ES256")})
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int64
		r := fakeRemote(t, func() (string, time.Duration, error) {
			fetches.Add(1)
			time.Sleep(100 * time.Millisecond)
			return set, 0, nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { r.run(ctx) })
		synctest.Wait()
		time.Sleep(30 * time.Second)
		start := fetches.Load()
		// A minute of a hundred unknown kids a second, each new.
		var asking sync.WaitGroup
		for i := range 6000 {
			asking.Go(func() { r.await(fmt.Sprint("kid", i), r.current.Load(), nil) })
			time.Sleep(10 * time.Millisecond)
		}
		asking.Wait()
		if n := fetches.Load() - start; n < 5 || n > 7 {
			t.Errorf("unknown kids: want a fetch every 10 s; got %d in a minute", n)
		}
		// A kid that was asked for is not asked for again until the set changes.
		time.Sleep(11 * time.Second)
		r.await("again", r.current.Load(), nil)
		start = fetches.Load()
		time.Sleep(11 * time.Second)
		began := time.Now()
		r.await("again", r.current.Load(), nil)
		if fetches.Load() != start || time.Since(began) != 0 {
			t.Errorf("a kid known to be unknown: fetched, or waited %s", time.Since(began))
		}
		cancel()
		running.Wait()
	})
}

func TestAwaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fakeRemote(t, func() (string, time.Duration, error) {
			time.Sleep(time.Hour)
			return "", 0, errors.New("late")
		})
		ctx, cancel := context.WithCancel(context.Background())
		var running, asking sync.WaitGroup
		running.Go(func() { r.run(ctx) })
		synctest.Wait()
		began := time.Now()
		var waited, turned atomic.Int64
		for range 3 * maxWaiters {
			asking.Go(func() {
				if r.await("k", nil, nil) != nil {
					t.Error("keys from nowhere")
				}
				if time.Since(began) == 0 {
					turned.Add(1)
				} else {
					waited.Add(1)
				}
			})
		}
		asking.Wait()
		if d := time.Since(began); d != patience || waited.Load() != maxWaiters || turned.Load() != 2*maxWaiters {
			t.Errorf("%d waited and %d did not, for %s", waited.Load(), turned.Load(), d)
		}
		cancel()
		running.Wait()
	})
}

func TestRefreshSchedule(t *testing.T) {
	set := keySetOf(t, map[string]crypto.Signer{"k": newKeys(t, "ES256")})
	f := func(name string, keep time.Duration, err error, least, most int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var fetches atomic.Int64
			r := fakeRemote(t, func() (string, time.Duration, error) { fetches.Add(1); return set, keep, err })
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { r.run(ctx) })
			time.Sleep(time.Hour)
			cancel()
			running.Wait()
			if n := fetches.Load(); n < least || n > most {
				t.Errorf("%s: want %d to %d fetches an hour; got %d", name, least, most, n)
			}
		})
	}
	f("the issuer says nothing", 0, nil, 12, 16)
	f("the issuer says a minute", time.Minute, nil, 60, 76)
	f("the issuer says a second", time.Second, nil, 120, 151)
	f("the issuer says a year", 365*24*time.Hour, nil, 12, 16)
	f("the issuer is down", 0, errors.New("down"), 60, 90)
}

func TestMaxAge(t *testing.T) {
	f := func(want time.Duration, values ...string) {
		t.Helper()
		if got := maxAge(values); got != want {
			t.Errorf("%q: want %s; got %s", values, want, got)
		}
	}
	f(0)
	f(time.Minute, "max-age=60")
	f(time.Minute, "public, Max-Age=60, must-revalidate")
	f(time.Minute, "public", "max-age=60")
	f(0, "max-age=-1")
	f(0, "max-age=x")
	f(0, "s-maxage=60")
}
