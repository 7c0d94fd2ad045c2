package behavior

import (
	"encoding/binary"
	"math"
	"net/netip"
	"sync"
	"time"

	"blaze/filters"
)

const (
	shards  = 64
	maxBans = 1024 // in one shard
	memory  = 24 * time.Hour
)

// Tracker keeps scores and bans. Safe for concurrent use.
type Tracker struct {
	cfg Config
	now func() time.Time
	*tables
}

// tables outlive a reload.
type tables struct{ shards [shards]shard }

type shard struct {
	mu     sync.Mutex
	scores map[netip.Addr]score
	bans   map[netip.Addr]Ban
}

type score struct {
	points float64
	at     int64 // unix ns
}

// Ban is one address (an IPv6 one stands for its /64) that is refused until Until.
type Ban struct {
	Address netip.Addr `json:"address"`
	Since   time.Time  `json:"since"`
	Until   time.Time  `json:"until"`
	Cause   string     `json:"cause"`
	Count   int        `json:"count"` // bans within a day of each other
}

// New makes a tracker that goes on with what prev knows; prev may be nil.
func New(cfg Config, prev *Tracker, env filters.Env) (*Tracker, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	t := &Tracker{cfg: cfg, now: env.Now, tables: &tables{}}
	if t.now == nil {
		t.now = time.Now
	}
	if prev != nil {
		t.tables = prev.tables
		return t, nil
	}
	for i := range t.shards {
		t.shards[i].scores, t.shards[i].bans = map[netip.Addr]score{}, map[netip.Addr]Ban{}
	}
	return t, nil
}

// network is what an address is judged by.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	b := a.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}

func (t *tables) shard(a netip.Addr) *shard {
	b := a.As16()
	h := (binary.LittleEndian.Uint64(b[:8]) ^ binary.LittleEndian.Uint64(b[8:])) * 0x9e3779b97f4a7c15
	return &t.shards[h>>58]
}

// Check refuses a banned address.
func (t *Tracker) Check(x *filters.Exchange) filters.Verdict {
	if t.cfg.Mode == filters.Off || !x.Client.IsValid() || t.excepted(x.Client) {
		return filters.Pass()
	}
	a := network(x.Client)
	s := t.shard(a)
	s.mu.Lock()
	until := s.bans[a].Until
	s.mu.Unlock()
	if until.IsZero() {
		return filters.Pass()
	}
	left := until.Sub(t.now())
	if left <= 0 {
		return filters.Pass()
	}
	return t.cfg.Decide(x, "scan", filters.Deny(filters.AddressDenied, "behavior.ban").After(left))
}

func (t *Tracker) excepted(a netip.Addr) bool {
	for _, p := range t.cfg.Except {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// Settle scores an exchange whose outcome is known.
func (t *Tracker) Settle(x *filters.Exchange) {
	if x.Abort == "" {
		t.Score(x, x.Verdict, x.Status)
	}
}

// Score adds what verdict and status weigh to the address's score, and bans it at the limit.
func (t *Tracker) Score(x *filters.Exchange, v filters.Verdict, status int) {
	if x.Dry || t.cfg.Mode == filters.Off || !x.Client.IsValid() || t.excepted(x.Client) {
		return
	}
	points, cause := weigh(v, status)
	if points == 0 {
		return
	}
	a, now := network(x.Client), t.now()
	s := t.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.scores[a]
	if !known && points < 0 {
		return
	}
	if !known && len(s.scores) >= t.cfg.MaxClients/shards {
		s.forget()
	}
	age := float64(max(0, now.UnixNano()-old.at))
	next := max(0, old.points*math.Exp2(-age/float64(t.cfg.Window/2))+points)
	if next < float64(t.cfg.Score) {
		s.scores[a] = score{next, now.UnixNano()}
		return
	}
	delete(s.scores, a)
	t.ban(s, a, now, cause)
}

// forget drops the longest quiet of a few.
func (s *shard) forget() {
	var victim netip.Addr
	at, n := int64(math.MaxInt64), 0
	for a, e := range s.scores {
		if e.at < at {
			victim, at = a, e.at
		}
		if n++; n == 8 {
			break
		}
	}
	delete(s.scores, victim)
}

func (t *Tracker) ban(s *shard, a netip.Addr, now time.Time, cause string) {
	old, again := s.bans[a]
	if now.Before(old.Until) {
		return // in shadow a banned address goes on scoring
	}
	count := 1
	if again && now.Sub(old.Until) < memory {
		count = old.Count + 1
	}
	if !again && len(s.bans) >= maxBans {
		s.soonest()
	}
	d := t.cfg.Ban
	for i := 1; i < count && d < t.cfg.MaxBan; i++ {
		d *= 2
	}
	s.bans[a] = Ban{Address: a, Since: now, Until: now.Add(min(d, t.cfg.MaxBan)), Cause: cause, Count: count}
}

// soonest drops the ban that ends first.
func (s *shard) soonest() {
	var victim Ban
	for _, b := range s.bans {
		if victim.Until.IsZero() || b.Until.Before(victim.Until) {
			victim = b
		}
	}
	delete(s.bans, victim.Address)
}

// weigh says what one outcome is worth, and why. Server errors say nothing of the client.
func weigh(v filters.Verdict, status int) (points float64, cause string) {
	if v.Denied() {
		status = v.Denial.Status
		switch v.Denial.Code {
		case filters.ThreatDetected.Code:
			return 25, "threats"
		case filters.InvalidAPIKey.Code, filters.InvalidToken.Code:
			return 10, "credentials"
		case filters.UnknownRoute.Code, filters.MethodNotAllowed.Code:
			return 5, "probing"
		}
	}
	switch {
	case status == 429:
		return 0.1, "errors"
	case status >= 400 && status < 500:
		return 2, "errors"
	case status >= 200 && status < 300:
		return -1, ""
	}
	return 0, ""
}

// Bans lists who is banned now.
func (t *Tracker) Bans() []Ban {
	now, out := t.now(), []Ban{}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, b := range s.bans {
			if now.Before(b.Until) {
				out = append(out, b)
			}
		}
		s.mu.Unlock()
	}
	return out
}

// List is Bans for /security/status.
func (t *Tracker) List() any { return t.Bans() }

// Lift ends a's ban and forgets its score and its earlier bans; it says whether there was one.
func (t *Tracker) Lift(a netip.Addr) bool {
	a = network(a)
	s := t.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, was := s.bans[a]
	delete(s.bans, a)
	delete(s.scores, a)
	return was && t.now().Before(b.Until)
}
