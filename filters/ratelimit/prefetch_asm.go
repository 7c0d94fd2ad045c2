//go:build amd64 || arm64

package ratelimit

// prefetch asks the processor for the cache line at addr and does not wait for it. Any address will do: one that is not
// mapped is ignored, so addr keeps nothing alive and need not be a pointer. A plain read would not do: the next lock waits
// for every read before it.
func prefetch(addr uintptr)
