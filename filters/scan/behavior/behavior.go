// Package behavior bans clients that behave like an attack. It looks at how exchanges end (refused for what, served or
// not), never at what they say: each ending that speaks against a client is worth points, points decay, and whoever has
// too many is refused for a while, each time for longer. An identity that was proved answers for itself, whatever address
// it comes from; everybody else answers as an address. Nothing here waits: Redis is told and asked beside the requests.
package behavior

import (
	"hash/maphash"
	"net/netip"
	"time"

	"blaze/filters"
	"blaze/telemetry"
)

// Rule is what logs, metrics and shadow counts call a refusal of who is banned.
const Rule = "behavior.ban"

// What banned callers are told.
var (
	addressBanned  = filters.AddressDenied.With("Requests from this address are refused for a while: too many were refused before.")
	identityBanned = filters.InsufficientPermissions.With("These credentials are refused for a while: too many of their requests were refused before.")
)

// Tracker keeps scores and bans. What it was told to do (cfg) is its own; what it knows passes on over reloads. Immutable
// after New, safe for concurrent use.
type Tracker struct {
	cfg     Config
	rules   rules
	except  []netip.Prefix
	trusted func(netip.Addr) bool
	now     func() time.Time
	events  func(telemetry.Event)
	log     telemetry.Logger
	metrics *telemetry.Metrics
	placed  map[string]*telemetry.Counter // by who placed them
	remote  *remote                       // nil where bans are this replica's own
	// introduce: the Redis is one that the tracker before did not share with, so that it has to be told everything.
	introduce bool
	*state
}

// state outlives a reload.
type state struct {
	seed    maphash.Seed
	clients clients
	bans    *bans
	shared  shared
}

// New compiles cfg; prev is the tracker that serves now, or nil. Problems are joined *setting.Problem, with paths relative
// to the section.
func New(cfg Config, prev *Tracker, env filters.Env) (*Tracker, error) {
	except, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	t := &Tracker{
		cfg: cfg, except: except, trusted: env.Trusted, now: env.Now, events: env.Events, log: env.Log, metrics: env.Metrics,
		rules:  rules{half: float64(cfg.Window / 2), goal: float32(cfg.Score)},
		placed: map[string]*telemetry.Counter{},
	}
	for _, by := range []string{byScore, byHand, "shadow", "full"} {
		t.placed[by] = env.Metrics.Counter("blaze_bans_total", by)
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.events == nil {
		t.events = func(telemetry.Event) {}
	}
	if prev != nil {
		t.state = prev.state
	} else {
		seed := maphash.MakeSeed()
		t.state = &state{seed: seed, bans: newBans(seed)}
		t.clients.began = t.now()
	}
	if env.Redis != nil && env.Redis.Client != nil {
		t.remote = newRemote(env.Redis)
		t.introduce = prev != nil && (prev.remote == nil || prev.remote.redis.Client != env.Redis.Client)
	}
	return t, nil
}

// Check refuses an address that is banned. While nobody is, it costs one load.
func (t *Tracker) Check(x *filters.Exchange) filters.Verdict {
	if t.bans.running.Load() == 0 || x.Replay || !x.Client.IsValid() {
		return filters.Pass()
	}
	target := Target{Net: unit(x.Client)}
	if b, now := t.running(target); b.By != "" && t.holds(&b, x.Client) {
		return t.refuse(x, &b, now, addressBanned)
	}
	if wide := t.bans.wide.Load(); wide != nil {
		if target, in := wide.Lookup(target.Net.Addr()); in {
			if b, now := t.running(target); b.By != "" && t.holds(&b, x.Client) {
				return t.refuse(x, &b, now, addressBanned)
			}
		}
	}
	return filters.Pass()
}

// Identified refuses an identity that is banned.
func (t *Tracker) Identified(x *filters.Exchange) filters.Verdict {
	if t.bans.people.Load() == 0 || x.Replay {
		return filters.Pass()
	}
	target, ok := ofIdentity(x.Identity)
	if !ok {
		return filters.Pass()
	}
	for _, issuer := range [...]string{target.Issuer, anyIssuer} {
		target.Issuer = issuer
		if b, now := t.running(target); b.By != "" {
			return t.refuse(x, &b, now, identityBanned)
		}
	}
	return filters.Pass()
}

// running returns the ban of a target that runs now; zero when there is none, which takes no lock and no clock.
func (t *Tracker) running(target Target) (b Ban, now time.Time) {
	if !t.bans.may(target) {
		return b, now
	}
	now = t.now()
	if b, _ = t.bans.get(target); !b.runs(now) {
		return Ban{}, now
	}
	return b, now
}

// refuse gives a ban its effect: one by hand always has it, one by score as mode and rollout say.
func (t *Tracker) refuse(x *filters.Exchange, b *Ban, now time.Time, d *filters.Denial) filters.Verdict {
	v := filters.Deny(d, Rule).After(b.Until.Sub(now))
	if b.By == byHand {
		return v
	}
	return t.cfg.Decide(x, "scan", v)
}

// holds reports whether b counts for this address: one by score does not where the policy excepts it.
func (t *Tracker) holds(b *Ban, a netip.Addr) bool { return b.By == byHand || !t.spared(a) }

// spared reports whether an address stands for nobody in particular, or is never to be banned.
func (t *Tracker) spared(a netip.Addr) bool { return t.excepted(a) || t.trusted != nil && t.trusted(a) }

func (t *Tracker) excepted(a netip.Addr) bool {
	for _, p := range t.except {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Ended learns from the end of an exchange, and bans whoever has reached the score.
func (t *Tracker) Ended(x *filters.Exchange) {
	if x.Dry || x.Replay || t.cfg.Mode == filters.Off || !x.Client.IsValid() || t.excepted(x.Client) {
		return
	}
	w, bad := weigh(x)
	good := !bad && served(x)
	if !bad && !good {
		return
	}
	address := Target{Net: unit(x.Client)}
	who, known := ofIdentity(x.Identity)
	if !known {
		if who = address; t.trusted != nil && t.trusted(x.Client) {
			return
		}
	}
	now := t.now()
	n := note{weight: w}
	if bad {
		n.bit = t.bit(x, w.by)
	} else {
		n = note{forgiven: forgiven, size: magnitude(x.BytesIn)}
	}
	if why, over := t.clients.add(who.hash(t.seed), t.clients.since(now), n, t.rules); over {
		t.ban(x, who, now, why)
	}
	if good && known { // who shares an address with those who behave
		t.clients.add(address.hash(t.seed), t.clients.since(now), note{forgiven: forgiven}, t.rules)
	}
}

// bit is where an exchange's path or credential is looked up in a sketch: a keyed hash, so that neither can be told from it.
func (t *Tracker) bit(x *filters.Exchange, by novelty) uint8 {
	switch by {
	case byPath:
		return uint8(maphash.Bytes(t.seed, x.Path.Raw) >> 58)
	case byCredential:
		h := uint64(0)
		for _, field := range [...]struct {
			in   bool
			name string
		}{
			{x.Credentials.Authorization, "Authorization"},
			{x.Credentials.Header != "", x.Credentials.Header},
			{x.Credentials.Protocol, "Sec-Websocket-Protocol"},
		} {
			if field.in && x.Request != nil {
				h = h*31 + maphash.Bytes(t.seed, x.Request.Peek(field.name))
			}
		}
		return uint8(h >> 58)
	}
	return 0
}
