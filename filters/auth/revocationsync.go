package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"blaze/filters"
	"blaze/telemetry"
)

// How replicas agree. A revocation is in force on the replica that is told at once, and on the others after one period.
const (
	syncPeriod  = 250 * time.Millisecond
	syncTimeout = 500 * time.Millisecond
	// claimTimeout bounds what a request with a one-time code may wait.
	claimTimeout = 200 * time.Millisecond
)

// replicas shares revocations through Redis: a hash of entries and a number that grows with every change of it, which
// each replica looks at. Redis also keeps them across restarts. Requests never wait for it; they read what was agreed
// last, and hear how old that is.
type replicas struct {
	redis    *filters.Redis
	local    *revocations
	maxStale time.Duration
	now      func() time.Time

	mu      sync.Mutex
	seen    state        // last; guarded by mu
	pending []Revocation // known here, not yet to Redis; guarded by mu
	failure string       // of the last look, empty if it was good; guarded by mu
}

// state is what tells that Redis's list has changed.
type state struct{ epoch, version string }

// All keys are in one cluster slot.
func (r *replicas) entries() string { return r.redis.Prefix + ":{revoked}:entries" }
func (r *replicas) epoch() string   { return r.redis.Prefix + ":{revoked}:epoch" }
func (r *replicas) changes() string { return r.redis.Prefix + ":{revoked}:version" }

// known says whether the list may be relied on at now: it was read once (ever), and not too long ago (fresh).
func (r *replicas) known(now time.Time) (ever, fresh bool) {
	ever = r.local.synced.is()
	return ever, ever && (r.maxStale <= 0 || r.local.synced.age(now) <= r.maxStale)
}

// inherit takes over what prev had seen, and not yet told.
func (r *replicas) inherit(prev *replicas) {
	prev.mu.Lock()
	defer prev.mu.Unlock()
	r.seen, r.pending = prev.seen, slices.Clone(prev.pending)
}

// run keeps the list until ctx ends.
func (r *replicas) run(ctx context.Context) {
	tick := time.NewTicker(syncPeriod)
	defer tick.Stop()
	for {
		_ = r.look(ctx) // kept in failure, for the checks
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look agrees with Redis once.
func (r *replicas) look(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	err := r.lookLocked(ctx)
	if r.failure = ""; err != nil {
		r.failure = "redis: the list of revocations cannot be read"
		return err
	}
	r.local.synced.set(r.now())
	return nil
}

func (r *replicas) lookLocked(ctx context.Context) error {
	seen, err := r.state(ctx)
	if err != nil {
		return err
	}
	// Redis has lost its data, or has not heard of what was revoked before it was shared: what is known here is given to it.
	if first := !r.local.synced.is(); first || r.seen.epoch != "" && seen.epoch != r.seen.epoch {
		r.pending = r.local.list(r.now())
	}
	if len(r.pending) > 0 {
		if err := r.push(ctx, r.pending); err != nil {
			return err
		}
		r.pending = nil
		if seen, err = r.state(ctx); err != nil {
			return err
		}
	}
	if seen == r.seen && r.local.synced.is() {
		return nil
	}
	fields, err := r.redis.Client.HGetAll(ctx, r.entries()).Result()
	if err != nil {
		return err
	}
	if err := r.take(fields); err != nil {
		return err
	}
	r.seen = seen
	return nil
}

// state reads the number of changes, and the epoch that it counts in: a Redis that was emptied counts in another.
func (r *replicas) state(ctx context.Context) (s state, err error) {
	if r.redis.Client == nil {
		return s, errNoRedis
	}
	values, err := r.redis.Client.MGet(ctx, r.epoch(), r.changes()).Result()
	if err != nil {
		return s, err
	}
	s.epoch, _ = values[0].(string)
	s.version, _ = values[1].(string)
	return s, nil
}

// push writes entries.
func (r *replicas) push(ctx context.Context, list []Revocation) error {
	return r.write(ctx, func(pipe redis.Pipeliner) {
		for _, e := range list {
			text, _ := json.Marshal(e) // texts and times always can be
			pipe.HSet(ctx, r.entries(), field(e.name()), text)
		}
	})
}

// write makes one change, whole or not at all.
func (r *replicas) write(ctx context.Context, change func(redis.Pipeliner)) error {
	if r.redis.Client == nil {
		return errNoRedis
	}
	_, err := r.redis.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.SetNX(ctx, r.epoch(), rand.Text(), 0)
		change(pipe)
		pipe.Incr(ctx, r.changes())
		return nil
	})
	return err
}

