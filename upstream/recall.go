package upstream

import (
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/upstream/cache"
)

// Recall says what memory had to do with an exchange.
type Recall uint8

// The recalls. NoRecall is an exchange that memory has nothing to do with.
const (
	NoRecall Recall = iota
	Miss            // nothing is known; what comes is remembered
	Hit             // the answer is known
	Join            // the answer is being given to somebody else
	Stale           // the answer is known, and past its time
	Bypass          // the client asked not to be answered from memory
	recalls
)

var recallNames = [recalls]string{Miss: "miss", Hit: "hit", Join: "join", Stale: "stale", Bypass: "bypass"}

func (r Recall) String() string { return recallNames[r] }

// Memory is what an exchange asks of a pool's memory.
type Memory struct {
	// Key is of the request itself or, with Keyed, of its idempotency key; Digest is then of the request.
	Key, Digest cache.Key
	Keyed       bool
	// Alone says that the exchange has waited for another's answer in vain, and does not again.
	Alone bool
}

// recording is a Recording with the right to follow its exchange to other upstreams.
type recording struct {
	*cache.Recording
	keyed bool
}

// Recall looks w.Memory up. With Hit or Join there is a lease, which gives the answer out of memory, and with Miss a
// Recorder for the lease that the exchange then gets. ErrKeyReused is the only error.
func (p *Pool) Recall(w Want) (Recall, *Lease, *Recorder, error) {
	m := w.Memory
	store, count := p.memory.store(m.Keyed), &p.memory.cacheCount
	if m.Keyed {
		count = &p.memory.keyCount
	}
	found, reader, rec := store.Find(cache.Query{Key: m.Key, Digest: m.Digest, Alone: m.Alone, Keep: w.Cancel.Keep})
	r := Miss
	switch found {
	case cache.Other:
		return NoRecall, nil, nil, ErrKeyReused
	case cache.Whole:
		r = Hit
	case cache.Running:
		r = Join
	case cache.Nothing, cache.Taken:
	}
	count[r].Inc()
	if reader != nil {
		return r, p.remembered(w, reader), nil, nil
	}
	if rec == nil {
		return r, nil, nil, nil
	}
	return r, nil, &Recorder{&recording{Recording: rec, keyed: m.Keyed}}, nil
}

// Pass counts a request that could be answered from memory and is not to be.
func (p *Pool) Pass() { p.memory.cacheCount[Bypass].Inc() }

// stale is a lease of an answer that stands in because there is no better.
func (p *Pool) stale(w Want) *Lease {
	if w.Memory == nil || w.Memory.Keyed || p.memory == nil || p.memory.cached == nil {
		return nil
	}
	reader := p.memory.cached.Stale(w.Memory.Key)
	if reader == nil {
		return nil
	}
	p.memory.cacheCount[Stale].Inc()
	return p.remembered(w, reader)
}

func (p *Pool) remembered(w Want, r *cache.Reader) *Lease {
	l := p.lease(w)
	l.stored = r
	l.held.Store(true)
	return l
}

// Remembered reports whether the lease's answer comes out of memory: no model works for it.
func (l *Lease) Remembered() bool { return l.stored != nil }

// Memory is what the lease was wanted with.
func (l *Lease) Memory() *Memory { return l.want.Memory }

// Recorder is the duty to write an answer into a pool's memory, or to give up doing so. The nil Recorder is none.
type Recorder struct{ r *recording }

// Abandon gives up.
func (r *Recorder) Abandon() {
	if r != nil && r.r != nil {
		r.r.Abandon()
		r.r = nil
	}
}

// Record has l's answer go into memory once Adopt says which it is. An answer that stands in for the pool's own is
// remembered for an idempotency key alone.
func (l *Lease) Record(r *Recorder) {
	if r == nil || r.r == nil {
		return
	}
	if l.fixed != nil || l.stored != nil || l.via != nil && !r.r.keyed {
		r.Abandon()
		return
	}
	l.record, r.r = r.r, nil
}

// Recorder takes the duty of Record off l, for the lease that follows it.
func (l *Lease) Recorder() *Recorder {
	r := l.record
	l.record, l.resp.recorded = nil, false
	if r == nil {
		return nil
	}
	return &Recorder{r}
}

// Adopt says that the answer whose head RoundTrip returned is the one that the client gets, and so do those who wait for
// the same. Only a success stays in memory; an error of the request itself goes to those who wait now, and after any other
// they ask on their own.
func (l *Lease) Adopt() {
	r := l.record
	if r == nil {
		return
	}
	status := l.resp.framing.status
	ok := status >= 200 && status < 300 && status != 206
	if !ok && (status < 400 || status > 499 || status == 408 || status == 425 || status == 429) {
		l.endRecord(false)
		return
	}
	h := &l.resp.Header
	if !r.keyed && (cache.Personal(h) || cache.Streamed(h) && !l.pool.memory.streams) {
		l.endRecord(false)
		return
	}
	r.Begin(h, ok)
	l.resp.recorded = true
}

// recordRead writes what was read of the answer. Its end waits for Close: until then whoever reads it may find an error
// inside, and Spoil it.
func (l *Lease) recordRead(p []byte, err error) {
	if len(p) > 0 {
		l.record.Write(p)
	}
	if err != nil && err != io.EOF {
		l.endRecord(false)
	}
}

func (l *Lease) endRecord(whole bool) {
	r := l.record
	if r == nil {
		return
	}
	l.record, l.resp.recorded = nil, false
	if whole {
		r.End()
	} else {
		r.Abandon()
	}
}

// Spoil says that the answer, though it may end well, is not one to be remembered.
func (l *Lease) Spoil() { l.endRecord(false) }

// Wanted reports whether others wait for the rest of the answer that l gives.
func (l *Lease) Wanted() bool { return l.record != nil && l.record.Wanted() }

// answerStored is the RoundTrip of a remembered answer.
func (l *Lease) answerStored() (*Response, error) {
	r := &l.resp
	r.Header.Reset()
	size, err := l.stored.Head(&r.Header, l.wait())
	if err != nil {
		return nil, l.explainStored(err, ErrAlone)
	}
	if age := l.stored.Age(); !l.stored.Joined() {
		r.Header.Set(fasthttp.HeaderAge, strconv.FormatInt(int64(age/time.Second), 10))
	}
	status := r.Header.StatusCode()
	r.framing = framing{status: status, size: size}
	r.Size, r.open = size, true
	l.tick()
	l.began = l.now
	return r, nil
}

// readStored is Read of a remembered answer.
func (r *Response) readStored(p []byte) (int, error) {
	n, err := r.lease.stored.Read(p, r.lease.wait())
	r.lease.tick()
	if err != nil {
		if err != io.EOF {
			err = r.lease.explainStored(err, ErrCut)
		}
		r.err = err
	}
	return n, err
}

func (l *Lease) wait() cache.Wait {
	return cache.Wait{Done: l.cancel.Done(), Until: l.deadline}
}

// explainStored turns a reader's errors into this package's; failed is what giving up means at this point.
func (l *Lease) explainStored(err, failed error) error {
	switch {
	case errors.Is(err, cache.ErrGone):
		return ErrCancelled
	case errors.Is(err, cache.ErrLate):
		return ErrTimeout
	}
	return failed
}
