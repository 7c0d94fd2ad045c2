package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/upstream/cache"
	"blaze/upstream/socket"
)

// Lease is the right to send one request to a pool. It is pooled itself: it belongs to one exchange from Acquire until
// Release, and neither it nor the Response it gave may be touched after.
type Lease struct {
	pool   *Pool
	want   Want
	held   atomic.Bool // between Acquire and Release
	whole  ticket      // of the pool's own breaker: how the exchange ends
	target *target
	ticket ticket    // of the target's breaker: how the attempt ends
	tried  []*target // by this exchange, the leased one last

	// A lease of AcquireFallback: which one, and its answer where that is fixed.
	via   *alternative
	index int
	fixed *fixed

	// What the pool's memory has to do with it: stored gives the answer out of it, record is written as the answer comes.
	stored *cache.Reader
	record *recording
	race   *race // the attempt is one of two

	limits
	resp    Response
	reached progress  // how far the last attempt came
	began   time.Time // of the running attempt
	verdict Outcome   // what the lease itself has seen of it
	cause   cause     // of a Failure
}

// ticket is a breaker's permit until it is recorded.
type ticket struct {
	breaker *breaker
	permit  permit
	proved  bool // a probe's success is already recorded
	open    bool
}

func (t *ticket) record(o Outcome, cause string) {
	if !t.open {
		return
	}
	t.open = false
	if o == Success && t.proved {
		o = Neutral
	}
	t.breaker.record(t.permit, o, cause)
}

// prove tells the breaker early that a probe works: its first byte has come. A generation may run for minutes, and the
// half-open breaker would turn everybody else away until it ends. What goes wrong later counts on its own.
func (t *ticket) prove() {
	if !t.permit.probe || t.proved || !t.open {
		return
	}
	t.breaker.record(t.permit, Success, "")
	t.permit, t.proved = permit{gen: t.breaker.gen.Load()}, true
}

// Info names what was leased; after a RoundTrip, the target that answered.
func (l *Lease) Info() Info {
	switch {
	case l.stored != nil:
		return Info{Pool: l.pool.name, Target: "cache", Engine: l.pool.engine}
	case l.target == nil:
		return Info{Pool: l.pool.name, Target: "fixed", Engine: l.pool.engine}
	}
	return Info{Pool: l.pool.name, Target: l.target.url, Engine: l.pool.engine}
}

// take gives l the target t, whose permit p is.
func (l *Lease) take(t *target, p permit) {
	l.target, l.ticket = t, ticket{breaker: t.breaker, permit: p, open: true}
	l.tried = append(l.tried, t)
	l.verdict, l.cause = Neutral, unremarkable
	t.inflight.Add(1)
}

// leave gives the target back, and returns what was learned: o, unless the lease has seen worse.
func (l *Lease) leave(o Outcome) (Outcome, string) {
	if l.verdict != Neutral && o != Failure {
		o = l.verdict
	}
	why := l.cause
	if why == unremarkable && o == Failure {
		why = reported
	}
	l.pool.outcomes[why].Inc()
	l.target.inflight.Add(-1)
	l.note(why)
	l.ticket.record(o, why.String())
	return o, why.String()
}

// note lets the target's health know of an attempt: only whether a connection came about counts. What an engine answers
// is the breaker's business.
func (l *Lease) note(why cause) {
	if why == noConnection {
		l.pool.fail(l.target, why.String(), true)
	} else if l.resp.framing.status > 0 && l.target.health.refused.Load() > 0 {
		l.target.health.refused.Store(0)
	}
}

// Release gives the permits and the place back and tells the breakers how it went; what the lease has seen itself (no
// connection, a late or missing first byte, a stall, a cut, a 5xx) is told as a failure whatever o says. A response that
// is still open is closed. The first call counts; more do nothing, as long as the lease has not been given out again.
func (l *Lease) Release(o Outcome) {
	if !l.held.CompareAndSwap(true, false) {
		return
	}
	l.resp.Close()
	l.endRecord(false)
	if l.stored != nil {
		l.stored.Close()
	}
	if l.target != nil {
		l.whole.record(l.leave(o))
		l.pool.gate.leave(l.pool.places())
	}
	l.recycle()
}

func (l *Lease) recycle() {
	clear(l.tried)
	p := l.pool
	l.pool, l.target, l.want, l.limits, l.tried = nil, nil, Want{}, limits{}, l.tried[:0]
	l.whole, l.ticket = ticket{}, ticket{}
	l.via, l.index, l.fixed, l.stored, l.record = nil, 0, nil, nil, nil
	l.resp.lease, l.resp.rest = nil, nil
	p.leases.Put(l)
}

