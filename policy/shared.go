package policy

import "blaze/filters"

// sharedRedis is the box for the Redis that replicas share (filters.Env.Redis), empty as yet; nil when the limits are kept
// in memory.
func sharedRedis(sections map[string]any) *filters.Redis {
	limits, _ := sections["ratelimit"].(map[string]any)
	store, _ := limits["store"].(map[string]any)
	if store["redis"] == nil {
		return nil
	}
	return new(filters.Redis)
}

// fillRedis puts the client that the limits have made into the box.
func fillRedis(box *filters.Redis, f filters.Filter) {
	if maker, ok := f.(interface{ Redis() filters.Redis }); ok && box != nil {
		*box = maker.Redis()
	}
}
