package circuit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/upstream"
	"blaze/upstream/engine"
)

const same = `{"model":"m","temperature":0,"messages":[{"role":"user","content":"hi"}]}`

func remembering(t *testing.T, change func(*upstream.Config)) *upstream.Pool {
	t.Helper()
	c := upstream.Config{
		Cache: &upstream.Cache{TTL: time.Minute, Max: 1 << 20}, Idempotency: &upstream.Idempotency{TTL: time.Minute, Max: 1 << 20},
	}
	if change != nil {
		change(&c)
	}
	return pools(t, map[string]upstream.Config{"model": c}).Pool("model")
}

// What may change an answer, or whose it is, is part of the key; what may not, is none.
func TestCacheKey(t *testing.T) {
	f, p := filter(t), remembering(t, nil)
	keyOf := func(p *upstream.Pool, text string, change func(*filters.Exchange)) *upstream.Memory {
		t.Helper()
		x := filterstest.New(t, text)
		x.Upstream, x.Identity = p, &filters.Identity{Tenant: "acme", Subject: "ada", KeyID: "k"}
		if change != nil {
			change(x)
		}
		m, v := f.memory(x)
		if !v.Passed() {
			t.Fatalf("refused: %+v", v)
		}
		return m
	}
	ask := func(fields, body string) string {
		return "POST /v1/chat/completions\nContent-Type: application/json\n" + fields + "\n" + body
	}
	base := keyOf(p, ask("", same), nil)
	n := 0
	is := func(name string, want bool, m *upstream.Memory) {
		t.Helper()
		n++
		if m == nil || m.Keyed {
			t.Fatalf("%s: not cached", name)
		}
		if (m.Key == base.Key) != want {
			t.Errorf("%s: the same key: %v", name, !want)
		}
	}
	is("again", true, keyOf(p, ask("", same), nil))
	is("the client's own fields", true, keyOf(p, ask("User-Agent: x\nX-Request-Id: 1\nTraceparent: y\nX-Stainless-Retry-Count: 1\nX-Forwarded-For: 1.2.3.4\n", same), nil))
	is("Blaze's credentials", true, keyOf(p, ask("Authorization: Bearer a\nX-Api-Key: b\n", same), func(x *filters.Exchange) {
		x.Credentials = filters.CredentialFields{Authorization: true, Header: "x-api-key"}
	}))
	is("another of the tenant", true, keyOf(p, ask("", same), func(x *filters.Exchange) { x.Identity = &filters.Identity{Tenant: "acme", Subject: "bob"} }))
	is("an edit that leads to the same", true, keyOf(p, ask("", strings.Replace(same, `"m"`, `"x"`, 1)), func(x *filters.Exchange) {
		x.Edits = append(x.Edits, x.Document.SetField("model", []byte(`"m"`)))
	}))

	is("the upstream's credentials", false, keyOf(p, ask("Authorization: Bearer a\n", same), nil))
	is("another host", false, keyOf(p, ask("", same), func(x *filters.Exchange) { x.Request.SetHost("other.test") }))
	is("a field of unknown meaning", false, keyOf(p, ask("X-Adapter: a\n", same), nil))
	is("another tenant", false, keyOf(p, ask("", same), func(x *filters.Exchange) {
		x.Identity = &filters.Identity{Tenant: "umbrella", Subject: "ada", KeyID: "k"}
	}))
	is("no tenant", false, keyOf(p, ask("", same), func(x *filters.Exchange) { x.Identity = &filters.Identity{Subject: "ada", KeyID: "k"} }))
	is("a stranger", false, keyOf(p, ask("", same), func(x *filters.Exchange) { x.Identity = filters.Anonymous }))
	is("another body", false, keyOf(p, ask("", strings.Replace(same, "hi", "ho", 1)), nil))
	is("an edit", false, keyOf(p, ask("", same), func(x *filters.Exchange) { x.Edits = append(x.Edits, x.Document.SetField("model", []byte(`"n"`))) }))
	is("another path", false, keyOf(p, "POST /v1/embeddings\nContent-Type: application/json\n\n{\"input\":\"hi\"}", nil))
	is("a query", false, keyOf(p, strings.Replace(ask("", same), "completions\n", "completions?x=1\n", 1), nil))
	told := remembering(t, func(c *upstream.Config) {
		c.Headers = &upstream.Headers{Set: map[string]string{"x-user": "${identity.subject}"}}
	})
	base = keyOf(told, ask("", same), nil)
	is("an upstream that is told who asks", false, keyOf(told, ask("", same), func(x *filters.Exchange) { x.Identity = &filters.Identity{Tenant: "acme", Subject: "bob"} }))
	if n < 15 {
		t.Fatalf("only %d cases ran", n)
	}
	no := func(name, text string, change func(*filters.Exchange)) {
		t.Helper()
		if m := keyOf(p, text, change); m != nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
	no("chance", ask("", strings.Replace(same, ":0", ":1", 1)), nil)
	no("a stream", ask("", strings.Replace(same, "{", `{"stream":true,`, 1)), nil)
	no("a client that wants its own", ask("Cache-Control: no-cache\n", same), nil)
	no("an answer that may be cut short", ask("", same), func(x *filters.Exchange) { x.OutputCap = 9 })
	no("a list of models", "GET /v1/models\n\n", nil)
}

// A key of idempotency is its caller's own, and stands for one request.
func TestIdempotencyKey(t *testing.T) {
	f, p := filter(t), remembering(t, nil)
	look := func(fields, body string, identity *filters.Identity, client string) (*upstream.Memory, filters.Verdict) {
		x := filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\n"+fields+"\n"+body)
		x.Upstream, x.Identity, x.Client = p, identity, netip.MustParseAddr(client)
		return f.memory(x)
	}
	ada, bob := &filters.Identity{Tenant: "acme", Subject: "ada"}, &filters.Identity{Tenant: "acme", Subject: "bob"}
	base, _ := look("Idempotency-Key: k\n", same, ada, "192.0.2.1")
	is := func(name string, key, digest bool, m *upstream.Memory, v filters.Verdict) {
		t.Helper()
		if !v.Passed() || m == nil || !m.Keyed || (m.Key == base.Key) != key || (m.Digest == base.Digest) != digest {
			t.Errorf("%s: %+v, %+v", name, m, v)
		}
	}
	try := func(name string, key, digest bool, fields, body string, identity *filters.Identity, client string) {
		t.Helper()
		m, v := look(fields, body, identity, client)
		is(name, key, digest, m, v)
	}
	try("again", true, true, "Idempotency-Key: k\n", same, ada, "192.0.2.2")
	try("another key", false, true, "Idempotency-Key: l\n", same, ada, "192.0.2.1")
	try("another body", true, false, "Idempotency-Key: k\n", same+" ", ada, "192.0.2.1")
	try("another of the tenant", false, true, "Idempotency-Key: k\n", same, bob, "192.0.2.1")
	try("with the upstream's credentials", false, true, "Idempotency-Key: k\nAuthorization: Bearer x\n", same, ada, "192.0.2.1")
	base, _ = look("Idempotency-Key: k\n", same, filters.Anonymous, "192.0.2.1")
	try("a stranger again", true, true, "Idempotency-Key: k\n", same, filters.Anonymous, "192.0.2.1")
	try("another stranger", false, true, "Idempotency-Key: k\n", same, filters.Anonymous, "192.0.2.2")
	for _, bad := range []string{"Idempotency-Key:\n", "Idempotency-Key: \"\"\n", "Idempotency-Key: a b\n", "Idempotency-Key: k\nIdempotency-Key: k\n", "Idempotency-Key: " + strings.Repeat("k", 256) + "\n"} {
		if m, v := look(bad, same, ada, "192.0.2.1"); v.Denial != filters.InvalidRequest || m != nil {
			t.Errorf("%.40q: %+v", bad, v)
		}
	}
}

// One who waited in vain asks on their own, and what comes of it is kept.
func TestAlone(t *testing.T) {
	f, p := filter(t), remembering(t, nil)
	ask := func() *filters.Exchange {
		x := filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\n\n"+same)
		x.Upstream = p
		if v := f.Body(x); !v.Passed() {
			t.Fatalf("refused: %+v", v)
		}
		return x
	}
	one, two, three := ask(), ask(), ask()
	if one.Cache != upstream.Miss || two.Cache != upstream.Join || two.Lease.Info().Target != "cache" {
		t.Fatalf("%v, %v", one.Cache, two.Cache)
	}
	f.Settle(one) // nothing came
	for _, x := range []*filters.Exchange{two, three} {
		if _, err := x.Lease.RoundTrip(&upstream.Request{Head: x.Request}, x.Cancel, x.Deadline); err != upstream.ErrAlone {
			t.Fatalf("got %v", err)
		}
		if v := Alone(x); !v.Passed() || x.Lease == nil || x.Lease.Remembered() || x.Cache != upstream.Miss {
			t.Fatalf("%+v", v)
		}
	}
	f.Settle(two)
	f.Settle(three)
	if four := ask(); four.Cache != upstream.Miss {
		t.Errorf("%v", four.Cache)
	} else {
		f.Settle(four)
	}
}

// The key of a request costs nothing once its hash is at hand.
func TestMemoryAllocations(t *testing.T) {
	f, p := filter(t), remembering(t, nil)
	x := filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\nAccept: */*\n\n"+same)
	x.Upstream, x.Edits = p, append(x.Edits, engine.Edit{Off: 1, Len: 0})
	if n := testing.AllocsPerRun(200, func() {
		if m, v := f.memory(x); m == nil || !v.Passed() {
			t.Fatal("not cached")
		}
	}); n > 1 && !raceEnabled {
		t.Errorf("%v allocations; want no more than the key itself", n)
	}
}

// BenchmarkHit is all that an answer out of memory costs between the other filters and the relay.
func BenchmarkHit(b *testing.B) {
	f, err := New(Config{}, nil, filterstest.Env(b, nil, nil))
	if err != nil {
		b.Fatal(err)
	}
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"hello"}}]}`)
	}))
	defer model.Close()
	ps, err := upstream.New(map[string]upstream.Config{"model": {
		Engine: "vllm", Targets: []upstream.Target{{URL: model.URL}}, Cache: &upstream.Cache{TTL: time.Hour, Max: 1 << 20},
		Timeout: upstream.Timeout{Connect: time.Second, FirstByte: time.Second, Stall: time.Second},
	}}, nil, upstream.Env{Metrics: filterstest.Env(b, nil, nil).Metrics, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	x := filterstest.New(b, "POST /v1/chat/completions\nContent-Type: application/json\nAccept: */*\n\n"+same)
	x.Upstream = ps.Pool("model")
	w := want(x)
	m, _ := f.memory(x)
	w.Memory = m
	_, _, recorder, _ := x.Upstream.Recall(w)
	lease, _, err := x.Upstream.Acquire(w)
	if err != nil {
		b.Fatal(err)
	}
	lease.Record(recorder)
	resp, err := lease.RoundTrip(&upstream.Request{Head: x.Request, Target: []byte("/"), Body: x.Body}, x.Cancel, x.Deadline)
	if err != nil {
		b.Fatal(err)
	}
	lease.Adopt()
	_, _ = io.Copy(io.Discard, resp)
	lease.Release(upstream.Success)
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if v := f.Body(x); !v.Passed() || x.Cache != upstream.Hit {
			b.Fatalf("%+v, %v", v, x.Cache)
		}
		resp, err := x.Lease.RoundTrip(&upstream.Request{Head: x.Request}, x.Cancel, x.Deadline)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = resp.Read(buf)
		}
		f.Settle(x)
	}
}
