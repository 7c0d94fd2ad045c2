package behavior

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"blaze/filters"
	"blaze/telemetry"
)

// ban places a ban by score, unless one runs.
func (t *Tracker) ban(x *filters.Exchange, who Target, now time.Time, why [causes]float32) {
	var placed Ban
	what := t.bans.change(who, now, false, func(old Ban, known bool) (Ban, bool) {
		if known && old.runs(now) {
			return old, false // in shadow a banned client goes on scoring
		}
		count := 1 + old.row(now)
		placed = Ban{Target: who, Since: now, Until: now.Add(t.length(count)), By: byScore, Reason: reason(why), Count: count, own: true}
		return placed, true
	})
	switch {
	case what == full:
		t.placed["full"].Inc()
	case what == changed && !t.cfg.Enforced(x, Rule):
		t.placed["shadow"].Inc()
		t.tell("ban.shadow", &placed)
	case what == changed:
		t.placed[byScore].Inc()
		t.tell("ban.start", &placed)
	}
	if what == changed && t.cfg.Mode == filters.Enforce { // what is only tried out here must refuse nobody elsewhere
		t.share(who)
	}
}

// length is how long the nth ban in a row is.
func (t *Tracker) length(n int) time.Duration {
	d := t.cfg.Ban
	for i := 1; i < n && d < t.cfg.MaxBan; i++ {
		d *= 2
	}
	return min(d, t.cfg.MaxBan)
}

// reason names what the points were given for, most first.
func reason(why [causes]float32) string {
	order := []cause{threats, credentials, probing, errorsCause, sizes}
	slices.SortStableFunc(order, func(a, b cause) int {
		switch {
		case why[a] > why[b]:
			return -1
		case why[a] < why[b]:
			return 1
		}
		return 0
	})
	text := ""
	for _, c := range order {
		if why[c] >= 0.5 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%s %.0f", c, why[c])
		}
	}
	return text
}

// tell reports the beginning or the end of a ban.
func (t *Tracker) tell(what string, b *Ban) {
	e := telemetry.Event{Kind: "ban", Rule: what, Note: b.Reason}
	if what != "ban.end" && what != "ban.lift" {
		e.Note = fmt.Sprintf("for %s, number %d in a row: %s", b.Until.Sub(b.Since).Round(time.Second), b.Count, b.Reason)
	}
	if b.Net.IsValid() {
		e.Client = b.Target.String()
		if b.Net.Addr().IsLoopback() && b.By == byScore {
			e.Note += "; this is this machine's own address: a proxy that runs here belongs into proxy.trusted_proxies"
		}
	} else {
		e.Subject = b.Subject
	}
	t.events(e)
}

// The errors of Place.
var (
	ErrFull = errors.New("the list of bans is full of bans by hand: lift some")
	errTime = errors.New(`want "for" as a duration such as 24h, of 1s or more`)
)

// Place bans a target by hand, in place of whatever ban it has; d 0 is as long as a ban by score would be. It is in force
// here when it returns.
func (t *Tracker) Place(target Target, d time.Duration, why string) (Ban, error) {
	now := t.now()
	if d == 0 {
		d = t.cfg.Ban
	}
	if d < minTime || d > maxHand {
		return Ban{}, errTime
	}
	var placed Ban
	what := t.bans.change(target, now, true, func(old Ban, known bool) (Ban, bool) {
		placed = Ban{Target: target, Since: now, Until: now.Add(d), By: byHand, Reason: why, Count: max(1, old.row(now)), own: true}
		return placed, true
	})
	if what == full {
		return placed, ErrFull
	}
	t.placed[byHand].Inc()
	t.admin("ban.", &placed, why)
	t.tell("ban.start", &placed)
	t.share(target)
	return placed, nil
}

// Lift ends a target's ban, and forgets its score and the bans before; it reports whether there was one.
func (t *Tracker) Lift(target Target) bool {
	now := t.now()
	t.clients.forget(target.hash(t.seed))
	var lifted Ban
	was := false
	t.bans.change(target, now, true, func(old Ban, known bool) (Ban, bool) {
		was = known && old.runs(now)
		lifted, lifted.Until, lifted.Lifted = old, now, true
		return lifted, known
	})
	if !was {
		return false
	}
	t.admin("lift.", &lifted, "")
	t.tell("ban.lift", &lifted)
	t.share(target)
	return true
}

// admin reports what an operator did.
func (t *Tracker) admin(what string, b *Ban, why string) {
	e := telemetry.Event{Kind: "admin", Rule: what + b.kind(), Note: why}
	if b.Net.IsValid() {
		e.Client = b.Target.String()
	} else {
		e.Subject = b.Subject
	}
	t.events(e)
}

// Bans lists what is banned now, the last placed first.
func (t *Tracker) Bans() []Ban {
	now := t.now()
	return t.bans.list(func(b *Ban) bool { return b.runs(now) })
}
