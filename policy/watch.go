package policy

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"time"

	"blaze/policy/decode"
)

// poll looks at the files of the policy and reloads it when they have changed and then stood still for one period: a
// half-written file is never read, a hundred saves a second are one change, and neither a rename, nor a ConfigMap's symlink
// swap, nor a file that vanishes and comes back can be missed, as they can with notifications from the kernel.
func (s *Store) poll(ctx context.Context) {
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	w := watcher{eager: s.o.Eager}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		if w.changed(s.watch, func(path string) digest { return look(path, s.o.Path) }) {
			_ = s.reload() // what is wrong is logged and on /health/detailed
		}
		s.mu.Unlock()
	}
}

// watcher compares what is in the files with what the last reload was made of. An eager one takes the first difference.
type watcher struct {
	eager bool
	seen  map[string]digest
}

// changed reports true when the files differ from applied and have been the same at two looks in a row.
func (w *watcher) changed(applied map[string]digest, look func(path string) digest) bool {
	now := make(map[string]digest, len(applied))
	for path := range applied {
		now[path] = look(path)
	}
	if maps.Equal(now, applied) {
		w.seen = nil
		return false
	}
	stable := w.eager || maps.Equal(now, w.seen)
	if w.seen = now; stable {
		w.seen = nil
	}
	return stable
}

// policyDir is the folder that relative paths in the policy at path start from.
func policyDir(path string) string {
	if info, err := os.Stat(path); path != "" && err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

// missing is the problem of a policy that cannot be read at all.
func missing(path string, err error) Problems {
	return Problems{{Pos: decode.Pos{File: path}, Want: "a policy file, or a folder of *.yaml files", Got: err.Error()}}
}
