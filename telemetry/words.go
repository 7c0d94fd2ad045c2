package telemetry

import "fmt"

// Recording says which requests the audit log keeps for a replay.
type Recording uint8

// The recordings. The zero Recording keeps no request.
const (
	RecordNone Recording = iota
	RecordDenied
	RecordAll
)

// UnmarshalText reads none, denied or all.
func (r *Recording) UnmarshalText(text []byte) error {
	n, err := word(text, "none", "denied", "all")
	*r = Recording(n)
	return err
}

// Want says what UnmarshalText reads.
func (*Recording) Want() string { return "none, denied or all" }

// Bodies says whether recorded requests have their bodies.
type Bodies uint8

// The two: none is the zero value, since bodies are prompts.
const (
	BodiesNone Bodies = iota
	BodiesFull
)

// UnmarshalText reads none or full.
func (b *Bodies) UnmarshalText(text []byte) error {
	n, err := word(text, "none", "full")
	*b = Bodies(n)
	return err
}

// Want says what UnmarshalText reads.
func (*Bodies) Want() string { return "none or full" }

// OnFull says what follows when the audit log cannot be written.
type OnFull uint8

// The two.
const (
	FullDrop OnFull = iota
	FullClosed
)

// UnmarshalText reads drop or closed.
func (o *OnFull) UnmarshalText(text []byte) error {
	n, err := word(text, "drop", "closed")
	*o = OnFull(n)
	return err
}

// Want says what UnmarshalText reads.
func (*OnFull) Want() string { return "drop or closed" }

// word is text's place among words.
func word(text []byte, words ...string) (int, error) {
	for i, w := range words {
		if string(text) == w {
			return i, nil
		}
	}
	return 0, fmt.Errorf("not one of %q", words)
}
