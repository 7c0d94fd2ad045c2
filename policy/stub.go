package policy

import (
	"context"
	"time"

	"blaze/filters"
	"blaze/telemetry"
)

// Route fills x.Route, x.Upstream, x.Endpoint, x.Allow and shortens x.Deadline: called with the head only, and again
// once the model is known, since routes may tell models apart. It allocates nothing.
func (s *Snapshot) Route(x *filters.Exchange) {}

// Options are what a process sets once.
type Options struct {
	// Path is the policy file or folder; empty is the embedded default.
	Path string
	// Source is used instead of Path when not nil (blaze demo).
	Source []byte
	// Upstream is the model server's URL where the policy names none.
	Upstream string
	Env      func(name string) (string, bool)
	Tel      *telemetry.Telemetry
	// Poll is how often files are looked at; 1s when zero.
	Poll time.Duration
}

// Store keeps the snapshot that serves.
type Store struct{}

// Open loads the policy for the first time; every problem is in err, one a line.
func Open(o Options) (*Store, error) { return &Store{}, nil }

// Current is the snapshot that serves now; never nil.
func (s *Store) Current() *Snapshot { return nil }

// Reload loads, compiles, tests and swaps; on error the old snapshot goes on serving. A reload that changes nothing does
// nothing.
func (s *Store) Reload() error { return nil }

// Run watches the policy's files and runs what the serving snapshot needs (health checks, filters' Run) until ctx ends.
func (s *Store) Run(ctx context.Context) {}
