package ratelimit

// lines are where requests wait.
type lines struct{}
