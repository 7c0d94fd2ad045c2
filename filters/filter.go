// Package filters says what a filter is: it judges one exchange and changes nothing else. It holds the exchange, the
// verdicts, the catalogue of denials, and the chain that asks the filters in order, gives back what they took, and
// applies what all of them share: mode and on_error.
package filters

import (
	"context"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"

	"blaze/telemetry"
	"blaze/upstream"
)

// Filter judges the head of one exchange. Immutable after New, safe for concurrent use.
type Filter interface {
	Request(x *Exchange) Verdict
}

// BodyFilter is also implemented by a filter that must see the body; the proxy reads it once, after every head verdict.
// Body runs for every exchange, with an empty body too.
type BodyFilter interface {
	Body(x *Exchange) Verdict
}

// Settler is also implemented by a filter that takes something. Settle runs once, in reverse order, for exactly the
// filters whose Request passed: after denial, upstream error, client gone and panic alike. By then the exchange's
// outcome (Status, Usage, Abort) is known.
type Settler interface {
	Settle(x *Exchange)
}

// IdentityFilter is also implemented by a filter that must know who is calling, and comes before the one that proves it.
// Identified is asked once, as soon as that is known, and never for a stranger. Its verdict is that filter's own; what it
// refuses has been passed by the filters up to there, and they settle it.
type IdentityFilter interface {
	Identified(x *Exchange) Verdict
}

// Observer is also implemented by a filter that learns from how exchanges end. Ended is told of each once, after every
// filter has settled, whoever refused it: also those that were refused before a filter was asked, and those that it
// refused itself.
type Observer interface {
	Ended(x *Exchange)
}

// Runner is also implemented by a filter that needs work between requests (a key set to refresh). A filter owns no
// goroutine: the policy store calls Run for the snapshot that serves and cancels ctx when it is replaced.
type Runner interface {
	Run(ctx context.Context)
}

// Checker is also implemented by a filter that depends on something outside; its parts show in /health/detailed.
type Checker interface {
	Checks() []telemetry.Check
}

// Env is what a filter's New may use of the process. Nothing in it does network I/O.
type Env struct {
	Metrics *telemetry.Metrics
	Log     telemetry.Logger
	Events  func(telemetry.Event)
	Pools   *upstream.Pools
	// Routes are the names of the policy's own routes.
	Routes []string
	// ByModel reports whether one of them goes by the model: which route a request takes is then known with its body only.
	ByModel bool
	Now     func() time.Time
	// Redis is the one that the policy names under filters.ratelimit.store; bans and revocations are shared through it too.
	// Nil when the limits are kept in memory. Nothing is sent to it before Run.
	Redis *Redis
	// Trusted reports whether an address is one of proxy.trusted_proxies: it stands for clients that are not known, and is
	// none itself. Nil trusts nobody.
	Trusted func(netip.Addr) bool
	// ReadFile reads a file that the policy names, relative to the policy file that names it. What is read is watched:
	// a change of the file is a change of the policy.
	ReadFile func(path string) ([]byte, error)
}

// Redis is a Redis that the replicas of one installation share.
type Redis struct {
	Client redis.UniversalClient
	Prefix string // begins every key
}
