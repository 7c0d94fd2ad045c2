package ratelimit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"unsafe"

	"blaze/filters"
)

// keyBuffer holds the text of a key. A value that does not fit stands in it as its SHA-256, so a key's length does not
// depend on what a client sends. With a seed it keeps no text, only the text's hash.
type keyBuffer struct {
	b [2 + 4*sha256.Size]byte
	n int

	seed *keySeed
	hash uint64
}

func (k *keyBuffer) start(kind byKind) { k.b[0], k.n, k.hash = byte(kind), 1, uint64(kind) }

// add puts one part; the length in front keeps ("ab","c") and ("a","bc") apart.
func (k *keyBuffer) add(part []byte) {
	const most = sha256.Size
	if k.seed != nil {
		k.hash = k.seed.part(k.hash, part)
		return
	}
	if len(part) > most {
		sum := sha256.Sum256(part)
		k.b[k.n] = most + 1
		k.n += 1 + copy(k.b[k.n+1:], sum[:])
		return
	}
	k.b[k.n] = byte(len(part))
	k.n += 1 + copy(k.b[k.n+1:], part)
}

// addWord puts size bytes, the last of w's big-endian form.
func (k *keyBuffer) addWord(w uint64, size int) {
	if k.seed != nil {
		k.hash = k.seed.word(k.hash, w)
		return
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], w)
	k.add(b[8-size:])
}

func (k *keyBuffer) addString(s string) { k.add(unsafe.Slice(unsafe.StringData(s), len(s))) }

func (k *keyBuffer) bytes() []byte { return k.b[:k.n] }

// write puts down who shares x's account. Where what is asked for is not there (no tenant, no such header) the caller
// counts as a user, so that leaving it out gains nothing but an account of one's own.
func (b *By) write(k *keyBuffer, x *filters.Exchange) {
	k.start(b.kind)
	switch b.kind {
	case byGlobal:
	case byIP:
		k.network(x)
	case byEndpoint:
		if x.Endpoint != nil {
			k.addString(x.Endpoint.Name)
		}
	case byModel:
		if x.HasDocument {
			k.add(x.Document.Model)
		}
	case byTier:
		k.addString(x.Identity.Tier)
	case byTenant:
		k.orUser(x, x.Identity.Tenant)
	case byKey:
		k.orUser(x, x.Identity.KeyID)
	case byHeader:
		k.orUserBytes(x, x.Request.Peek(b.arg))
	case byClaim:
		b.writeClaim(k, x)
	default:
		k.user(x)
	}
}

func (k *keyBuffer) orUser(x *filters.Exchange, s string) {
	k.orUserBytes(x, unsafe.Slice(unsafe.StringData(s), len(s)))
}

func (k *keyBuffer) orUserBytes(x *filters.Exchange, part []byte) {
	if len(part) == 0 {
		k.user(x)
		return
	}
	k.add(part)
}

// user is the proven subject (of its issuer: another issuer's subject of that name is somebody else), or, for a stranger,
// the client's address.
func (k *keyBuffer) user(x *filters.Exchange) {
	id := x.Identity
	switch {
	case id.Subject != "":
		k.start(byUser)
		k.addString(id.Issuer)
		k.addString(id.Subject)
	case id.KeyID != "":
		k.start(byKey)
		k.addString(id.KeyID)
	default:
		k.start(byIP)
		k.network(x)
	}
}

// network is the client's IPv4 address, or its IPv6 /64: one subscriber has that many addresses.
func (k *keyBuffer) network(x *filters.Exchange) {
	a := x.Client.Unmap()
	switch {
	case a.Is4():
		b := a.As4()
		k.addWord(uint64(binary.BigEndian.Uint32(b[:])), 4)
	case !a.IsValid(): // came by a unix socket
		k.add(nil)
	default:
		b := a.As16()
		k.addWord(binary.BigEndian.Uint64(b[:8]), 8)
	}
}

// coarseNet is the client's IPv4 /24 or IPv6 /48, mixed: which coarse account stands in when a table is full.
func coarseNet(x *filters.Exchange) uint32 {
	const spread = 0x9e3779b97f4a7c15
	a := x.Client
	if a.Is4() {
		b := a.As4()
		return uint32(uint64(binary.BigEndian.Uint32(b[:])>>8) * spread >> 32)
	}
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	return uint32(binary.BigEndian.Uint64(b[:8]) >> 16 * spread >> 32)
}

// writeClaim looks the claim up: by its whole name first, since names may hold dots, then member by member.
func (b *By) writeClaim(k *keyBuffer, x *filters.Exchange) {
	v, ok := x.Identity.Claims[b.arg]
	if !ok {
		v = member(x.Identity.Claims, b.path)
	}
	var number [32]byte
	switch v := v.(type) {
	case string:
		k.orUser(x, v)
	case json.Number:
		k.orUser(x, string(v))
	case float64:
		k.add(strconv.AppendFloat(number[:0], v, 'g', -1, 64))
	case int64:
		k.add(strconv.AppendInt(number[:0], v, 10))
	case bool:
		k.add(strconv.AppendBool(number[:0], v))
	default:
		k.user(x)
	}
}

// member is the value at the end of path, nil when there is none.
func member(claims map[string]any, path []string) (v any) {
	for _, name := range path {
		v = claims[name]
		claims, _ = v.(map[string]any)
	}
	return v
}
