package auth

import (
	"time"

	"github.com/maypok86/otter/v2"

	"blaze/telemetry"
)

// maxCacheWeight bounds the tokens remembered, in bytes of token; identities and claims take some times that.
const maxCacheWeight = 8 << 20

// tokenCache remembers tokens that were good, by their SHA-256. What it returns is no older than the issuer's present
// keys and not past its end; revocation is looked up apart, for every request. It never remembers failures.
type tokenCache struct {
	entries      *otter.Cache[Hash, cached]
	hits, misses *telemetry.Counter
}

type cached struct {
	*proven
	weight uint32
}

func newTokenCache(metrics *telemetry.Metrics) *tokenCache {
	count := func(result string) *telemetry.Counter { return metrics.Counter("blaze_token_cache_total", result) }
	return &tokenCache{
		entries: otter.Must(&otter.Options[Hash, cached]{
			MaximumWeight: maxCacheWeight,
			Weigher:       func(_ Hash, c cached) uint32 { return c.weight },
			Executor:      func(f func()) { f() }, // a filter owns no goroutine
		}),
		hits: count("hit"), misses: count("miss"),
	}
}

func (c *tokenCache) get(digest Hash, now time.Time) *proven {
	e, ok := c.entries.GetIfPresent(digest)
	if !ok || e.keys != e.issuer.keySet(now) || !now.Before(e.expires) {
		c.misses.Inc()
		return nil
	}
	c.hits.Inc()
	return e.proven
}

func (c *tokenCache) put(digest Hash, p *proven, size int) {
	c.entries.Set(digest, cached{p, uint32(size)})
}
