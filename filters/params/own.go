package params

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"

	"blaze/filters"
	"blaze/upstream/engine"
)

// setOwn takes out what no client may say, whatever the engine, and says it in Blaze's words where the engine takes it.
func (f *Filter) setOwn(x *filters.Exchange) {
	if x.Shadowed {
		return // shadow changes no byte
	}
	d, r := &x.Document, x.Endpoint
	salt, field := []byte(nil), r.SaltField()
	if field != "" {
		salt = f.salt.of(x.Identity)
	}
	rank, ranked := f.priority[x.Identity.Tier]
	order := r.PriorityOrder()
	ranked = ranked && order != 0 && rank != 0
	saltSet, rankSet := salt == nil, !ranked
	for _, p := range d.Params {
		switch {
		case p.ID == engine.ParamCacheSalt && !saltSet && d.IsField(p, field):
			x.Edits, saltSet = append(x.Edits, d.SetParam(p, salt)), true
		case p.ID == engine.ParamPriority && !rankSet && d.IsField(p, "priority"):
			x.Edits, rankSet = append(x.Edits, d.SetParam(p, strconv.AppendInt(nil, rank*order, 10))), true
		case p.ID == engine.ParamCacheSalt || p.ID == engine.ParamPriority:
			f.takeOut(x, p)
		}
	}
	if !saltSet {
		x.Edits = append(x.Edits, d.SetField(field, salt))
	}
	if !rankSet {
		x.Edits = append(x.Edits, d.SetField("priority", strconv.AppendInt(nil, rank*order, 10)))
	}
}

// drop takes a parameter out, if its rule is enforced for this caller.
func (f *Filter) drop(x *filters.Exchange, rule *rule, p engine.Param) {
	if !enforced(x, rule, p.ID) {
		x.NoteShadow(filterName, filters.Verdict{Rule: names[p.ID]})
		return
	}
	f.takeOut(x, p)
}

// takeOut removes a top-level member; one inside another object becomes its neutral value, 0 for a number and null for
// anything else, since what is around it belongs to the client.
func (f *Filter) takeOut(x *filters.Exchange, p engine.Param) {
	if e, ok := x.Document.RemoveParam(p); ok {
		x.Edits = append(x.Edits, e)
		return
	}
	neutral := "null"
	if p.Type == 0 {
		neutral = "0"
	}
	x.Edits = append(x.Edits, x.Document.SetParam(p, []byte(neutral)))
}

// salts makes the cache salts. A salt is made once for each tenant, up to a bound, and shared from then on.
type salts struct {
	by     By
	secret []byte
	madeUp bool // by Blaze; goes on over reloads
	known  atomic.Pointer[map[string][]byte]
	mu     sync.Mutex // guards writing known, which is copied on write
}

// most is how many salts are kept; tenants beyond it cost an HMAC each time.
const most = 4096

func newSalts(c CacheSalt, prev *salts) (*salts, error) {
	s := &salts{by: c.By, secret: []byte(c.Secret)}
	switch {
	case c.Secret != "":
	case prev != nil && prev.madeUp:
		s.secret, s.madeUp = prev.secret, true
	default:
		s.secret, s.madeUp = make([]byte, 32), true
		if _, err := rand.Read(s.secret); err != nil {
			return nil, fmt.Errorf("cannot make up a secret for cache_salt: %w", err)
		}
	}
	s.known.Store(&map[string][]byte{})
	return s, nil
}

// of is the salt of a caller as a JSON string, nil when caches are not kept apart.
func (s *salts) of(id *filters.Identity) []byte {
	who := id.Tenant
	switch s.by {
	case ByNone:
		return nil
	case BySubject:
		who = id.Subject
	}
	if salt, ok := (*s.known.Load())[who]; ok {
		return salt
	}
	return s.make(who)
}

func (s *salts) make(who string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	frame := func(part string) { // a length before each part: "a","bc" and "ab","c" are not the same
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		mac.Write(n[:])
		mac.Write([]byte(part))
	}
	frame([...]string{ByTenant: "tenant", BySubject: "subject"}[s.by])
	frame(who)
	salt := make([]byte, 0, 2+2*sha256.Size)
	salt = hex.AppendEncode(append(salt, '"'), mac.Sum(nil))
	salt = append(salt, '"')
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := *s.known.Load(); len(old) < most {
		next := maps.Clone(old)
		next[who] = salt
		s.known.Store(&next)
	}
	return salt
}