// RoundTrip sends r and reads the answer's head. The response lives until its Close, at the latest until Release; it
// must be closed. At most one call per lease ends without an error. Interim 1xx answers are read past, within a bound; a
// 101 is an answer only to an Upgrade. The errors are this package's. Where the pool's retry policy allows, RoundTrip
// itself asks again, another target first: Info then names the one that answered, and Retries counts.
func (l *Lease) RoundTrip(r *Request, cancel *Cancel, deadline time.Time) (*Response, error) {
	l.limits = limits{timeout: l.pool.timeout, cancel: cancel, deadline: deadline, now: r.Now}
	if r.Now.IsZero() {
		l.tick()
	}
	l.resp.reset(l)
	if l.fixed != nil {
		return l.answerFixed(), nil
	}
	if l.stored != nil {
		return l.answerStored()
	}
	if l.pool.budget != nil {
		l.pool.budget.add()
	}
	for {
		p, err := l.attemptHedged(r)
		l.reached = p
		l.judge(err)
		again, stop := l.again(r, p, err)
		switch {
		case stop != nil:
			return nil, stop
		case again:
			l.resp.Retries++
			l.tick()
		case err != nil:
			return nil, err
		default:
			return &l.resp, nil
		}
	}
}

// Retries counts the attempts beyond the first, after a RoundTrip that failed too.
func (l *Lease) Retries() int { return l.resp.Retries }

// progress says how far an attempt came.
type progress uint8

const (
	notSent  progress = iota // no connection, or not one byte was accepted
	accepted                 // the target may have acted on it
)

// attempt sends r once. A pooled connection that the target had closed before it accepted a byte is no attempt: r then
// goes over a new one, and so does a replayable r whatever became of the first.
func (l *Lease) attempt(r *Request) (progress, error) {
	l.began = l.now
	for c := l.target.get(l.now); ; c = nil {
		reused := c != nil
		if !reused {
			var err error
			if c, err = l.dial(); err != nil {
				return notSent, err
			}
			l.tick()
		}
		before := c.written
		err := l.exchange(c, r)
		if err == nil {
			return accepted, nil
		}
		unread := r.Stream == nil || c.written == before
		untouched := unread && (c.written == before || socket.NothingAccepted(c.raw, before))
		l.cancel.detach()
		c.discard()
		if reused && errors.Is(err, ErrCut) && (untouched || unread && r.Replayable) {
			continue
		}
		if untouched {
			return notSent, err
		}
		return accepted, err
	}
}

// dial opens a connection within the connect timeout.
func (l *Lease) dial() (*conn, error) {
	ctx := waitContext{Context: context.Background(), cancel: l.cancel, until: l.until(time.Now(), l.timeout.Connect)}
	c, err := l.target.dialTo(ctx)
	switch {
	case err == nil:
		return c, nil
	case l.cancel.Cancelled():
		return nil, ErrCancelled
	case l.over():
		return nil, ErrTimeout
	}
	return nil, fmt.Errorf("%w: %w", ErrConnect, reason(err))
}

// exchange sends r over c and reads the answer's head into l.resp.
func (l *Lease) exchange(c *conn, r *Request) error {
	l.compose(c, r)
	if !l.cancel.attach(c.Conn) {
		return ErrCancelled
	}
	sendErr, err := c.ask(r, &l.limits)
	if errors.Is(sendErr, ErrRequestBody) || errors.Is(sendErr, os.ErrDeadlineExceeded) {
		return l.explain(sendErr, ErrFirstByte)
	}
	// A target may answer and close before it has read the whole body (413): its answer, if there is one, counts more
	// than the failed write.
	if !c.readWithin(&l.limits, l.timeout.FirstByte) {
		return l.explain(errInterrupted, ErrFirstByte)
	}
	if err == nil {
		err = l.readAnswer(c, r)
	}
	if err != nil {
		if sendErr != nil {
			err = sendErr
		}
		return l.explain(err, ErrFirstByte)
	}
	l.tick()
	l.resp.begin(c, r, sendErr == nil)
	return nil
}

// compose builds the head of r in c's buffer.
func (l *Lease) compose(c *conn, r *Request) {
	if l.race != nil {
		l.race.composing.Lock()
		defer l.race.composing.Unlock()
	}
	c.compose(r, l.pool.rewrite)
}

// readAnswer reads heads until one is the answer.
func (l *Lease) readAnswer(c *conn, r *Request) error {
	for range maxInterim {
		f := &l.resp.framing
		if err := c.readHead(&l.resp.Header, f); err != nil {
			return err
		}
		switch {
		case f.status == fasthttp.StatusSwitchingProtocols && (!r.Upgrade || !f.upgrade):
			return outside("it switches protocols unasked")
		case f.status == fasthttp.StatusSwitchingProtocols, f.status >= 200:
			return nil
		}
	}
	return outside("it has too many interim answers")
}
