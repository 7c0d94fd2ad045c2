package auth

import (
	"sync/atomic"
	"time"
)

// moment is when something last succeeded, for readers who take no lock. It keeps the clock's monotonic half: were it a number of
// the wall clock, one that is set back by hours would make what is stale fresh for as long. The zero moment is never.
type moment struct{ at atomic.Pointer[time.Time] }

func (m *moment) set(now time.Time) { m.at.Store(&now) }

func (m *moment) is() bool { return m.at.Load() != nil }

func (m *moment) time() time.Time {
	if at := m.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// age is how long ago it was; never is longer than anything.
func (m *moment) age(now time.Time) time.Duration { return now.Sub(m.time()) }
