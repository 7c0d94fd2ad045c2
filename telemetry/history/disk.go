package history

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// fileVersion changes with the format; a file of another version is left alone and forgotten.
const fileVersion = 1

// maxFile bounds what Load reads.
const maxFile = 128 << 20

type savedStore struct {
	Version int
	Series  []savedSeries
}

type savedSeries struct {
	Name         string
	Labels       []Label
	Kind         Kind
	Bounds       []float64
	Fine, Coarse savedRing
}

type savedRing struct {
	Step   int64
	Width  int
	Newest int64
	InStep int
	Data   []float32
}

// Save writes the past to path, whole or not at all.
func (s *Store) Save(path string) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot save the history: %w", err)
	}
	w := bufio.NewWriter(f)
	err = errors.Join(gob.NewEncoder(w).Encode(s.saved()), w.Flush(), f.Close())
	if err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("cannot save the history: %w", err)
	}
	return os.Rename(tmp, path)
}

func (s *Store) saved() savedStore {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := savedStore{Version: fileVersion}
	for _, one := range s.series {
		out.Series = append(out.Series, savedSeries{one.name, one.labels, one.kind, one.bounds, one.fine.saved(), one.coarse.saved()})
	}
	return out
}

func (r *ring) saved() savedRing {
	return savedRing{r.step, r.width, r.newest, r.inStep, append([]float32(nil), r.data...)}
}

// Load takes the past of an earlier process in. A file that is not there is no error; one that is of no use leaves the
// store as it was.
func (s *Store) Load(path string, now time.Time) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot load the history: %w", err)
	}
	defer f.Close()
	var in savedStore
	if err := gob.NewDecoder(bufio.NewReader(io.LimitReader(f, maxFile))).Decode(&in); err != nil {
		return fmt.Errorf("cannot load the history: %w", err)
	}
	if in.Version != fileVersion {
		return fmt.Errorf("cannot load the history: version %d, want %d", in.Version, fileVersion)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range in.Series {
		s.restoreLocked(&in.Series[i], now)
	}
	return nil
}

func (s *Store) restoreLocked(in *savedSeries, now time.Time) {
	if s.series[key(in.Name, in.Labels)] != nil || in.Kind > Histogram {
		return
	}
	one := s.addLocked(&Sample{Name: in.Name, Labels: in.Labels, Kind: in.Kind, Bounds: in.Bounds})
	if one == nil {
		return
	}
	one.fine.restore(&in.Fine, now)
	one.coarse.restore(&in.Coarse, now)
}

// restore copies the steps that are still within the ring; the two may be of different lengths.
func (r *ring) restore(in *savedRing, now time.Time) {
	if in.Step != r.step || in.Width != r.width || len(in.Data) == 0 || len(in.Data)%r.width != 0 || in.Newest > now.Unix()/r.step || in.Newest <= 0 {
		return
	}
	old := ring{step: in.Step, width: in.Width, newest: in.Newest, data: in.Data}
	r.advance(time.Unix(in.Newest*r.step, 0))
	r.inStep = in.InStep
	for n := in.Newest - min(r.steps(), old.steps()) + 1; n <= in.Newest; n++ {
		if n >= 0 {
			copy(r.at(n), old.at(n))
		}
	}
}

// SetKeep changes how long minutes are kept; what is still within is kept.
func (s *Store) SetKeep(keep time.Duration, now time.Time) {
	next := New(keep)
	s.mu.Lock()
	defer s.mu.Unlock()
	if next.keep == s.keep {
		return
	}
	old := s.series
	s.keep, s.series, s.bytes = next.keep, next.series, 0
	for k, one := range old {
		in := savedSeries{one.name, one.labels, one.kind, one.bounds, one.fine.saved(), one.coarse.saved()}
		s.restoreLocked(&in, now)
		if kept := s.series[k]; kept != nil {
			kept.last = one.last
		}
	}
}
