package policy

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"blaze/filters"
	"blaze/telemetry"
)

// Options are what a process sets once.
type Options struct {
	// Path is the policy file or folder; empty is the embedded default.
	Path string
	// Source is used instead of Path when not nil (blaze demo).
	Source []byte
	// Upstream is the model server's URL where the policy names none.
	Upstream string
	// Env looks up environment variables; os.LookupEnv when nil.
	Env func(name string) (string, bool)
	Tel *telemetry.Telemetry
	// Poll is how often files are looked at; 1s when zero.
	Poll time.Duration
	// Eager reloads at every save (--dev): it does not wait until a file has stood still, and looks more often.
	Eager bool
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Gate is what the proxied port asks of a request besides the filters; for tests, explain and replay.
	Gate Gate
}

// Store keeps the snapshot that serves. Safe for concurrent use.
type Store struct {
	o       Options
	current atomic.Pointer[Snapshot]
	swapped chan struct{} // has room for one: the serving snapshot is another

	mu      sync.Mutex        // one reload at a time
	watch   map[string]digest // guarded by mu; what the last reload, good or bad, was made of
	lastErr error             // guarded by mu; of the last reload
	failed  time.Time         // guarded by mu; when it failed
	changes []Change          // guarded by mu; what the last swap changed
}

// Open loads the policy for the first time; every problem is in err (Problems), one a line.
func Open(o Options) (*Store, error) {
	o.fill()
	s := &Store{o: o, swapped: make(chan struct{}, 1)}
	snap, watch, err := s.load(nil)
	s.watch = watch
	if err != nil {
		return nil, err
	}
	s.current.Store(snap)
	s.tell(snap)
	o.Tel.Metrics.Gauge("blaze_policy_age_seconds", func() float64 { return o.Now().Sub(s.Current().Loaded).Seconds() })
	return s, nil
}

// Current is the snapshot that serves now; never nil.
func (s *Store) Current() *Snapshot { return s.current.Load() }

// Reload loads, compiles, tests and swaps; on error the old snapshot goes on serving. A reload that changes nothing does
// nothing.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reload()
}

func (s *Store) reload() error {
	old := s.Current()
	snap, watch, err := s.load(old)
	s.watch = watch
	if err != nil {
		s.refused(err)
		return err
	}
	s.lastErr = nil
	if snap.Hash == old.Hash {
		s.o.Tel.Metrics.Counter("blaze_policy_reloads_total", "unchanged").Inc()
		return nil
	}
	s.swap(old, snap)
	return nil
}

// refused notes a reload that left the old policy in place.
func (s *Store) refused(err error) {
	s.lastErr, s.failed = err, s.o.Now()
	s.o.Tel.Metrics.Counter("blaze_policy_reloads_total", "failed").Inc()
	ps := ProblemsIn(err)
	for i, p := range ps {
		if i == 20 {
			s.o.Tel.Log.Error().Int("more", len(ps)-i).Msg("policy refused; the last good one goes on serving")
			break
		}
		s.o.Tel.Log.Error().Str("problem", p.Error()).Msg("policy refused; the last good one goes on serving")
	}
	s.o.Tel.Event(telemetry.Event{Kind: "reload", Note: "refused: " + count(len(ps), "problem")})
}

// swap makes snap the one that serves. Exchanges that are under way finish on old.
func (s *Store) swap(old, snap *Snapshot) {
	s.changes = diff(old, snap)
	s.current.Store(snap)
	s.tell(snap)
	old.Pools.Close(snap.Pools)
	select {
	case s.swapped <- struct{}{}:
	default: // Run has not seen the last swap yet; it will see this one
	}
	s.o.Tel.Metrics.Counter("blaze_policy_reloads_total", "applied").Inc()
	for _, c := range s.changes {
		s.o.Tel.Log.Info().Str("path", c.Path).Str("change", c.Kind).Str("old", c.Old).Str("new", c.New).Msg("policy changed")
	}
	s.o.Tel.Log.Info().Str("hash", snap.Hash).Int("changes", len(s.changes)).Strs("files", snap.Sources).Msg("policy reloaded")
	s.o.Tel.Event(telemetry.Event{Kind: "reload", Note: "policy " + snap.Hash[:12]})
}

// tell lets telemetry know what serves.
func (s *Store) tell(snap *Snapshot) {
	s.o.Tel.SetKnown(telemetry.Known{Models: snap.models})
	s.o.Tel.Configure(snap.Telemetry)
}

