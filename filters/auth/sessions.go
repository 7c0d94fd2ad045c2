package auth

import (
	"hash/maphash"
	"sync"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// sessions is the compiled Sessions, with the state that passes on over reloads.
type sessions struct {
	filters.Rollout
	most    int
	maxAge  time.Duration
	running *running
}

// begin counts x among its subject's running exchanges, or refuses.
func (s *sessions) begin(x *filters.Exchange) filters.Verdict {
	if s.most <= 0 || x.Dry || x.Identity == filters.Anonymous {
		return filters.Pass()
	}
	if !s.running.begin(x.Identity, s.most) {
		v := s.Decide(x, "auth", filters.Deny(filters.TooManySessions, "sessions.max_concurrent").After(time.Second))
		if !v.Passed() {
			return v
		}
		s.running.begin(x.Identity, 0) // in shadow it is let through, and counts
	}
	x.Session = true
	return filters.Pass()
}

// end gives back what begin took.
func (s *sessions) end(x *filters.Exchange) {
	if x.Session {
		x.Session = false
		s.running.end(x.Identity)
	}
}

// tooOld reports whether a token's session began too long ago: at auth_time, or, where the issuer does not tell, at iat.
// A token with neither has no age that could be known.
func (s *sessions) tooOld(p *proven, now time.Time) bool {
	if s.maxAge <= 0 {
		return false
	}
	began := p.identity.AuthTime
	if began.IsZero() {
		began = p.issued
	}
	return began.IsZero() || now.Sub(began) > s.maxAge
}

func newSessions(cfg Sessions, prev *Filter) (*sessions, error) {
	s := &sessions{Rollout: cfg.Rollout, most: cfg.MaxConcurrent, maxAge: cfg.MaxAge}
	if prev != nil {
		s.running = prev.sessions.running
	} else {
		s.running = newRunning()
	}
	switch {
	case cfg.MaxConcurrent < 0:
		return nil, setting.Wrong("sessions.max_concurrent", "a number of exchanges, or 0 for any", cfg.MaxConcurrent)
	case cfg.MaxAge < 0:
		return nil, setting.Wrong("sessions.max_age", "a duration, or 0s for any", cfg.MaxAge)
	}
	return s, nil
}

// shards is how many locks share the counts.
const shards = 64

// running counts exchanges by subject. It holds subjects with exchanges under way only, and so is bounded by these.
type running struct {
	seed  maphash.Seed
	shard [shards]struct {
		mu     sync.Mutex
		counts map[subject]int // guarded by mu
	}
}

// subject is who a session belongs to: subjects of different issuers are different people, keys are of one issuer.
type subject struct{ issuer, name string }

func newRunning() *running {
	r := &running{seed: maphash.MakeSeed()}
	for i := range r.shard {
		r.shard[i].counts = map[subject]int{}
	}
	return r
}

// begin counts one more, unless there are most already; most 0 is no bound.
func (r *running) begin(id *filters.Identity, most int) bool {
	s := &r.shard[maphash.String(r.seed, id.Subject)%shards]
	who := subject{id.Issuer, id.Subject}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.counts[who]
	if most > 0 && n >= most {
		return false
	}
	s.counts[who] = n + 1
	return true
}

func (r *running) end(id *filters.Identity) {
	s := &r.shard[maphash.String(r.seed, id.Subject)%shards]
	who := subject{id.Issuer, id.Subject}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.counts[who]; n > 1 {
		s.counts[who] = n - 1
	} else {
		delete(s.counts, who)
	}
}

// subjects counts those with exchanges under way.
func (r *running) subjects() (n int) {
	for i := range r.shard {
		s := &r.shard[i]
		s.mu.Lock()
		n += len(s.counts)
		s.mu.Unlock()
	}
	return n
}
