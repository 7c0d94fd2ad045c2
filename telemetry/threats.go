package telemetry

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"blaze/telemetry/setting"
)

// Bounds: offenders that are told apart, in sets so that finding one is short; and events remembered.
const (
	offenderSets = 64
	offenderWays = 8
	lastEvents   = 256
)

// threats knows who was refused most and what happened last, in a fixed amount of memory whatever the number of
// clients. Only refused exchanges meet at its locks, and those only within their set.
type threats struct {
	logins atomic.Int64
	sets   [offenderSets]offenderSet

	mu     sync.Mutex
	events []TimedEvent // guarded by mu; a ring
	next   int          // guarded by mu
}

// offenderSet keeps the worst of the clients that fall into it, by the space-saving algorithm (Metwally et al., 2005):
// a newcomer takes the place of the least, and its count, so that who comes often is never lost.
type offenderSet struct {
	mu   sync.Mutex
	ways [offenderWays]offender
}

type offender struct {
	client              netip.Addr
	denials, logins     int64
	inherited           int64 // of denials, how many may be another's
	rule                [48]byte
	ruleLen             int
	firstSeen, lastSeen time.Time
}

// denied counts a refusal against its client.
func (t *threats) denied(now time.Time, r *Record) {
	login := failedLogin(r.Code)
	if login {
		t.logins.Add(1)
	}
	if !r.Client.IsValid() {
		return
	}
	client := setting.Subscriber(r.Client)
	s := &t.sets[setOf(client)]
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(client, now)
	o.denials++
	if login {
		o.logins++
	}
	o.lastSeen = now
	o.ruleLen = copy(o.rule[:], r.Rule)
}

// find returns the client's place, or makes it the least one's.
func (s *offenderSet) find(client netip.Addr, now time.Time) *offender {
	least := &s.ways[0]
	for i := range s.ways {
		o := &s.ways[i]
		if o.client == client {
			return o
		}
		if o.denials < least.denials {
			least = o
		}
	}
	*least = offender{client: client, denials: least.denials, inherited: least.denials, firstSeen: now}
	return least
}

func setOf(a netip.Addr) uint32 {
	h := uint32(2166136261)
	for _, b := range a.As16() {
		h = (h ^ uint32(b)) * 16777619
	}
	return (h ^ h>>16) % offenderSets
}

// failedLogin reports whether a refusal's code says that credentials were shown and were no good.
func failedLogin(code string) bool {
	return code == "invalid_api_key" || code == "invalid_token" || code == "token_expired"
}

// OffenderJSON is one client in /security/status.
type OffenderJSON struct {
	Client       string    `json:"client"`
	Denials      int64     `json:"denials"`
	Uncertain    int64     `json:"uncertain,omitempty"` // how many of them may be another client's
	FailedLogins int64     `json:"failed_logins"`
	LastRule     string    `json:"last_rule"`
	FirstSeen    time.Time `json:"first_seen"`
	LastSeen     time.Time `json:"last_seen"`
}

// worst lists the clients that were refused most.
func (t *threats) worst(n int) []OffenderJSON {
	out := []OffenderJSON{}
	for i := range t.sets {
		t.sets[i].list(&out)
	}
	slices.SortFunc(out, func(a, b OffenderJSON) int {
		return cmp.Or(cmp.Compare(b.Denials, a.Denials), strings.Compare(a.Client, b.Client))
	})
	return out[:min(n, len(out))]
}

func (s *offenderSet) list(out *[]OffenderJSON) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.ways {
		o := &s.ways[i]
		if !o.client.IsValid() {
			continue
		}
		name := o.client.String()
		if o.client.Is6() {
			name += "/64"
		}
		*out = append(*out, OffenderJSON{
			Client: name, Denials: o.denials, Uncertain: o.inherited, FailedLogins: o.logins,
			LastRule: string(o.rule[:o.ruleLen]), FirstSeen: o.firstSeen.UTC(), LastSeen: o.lastSeen.UTC(),
		})
	}
}

// TimedEvent is an event with its time, as /security/status shows it.
type TimedEvent struct {
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"`
	RequestID string    `json:"request_id,omitempty"`
	Client    string    `json:"client,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Rule      string    `json:"rule,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// happened remembers an event; it copies what it keeps.
func (t *threats) happened(now time.Time, e Event) {
	own := TimedEvent{
		now.UTC(), strings.Clone(clip(e.Kind)), strings.Clone(clip(e.RequestID)), strings.Clone(clip(e.Client)),
		strings.Clone(clip(e.Subject)), strings.Clone(clip(e.Rule)), strings.Clone(clip(e.Note)),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) < lastEvents {
		t.events = append(t.events, TimedEvent{})
	}
	t.events[t.next] = own
	t.next = (t.next + 1) % lastEvents
}

// last lists the last n events, newest first.
func (t *threats) last(n int) []TimedEvent {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []TimedEvent{}
	for i := 1; i <= len(t.events) && i <= n; i++ {
		out = append(out, t.events[(t.next-i+lastEvents)%lastEvents])
	}
	return out
}
