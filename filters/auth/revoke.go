package auth

import (
	"context"
	"time"

	"blaze/filters"
	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// shareRevocations takes over what is revoked, and shares it where the policy wants that.
func (f *Filter) shareRevocations(cfg Revoked, prev *Filter, env filters.Env) error {
	f.revoked = newRevocations()
	if prev != nil {
		f.revoked = prev.revoked
	}
	if cfg.MaxStale < 0 {
		return setting.Wrong("sessions.revoked.max_stale", "a duration, or 0s for any", cfg.MaxStale)
	}
	if !cfg.Redis {
		return nil
	}
	if env.Redis == nil {
		return &setting.Problem{Path: "sessions.revoked.redis", Want: "ratelimit.store.redis, which it shares", Got: "limits that are kept in memory"}
	}
	f.replicas = &replicas{redis: env.Redis, local: f.revoked, maxStale: cfg.MaxStale, now: env.Now}
	if prev != nil && prev.replicas != nil {
		f.replicas.inherit(prev.replicas)
	}
	return nil
}

// listed refuses, with x.Identity proved, where it cannot be known whether that was revoked. An identity that was proved
// stays when the list is only old: with on_error: open the exchange goes on as who it is. When the list was never read,
// it goes on as nobody, so that a restart without Redis lets no one in who was out.
func (f *Filter) listed(x *filters.Exchange, now time.Time) *refusal {
	if f.replicas == nil || x.Dry || x.Identity == filters.Anonymous {
		return nil
	}
	ever, fresh := f.replicas.known(now)
	if fresh {
		return nil
	}
	if !ever {
		x.Identity = filters.Anonymous
	}
	return &noList
}

// Revoke ends credentials. It is in force here when it returns, even with an error that says Redis could not be told;
// on the other replicas within a second of that.
func (f *Filter) Revoke(ctx context.Context, r Revocation) error {
	now := f.now()
	if r.At.IsZero() {
		r.At = now
	}
	if err := r.check(); err != nil {
		return err
	}
	f.events(telemetry.Event{Kind: "admin", Subject: r.ID, Rule: "revoke." + string(r.Kind), Note: r.Reason})
	if f.replicas == nil {
		return f.revoked.add(r, now)
	}
	return f.replicas.revoke(ctx, r)
}

// Lift takes a revocation back and reports whether there was one.
func (f *Filter) Lift(ctx context.Context, kind Kind, id string) (bool, error) {
	f.events(telemetry.Event{Kind: "admin", Subject: id, Rule: "lift." + string(kind)})
	if f.replicas == nil {
		return f.revoked.lift(named{kind, id}, f.now()), nil
	}
	return f.replicas.lift(ctx, named{kind, id})
}

// Revocations lists what is revoked now, by kind and id.
func (f *Filter) Revocations() []Revocation { return f.revoked.list(f.now()) }
