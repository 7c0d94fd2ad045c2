package behavior

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"blaze/filters"
)

//go:embed put.lua
var putText string

//go:embed get.lua
var getText string

const (
	syncTimeout = 500 * time.Millisecond // of one call
	batch       = 128                    // bans in one call
	maxDirty    = 1 << 14
)

// remote is the Redis through which bans are shared: those of one replica are in force on the others after one or two
// periods, and a replica that starts anew has them back. Scores are each replica's own.
type remote struct {
	redis    *filters.Redis
	put, get *redis.Script
}

func newRemote(r *filters.Redis) *remote {
	return &remote{redis: r, put: redis.NewScript(putText), get: redis.NewScript(getText)}
}

// keys are all in one cluster slot.
func (r *remote) key(name string) string { return r.redis.Prefix + ":{bans}:" + name }

// shared is what is known of Redis's list; it passes on over reloads.
type shared struct {
	looking sync.Mutex // held by who agrees with Redis

	mu      sync.Mutex
	epoch   string              // guarded by mu; of the list that was seen, empty before any was
	seen    int64               // guarded by mu; the last number read
	all     bool                // guarded by mu; everything known here is to be told
	dirty   map[Target]struct{} // guarded by mu; what is to be told
	failure string              // guarded by mu; of the last look, empty if it was good
	odd     int                 // guarded by mu; entries of the list that could not be read
}

func (s *shared) trouble() (failure string, odd int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure, s.odd
}

// everything notes that Redis has to be told all that is known here.
func (s *shared) everything() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = true
}

// share notes that the others have to be told of a target.
func (t *Tracker) share(target Target) {
	if t.remote == nil {
		return
	}
	s := &t.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty == nil {
		s.dirty = map[Target]struct{}{}
	}
	if len(s.dirty) < maxDirty {
		s.dirty[target] = struct{}{}
	} else {
		s.all = true
	}
}

// look agrees with Redis once: tells what is new here, reads what is new there.
func (t *Tracker) look(ctx context.Context) error {
	s := &t.shared
	s.looking.Lock()
	defer s.looking.Unlock()
	err := t.agree(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure = ""; err != nil {
		s.failure = "redis: bans are this replica's own until it answers"
	}
	return err
}

func (t *Tracker) agree(ctx context.Context) error {
	for range 2 * maxBans / batch { // the whole list and more; what is left then is for the next look
		if err := t.push(ctx); err != nil {
			return err
		}
		more, err := t.pull(ctx)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// pull reads one batch; more says that there is something left to do.
func (t *Tracker) pull(ctx context.Context) (more bool, err error) {
	s, r := &t.shared, t.remote
	s.mu.Lock()
	seen := s.seen
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	out, err := r.get.Run(ctx, r.redis.Client, []string{r.key("entries"), r.key("order"), r.key("number"), r.key("epoch")}, seen, batch).StringSlice()
	if err != nil {
		return false, err
	}
	if len(out) < 3 {
		return false, errAnswer
	}
	number, err1 := strconv.ParseInt(out[1], 10, 64)
	last, err2 := strconv.ParseFloat(out[2], 64) // a score
	if err := errors.Join(err1, err2); err != nil {
		return false, errAnswer
	}
	s.mu.Lock()
	if out[0] != s.epoch || number < seen { // another list, or an older one: theirs is read from its beginning, ours told
		more = s.epoch != out[0] || seen > 0
		s.epoch, s.seen, s.all, s.odd = out[0], 0, true, 0
		s.mu.Unlock()
		return more, nil
	}
	s.seen = int64(last)
	s.mu.Unlock()
	for _, text := range out[3:] {
		t.learn(text)
	}
	return int64(last) < number && int64(last) > seen, nil
}

// push tells Redis what it has not heard.
func (t *Tracker) push(ctx context.Context) error {
	todo := t.shared.take(t.bans)
	for len(todo) > 0 {
		some := todo[:min(batch, len(todo))]
		if err := t.write(ctx, some); err != nil {
			t.shared.again(todo)
			return err
		}
		todo = todo[len(some):]
	}
	return nil
}

// take empties the list of what is to be told.
func (s *shared) take(b *bans) (todo []Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all {
		for _, ban := range b.list(func(*Ban) bool { return true }) {
			todo = append(todo, ban.Target)
		}
	} else {
		for target := range s.dirty {
			todo = append(todo, target)
		}
	}
	s.all = false
	clear(s.dirty)
	return todo
}

// again puts back what could not be told.
func (s *shared) again(todo []Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty == nil {
		s.dirty = map[Target]struct{}{}
	}
	for _, target := range todo {
		if len(s.dirty) >= maxDirty {
			s.all = true
			return
		}
		s.dirty[target] = struct{}{}
	}
}

func (t *Tracker) write(ctx context.Context, some []Target) error {
	r := t.remote
	args := append(make([]any, 0, 3+5*len(some)), rand.Text(), t.now().UnixMilli(), maxBans)
	for _, target := range some {
		b, ok := t.bans.get(target)
		if !ok {
			continue // forgotten meanwhile
		}
		text, err := b.encode()
		if err != nil {
			return err
		}
		force := 0
		if b.Lifted || b.By == byHand {
			force = 1
		}
		args = append(args, entryName(target), b.changed().UnixMilli(), b.memory().UnixMilli(), force, text)
	}
	keys := []string{r.key("entries"), r.key("order"), r.key("ends"), r.key("number"), r.key("epoch")}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	return r.put.Run(ctx, r.redis.Client, keys, args...).Err()
}

var errAnswer = errors.New("redis: an answer that cannot be read")

// learn takes in an entry of the list, unless this replica has something newer to say of its target.
func (t *Tracker) learn(text string) {
	b, err := decode(text, t.now())
	s := &t.shared
	s.mu.Lock()
	if err != nil {
		s.odd++
	}
	_, mine := s.dirty[b.Target]
	s.mu.Unlock()
	if err != nil || mine {
		return
	}
	t.bans.change(b.Target, t.now(), b.By == byHand, func(old Ban, known bool) (Ban, bool) {
		b.own = known && old.own && old.Since.Equal(b.Since)
		return b, true
	})
	if b.Lifted {
		t.clients.forget(b.Target.hash(t.seed))
	}
}
