package ratelimit

import (
	"errors"
	"strings"
)

// word finds text among names.
func word(names []string, text []byte) (uint8, error) {
	for i, n := range names {
		if n == string(text) {
			return uint8(i), nil
		}
	}
	return 0, errors.New("not one of " + strings.Join(names, ", "))
}

func wantOf(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Algorithm is how a limit counts.
type Algorithm uint8

// The algorithms.
const (
	TokenBucket Algorithm = iota
	FixedWindow
	SlidingWindow
	LeakyBucket
	Adaptive
)

func algorithms() []string {
	return []string{"token_bucket", "fixed_window", "sliding_window", "leaky_bucket", "adaptive"}
}

// UnmarshalText reads an algorithm's name.
func (a *Algorithm) UnmarshalText(text []byte) error {
	i, err := word(algorithms(), text)
	*a = Algorithm(i)
	return err
}

// Want says what UnmarshalText reads.
func (*Algorithm) Want() string    { return wantOf(algorithms()) }
func (a Algorithm) String() string { return algorithms()[a] }

// Action is what happens beyond a limit.
type Action uint8

// The actions.
const (
	Reject Action = iota
	Delay
	Queue
	DegradeAnswer
)

func actions() []string { return []string{"reject", "delay", "queue", "degrade"} }

// UnmarshalText reads an action's name.
func (a *Action) UnmarshalText(text []byte) error {
	i, err := word(actions(), text)
	*a = Action(i)
	return err
}

// Want says what UnmarshalText reads.
func (*Action) Want() string    { return wantOf(actions()) }
func (a Action) String() string { return actions()[a] }

// waits says whether requests beyond the limit wait.
func (a Action) waits() bool { return a == Delay || a == Queue }

// Count is what a limit counts.
type Count uint8

// What can be counted.
const (
	Requests Count = iota
	Tokens
	InputTokens
	OutputTokens
)

func counts() []string { return []string{"requests", "tokens", "input", "output"} }

// UnmarshalText reads what is counted.
func (c *Count) UnmarshalText(text []byte) error {
	i, err := word(counts(), text)
	*c = Count(i)
	return err
}

// Want says what UnmarshalText reads.
func (*Count) Want() string    { return wantOf(counts()) }
func (c Count) String() string { return counts()[c] }

// RedisMode is what kind of Redis is there.
type RedisMode uint8

// The kinds of Redis.
const (
	Single RedisMode = iota
	Cluster
	Sentinel
)

func redisModes() []string { return []string{"single", "cluster", "sentinel"} }

// UnmarshalText reads a mode's name.
func (m *RedisMode) UnmarshalText(text []byte) error {
	i, err := word(redisModes(), text)
	*m = RedisMode(i)
	return err
}

// Want says what UnmarshalText reads.
func (*RedisMode) Want() string    { return wantOf(redisModes()) }
func (m RedisMode) String() string { return redisModes()[m] }

// OnError is what holds while Redis does not answer.
type OnError uint8

// What can hold.
const (
	Local OnError = iota
	Open
	Closed
)

func onErrors() []string { return []string{"local", "open", "closed"} }

// UnmarshalText reads local, open or closed.
func (o *OnError) UnmarshalText(text []byte) error {
	i, err := word(onErrors(), text)
	*o = OnError(i)
	return err
}

// Want says what UnmarshalText reads.
func (*OnError) Want() string    { return wantOf(onErrors()) }
func (o OnError) String() string { return onErrors()[o] }
