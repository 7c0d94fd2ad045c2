package auth

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"blaze/filters"
)

// Kind says what a Revocation's ID names.
type Kind string

// The kinds: a token's jti; a subject, whose tokens issued until then and whose keys are refused; an API key's id.
const (
	RevokeToken   Kind = "token"
	RevokeSubject Kind = "subject"
	RevokeKey     Kind = "key"
)

// Revocation ends credentials before their time.
type Revocation struct {
	Kind   Kind      `json:"kind"`
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"` // zero: until it is lifted
	Reason string    `json:"reason,omitempty"`
}

// maxRevocations bounds the list. A full list refuses new entries, loudly: forgetting one would let somebody in.
const maxRevocations = 100_000

// The errors of Revoke.
var (
	ErrRevocation = errors.New("a revocation names one token, subject or key, by at most 256 printable bytes")
	ErrFull       = errors.New("the list of revocations is full")
)

// named is what an entry is found by.
type named struct {
	kind Kind
	id   string
}

func (r Revocation) name() named { return named{r.Kind, r.ID} }

// check says whether r is one that can be kept.
func (r Revocation) check() error {
	known := r.Kind == RevokeToken || r.Kind == RevokeSubject || r.Kind == RevokeKey
	if !known || r.ID == "" || !fit(r.ID) || !fit(r.Reason) {
		return ErrRevocation
	}
	return nil
}

func (r Revocation) over(now time.Time) bool { return !r.Until.IsZero() && !now.Before(r.Until) }

// revocations is the list of what is revoked, read by every request without a lock. It passes on over reloads.
type revocations struct {
	current atomic.Pointer[map[named]Revocation] // never nil; the map is never changed
	synced  moment                               // when it last agreed with Redis
	mu      sync.Mutex                           // held while a new map is made
}

func newRevocations() *revocations {
	r := &revocations{}
	r.current.Store(&map[named]Revocation{})
	return r
}

// list returns what is revoked at now, by kind and id.
func (r *revocations) list(now time.Time) []Revocation {
	var out []Revocation
	for _, e := range *r.current.Load() {
		if !e.over(now) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Revocation) int {
		return strings.Compare(string(a.Kind)+"\x00"+a.ID, string(b.Kind)+"\x00"+b.ID)
	})
	return out
}

// change makes a new map by edit, without what is over.
func (r *revocations) change(now time.Time, edit func(map[named]Revocation) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(*r.current.Load())
	maps.DeleteFunc(next, func(_ named, e Revocation) bool { return e.over(now) })
	if err := edit(next); err != nil {
		return err
	}
	r.current.Store(&next)
	return nil
}

func (r *revocations) add(e Revocation, now time.Time) error {
	return r.change(now, func(m map[named]Revocation) error {
		if _, there := m[e.name()]; !there && len(m) >= maxRevocations {
			return ErrFull
		}
		m[e.name()] = e
		return nil
	})
}

func (r *revocations) lift(n named, now time.Time) (was bool) {
	_ = r.change(now, func(m map[named]Revocation) error {
		_, was = m[n]
		delete(m, n)
		return nil
	})
	return was
}

// revoked reports whether id's credentials were ended; issued is when a token was made, zero for a key. Allocates nothing.
func (r *revocations) revoked(id *filters.Identity, issued, now time.Time) bool {
	m := *r.current.Load()
	if len(m) == 0 {
		return false
	}
	hit := func(kind Kind, name string) bool {
		e, there := m[named{kind, name}]
		if !there || name == "" || e.over(now) {
			return false
		}
		// NumericDate has seconds: a token of the same second may be older than the revocation.
		return kind != RevokeSubject || issued.IsZero() || !issued.After(e.At)
	}
	return hit(RevokeKey, id.KeyID) || hit(RevokeToken, id.TokenID) || hit(RevokeSubject, id.Subject)
}
