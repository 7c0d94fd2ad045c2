package ratelimit

// history knows what a caller's answers used to cost.
type history struct{}
