package circuit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	digest "hash"
	"io"

	"blaze/filters"
	"blaze/upstream"
	"blaze/upstream/cache"
	"blaze/upstream/engine"
)

// recall looks for x's answer in its upstream's memory. It is passed on as it is found: with a lease the exchange is
// served, and with a recorder it is to be remembered what becomes of it.
func (f *Filter) recall(x *filters.Exchange, w *upstream.Want) (*upstream.Recorder, filters.Verdict) {
	m, v := f.memory(x)
	if m == nil {
		return nil, v
	}
	w.Memory = m
	r, lease, recorder, err := x.Upstream.Recall(*w)
	if err != nil {
		return nil, filters.Deny(filters.IdempotencyReused, "idempotency").At("idempotency-key", "")
	}
	noteRecall(x, m, r)
	x.Lease = lease
	return recorder, filters.Pass()
}

func noteRecall(x *filters.Exchange, m *upstream.Memory, r upstream.Recall) {
	if m.Keyed {
		x.Idempotency = r
	} else {
		x.Cache = r
	}
}

// memory says what of x can be answered from memory; nil when nothing. The verdict is a denial when its idempotency key is
// no key.
func (f *Filter) memory(x *filters.Exchange) (*upstream.Memory, filters.Verdict) {
	answers, streams := x.Upstream.Caches()
	if keyed := x.Upstream.Idempotent(); !answers && !keyed {
		return nil, filters.Pass()
	} else if keyed && x.Request.IsPost() {
		if keys := x.Request.PeekAll("Idempotency-Key"); len(keys) > 0 {
			if len(keys) > 1 || !goodKey(keys[0]) {
				return nil, filters.Deny(filters.InvalidRequest, "idempotency").At("idempotency-key", "")
			}
			return f.keyed(x, keys[0]), filters.Pass()
		}
	}
	if !answers || !x.HasDocument || x.OutputCap > 0 || x.Document.Stream && !streams || !x.Document.Deterministic() {
		return nil, filters.Pass()
	}
	if asksForNew(x) {
		x.Upstream.Pass()
		x.Cache = upstream.Bypass
		return nil, filters.Pass()
	}
	h := f.hasher()
	defer f.hashers.Put(h)
	h.add("cache")
	if x.Identity.Tenant != "" {
		h.add(x.Identity.Tenant)
	} else {
		h.identity(x.Identity)
	}
	if x.Upstream.PerSubject() {
		h.identity(x.Identity)
	}
	h.fields(x, true)
	h.addBytes(x.Request.Method(), x.Path.Raw, x.Query)
	body := x.Body
	if len(x.Edits) > 0 {
		h.body = engine.Apply(h.body[:0], x.Body, x.Edits)
		body = h.body
	}
	h.addBytes(body)
	return &upstream.Memory{Key: h.sum()}, filters.Pass()
}

// keyed is the memory of an idempotency key. The key belongs to one identity, a stranger's to one address; the request is
// what was sent, before any edit of Blaze's, which another time may differ.
func (f *Filter) keyed(x *filters.Exchange, key []byte) *upstream.Memory {
	h := f.hasher()
	defer f.hashers.Put(h)
	h.add("idempotency")
	h.add(x.Identity.Tenant)
	h.identity(x.Identity)
	if x.Identity == filters.Anonymous {
		h.addBytes(x.Client.AsSlice())
	}
	h.fields(x, false)
	h.addBytes(key)
	m := &upstream.Memory{Key: h.sum(), Keyed: true}
	h.state.Reset()
	h.addBytes(x.Request.Method(), x.Path.Raw, x.Query, x.Body)
	if x.Large != nil {
		_, _ = io.Copy(h.state, io.NewSectionReader(x.Large, 0, x.Large.Size()))
	}
	m.Digest = h.sum()
	return m
}

// maxKey bounds an idempotency key: a UUID has 36 characters.
const maxKey = 255

// goodKey accepts visible ASCII, quoted (a structured field's string) or bare, as clients send it.
func goodKey(k []byte) bool {
	for _, c := range k {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(bytes.Trim(k, `"`)) > 0 && len(k) <= maxKey
}

// asksForNew reports whether the client wants no remembered answer, and its own not remembered (RFC 9111, 5.2.1).
func asksForNew(x *filters.Exchange) bool {
	v := bytes.ToLower(x.Request.Peek("Cache-Control"))
	return bytes.Contains(v, []byte("no-cache")) || bytes.Contains(v, []byte("no-store"))
}

// hasher makes keys. Each part is preceded by its length, so that no two lists of parts are one.
type hasher struct {
	state digest.Hash
	body  []byte
	word  []byte
	size  [8]byte
	key   cache.Key
}

func (f *Filter) hasher() *hasher {
	h, ok := f.hashers.Get().(*hasher)
	if !ok {
		h = &hasher{state: sha256.New()}
	}
	h.state.Reset()
	if cap(h.body) > 1<<20 {
		h.body = nil
	}
	return h
}

func (h *hasher) add(s string) {
	h.word = append(h.word[:0], s...)
	h.addBytes(h.word)
}

func (h *hasher) addBytes(parts ...[]byte) {
	for _, p := range parts {
		binary.LittleEndian.PutUint64(h.size[:], uint64(len(p)))
		_, _ = h.state.Write(h.size[:])
		_, _ = h.state.Write(p)
	}
}

func (h *hasher) identity(i *filters.Identity) {
	h.add(i.Method)
	h.add(i.Issuer)
	h.add(i.Subject)
	h.add(i.KeyID)
	h.add(i.Tier)
}

// fields adds the request's fields that may change its answer: all that reach the upstream but those known not to, or else
// only those by which the upstream itself would tell callers apart. Credentials that were Blaze's do not reach it.
func (h *hasher) fields(x *filters.Exchange, all bool) {
	for name, value := range x.Request.All() {
		switch {
		case x.Credentials.Authorization && fold(name, "authorization"), x.Credentials.Header != "" && fold(name, x.Credentials.Header):
		case all && !harmless(name), !all && secret(name):
			h.addBytes(name, value)
		}
	}
}

func fold(name []byte, word string) bool { return bytes.EqualFold(name, []byte(word)) }

func secret(name []byte) bool {
	return fold(name, "authorization") || fold(name, "cookie") || fold(name, "x-api-key") || fold(name, "api-key")
}

// harmless fields are about the client, the connection, the trace or the way here, and never about the answer. Host is not
// among them: the upstream is told it, and one that put it into an answer would have it read by others.
func harmless(name []byte) bool {
	for _, p := range [...]string{"x-forwarded-", "x-stainless-", "x-b3-", "x-blaze-", "sec-"} {
		if len(name) > len(p) && fold(name[:len(p)], p) {
			return true
		}
	}
	for _, n := range [...]string{"user-agent", "content-length", "connection", "keep-alive", "transfer-encoding", "te", "expect",
		"x-request-id", "traceparent", "tracestate", "baggage", "forwarded", "via", "x-real-ip", "date", "cache-control", "pragma",
		"referer", "priority", "dnt", "idempotency-key"} {
		if fold(name, n) {
			return true
		}
	}
	return false
}

func (h *hasher) sum() cache.Key {
	h.state.Sum(h.key[:0])
	return h.key
}