// load reads and compiles the policy as it is now, and says what it was made of, so that a bad one is watched as well.
func (s *Store) load(prev *Snapshot) (snap *Snapshot, watch map[string]digest, err error) {
	f := newFiles()
	watch = f.seen
	// A bug in the compilation of a policy must not take down what is serving.
	defer func() {
		if p := recover(); p != nil {
			s.o.Tel.Log.Error().Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("policy could not be compiled")
			snap, err = nil, fmt.Errorf("BUG: compiling the policy panicked: %v", p)
		}
	}()
	sources, embedded, err := s.o.sources(f)
	if err != nil {
		return nil, watch, missing(s.o.Path, err)
	}
	env := s.o.env(f)
	snap, err = Compile(sources, prev, env)
	if err != nil {
		return nil, watch, err
	}
	if _, ps := runTests(snap.tests, sources, env, s.o.Gate); len(ps) > 0 {
		return nil, watch, ps
	}
	snap.Hash, snap.watch = f.hash(embedded), watch
	return snap, watch, nil
}

func (o *Options) env(f *files) Env {
	return Env{
		Getenv: o.Env, Read: f.read, Dir: policyDir(o.Path), Upstream: o.Upstream,
		Metrics: o.Tel.Metrics, Log: o.Tel.Log, Events: o.Tel.Event, Now: o.Now,
	}
}

// sources reads the policy's own files; notOnDisk are those of them that nothing watches.
func (o *Options) sources(f *files) (sources, notOnDisk []File, err error) {
	switch {
	case o.Source != nil:
		one := []File{{Name: "demo.yaml", Data: o.Source}}
		return one, one, nil
	case o.Path == "":
		data, err := embedded.ReadFile("default.yaml")
		one := []File{{Name: "default.yaml", Data: data}}
		return one, one, err
	}
	sources, err = f.policy(o.Path)
	return sources, nil, err
}

// Run watches the policy's files and runs what the serving snapshot needs (health checks, filters' Run) until ctx ends.
func (s *Store) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.poll(ctx) })
	for ctx.Err() == nil {
		inner, cancel := context.WithCancel(ctx)
		done := s.Current().run(inner)
		s.settle(ctx)
		cancel()
		<-done
	}
}

// settle waits until another snapshot serves, or ctx ends. What compiling the policy left behind, several times what it needs
// itself, is given back when nothing has changed for a while: the collector would find it only when as much again is in use.
func (s *Store) settle(ctx context.Context) {
	quiet := time.NewTimer(giveBackAfter)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.swapped:
			return
		case <-quiet.C:
			debug.FreeOSMemory()
		}
	}
}

// giveBackAfter is longer than it takes to become ready, and than a pause between reloads that come one after another.
const giveBackAfter = 5 * time.Second

// run starts the work that a serving snapshot needs; done closes when all of it has ended.
func (s *Snapshot) run(ctx context.Context) (done <-chan struct{}) {
	var wg sync.WaitGroup
	wg.Go(func() { s.Pools.Run(ctx) })
	for _, st := range s.Chain.Stages() {
		if r, ok := st.Filter.(filters.Runner); ok {
			wg.Go(func() { r.Run(ctx) })
		}
	}
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	return ended
}

// Checks are the policy's, the filters' and the upstreams' parts of /health/detailed.
func (s *Store) Checks() []telemetry.Check {
	snap := s.Current()
	out := []telemetry.Check{s.check(snap)}
	for _, st := range snap.Chain.Stages() {
		if c, ok := st.Filter.(filters.Checker); ok {
			out = append(out, c.Checks()...)
		}
	}
	return append(out, snap.Pools.Checks()...)
}

func (s *Store) check(snap *Snapshot) telemetry.Check {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := telemetry.Check{Name: "policy", Status: "ok"}
	detail := map[string]any{
		"hash": snap.Hash, "loaded": snap.Loaded.UTC().Format(time.RFC3339), "files": snap.Sources,
		"age_seconds": int64(s.o.Now().Sub(snap.Loaded).Seconds()), "warnings": len(snap.Warnings),
	}
	if s.lastErr != nil {
		c.Status = "degraded"
		detail["last_error"] = s.lastErr.Error()
		detail["failed"] = s.failed.UTC().Format(time.RFC3339)
	}
	c.Detail = detail
	return c
}