// take replaces the local list. A field that cannot be read is an error, since leaving it out could let somebody in.
func (r *replicas) take(fields map[string]string) error {
	list := make([]Revocation, 0, len(fields))
	for name, text := range fields {
		var e Revocation
		if err := json.Unmarshal([]byte(text), &e); err != nil || e.check() != nil || field(e.name()) != name {
			return fmt.Errorf("entry %s cannot be read", strconv.Quote(name))
		}
		list = append(list, e)
	}
	if len(list) > maxRevocations {
		return ErrFull
	}
	return r.local.change(r.now(), func(m map[named]Revocation) error {
		clear(m)
		for _, e := range list {
			if !e.over(r.now()) {
				m[e.name()] = e
			}
		}
		return nil
	})
}

func field(n named) string { return string(n.kind) + ":" + n.id }

// revoke tells Redis and, whether that works or not, this replica. What Redis does not take now it is given later.
func (r *replicas) revoke(ctx context.Context, e Revocation) error {
	if err := r.local.add(e, r.now()); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	if r.push(ctx, []Revocation{e}) != nil {
		if len(r.pending) < maxRevocations {
			r.pending = append(r.pending, e)
		}
		return errLocal
	}
	return nil
}

// errNoRedis: nobody has put the client where it belongs (filters.Env.Redis).
var errNoRedis = errors.New("there is no Redis client")

var errLocal = errors.New("cannot reach Redis: revoked on this replica now, on the others when it is back")

// claim takes a key's one-time code of a period for this replica, or says that another has had it. It waits for Redis, and
// is the only thing here that does on behalf of a request; codes are given once in a while.
func (r *replicas) claim(keyID string, period int64) *refusal {
	if r.redis.Client == nil {
		return &noClaim
	}
	ctx, cancel := context.WithTimeout(context.Background(), claimTimeout)
	defer cancel()
	name := fmt.Sprintf("%s:otp:%s:%d", r.redis.Prefix, keyID, period)
	first, err := r.redis.Client.SetNX(ctx, name, 1, (2*otpDrift+2)*otpPeriod*time.Second).Result()
	switch {
	case err != nil:
		return &noClaim
	case !first:
		return &wrongCode
	}
	return nil
}

// lift tells Redis first: lifted here alone, the entry would come back.
func (r *replicas) lift(ctx context.Context, n named) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	var gone *redis.IntCmd
	if r.write(ctx, func(pipe redis.Pipeliner) { gone = pipe.HDel(ctx, r.entries(), field(n)) }) != nil {
		return false, errors.New("cannot reach Redis: not lifted")
	}
	was := r.local.lift(n, r.now())
	return was || gone.Val() > 0, nil
}

// check is what /health/detailed shows.
func (r *replicas) check() telemetry.Check {
	r.mu.Lock()
	failure := r.failure
	r.mu.Unlock()
	now := r.now()
	c := telemetry.Check{Name: "revocations", Status: "ok"}
	detail := map[string]any{"entries": len(r.local.list(now))}
	if _, fresh := r.known(now); !fresh {
		c.Status = "down"
	} else if failure != "" {
		c.Status = "degraded"
	}
	if failure != "" {
		detail["error"] = failure
	}
	c.Detail = detail
	return c
}
