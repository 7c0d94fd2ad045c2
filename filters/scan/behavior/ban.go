package behavior

import "time"

// Who placed a ban.
const (
	byScore = "auto"
	byHand  = "admin"
)

// Ban refuses its target until Until. One that is over is remembered for a while, since it makes the next one longer.
type Ban struct {
	Target
	Since, Until time.Time
	By           string
	Reason       string
	Count        int  // which one in a row this is, from 1
	Lifted       bool // by hand, at Until; it counts for nothing any more

	own  bool // placed here, so that this replica tells of its end
	over bool // its end was seen
}

// runs reports whether b refuses at now.
func (b *Ban) runs(now time.Time) bool { return !b.Lifted && now.Before(b.Until) }

// step is the quiet time that takes one back from Count.
const step = 24 * time.Hour

// row is how many bans in a row a ban that is over still stands for.
func (b *Ban) row(now time.Time) int {
	if b.Lifted {
		return 0
	}
	return max(0, b.Count-int(now.Sub(b.Until)/step))
}

// memory is how long a ban is kept: to its end, and while it makes the next one longer; one that was lifted for as long as
// another replica may not have heard of it.
func (b *Ban) memory() time.Time {
	if b.Lifted {
		return b.Until.Add(time.Hour)
	}
	return b.Until.Add(time.Duration(min(b.Count, 30)) * step)
}

// changed is when somebody last placed or lifted b.
func (b *Ban) changed() time.Time {
	if b.Lifted {
		return b.Until
	}
	return b.Since
}
