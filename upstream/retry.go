package upstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"blaze/telemetry/setting"
)

// Retry says when a request is sent again. What it lists is an upper bound: a request that is not idempotent, a
// generation, goes again only when nothing of it was accepted, or on a 429 or 503 given before work began.
type Retry struct {
	Attempts   int             `yaml:"attempts" default:"3" doc:"times a request is sent at most, the first included"`
	Backoff    time.Duration   `yaml:"backoff" default:"100ms" doc:"wait before a target is asked again; it doubles each time. Another target is asked at once"`
	MaxBackoff time.Duration   `yaml:"max_backoff" default:"2s" doc:"longest wait; a target that says retry-after more than this is not asked again, its answer goes to the client"`
	Jitter     float64         `yaml:"jitter" default:"0.2" doc:"share by which each wait varies at random, 0 to 1"`
	On         []Condition     `yaml:"on" default:"[connect, 429, 502, 503, 504]" doc:"what is worth another try: connect (no connection, or not one byte accepted) and statuses; for idempotent requests 502 stands for a cut or malformed answer too, 504 for a missed first_byte"`
	Budget     setting.Percent `yaml:"budget" default:"10%" doc:"retries as a share of requests; beyond it (and a reserve of 10) failures are passed on, so that retries cannot double the load on a failing engine"`
}

// Condition is one entry of retry.on: a status, or connect, which is 0.
type Condition int

const onConnect Condition = 0

// UnmarshalText reads connect or a status.
func (c *Condition) UnmarshalText(text []byte) error {
	if string(text) == "connect" {
		*c = onConnect
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || (n != 408 && n != 425 && n != 429 && (n < 500 || n > 599)) {
		return errors.New("not a condition")
	}
	*c = Condition(n)
	return nil
}

// Want says what UnmarshalText reads.
func (*Condition) Want() string { return "connect, 408, 425, 429 or a status from 500 to 599" }

func checkRetry(r *Retry) error {
	if r == nil {
		return nil
	}
	var problems []error
	wrong := func(path, want string, got any) { problems = append(problems, setting.Wrong("retry."+path, want, got)) }
	if r.Attempts < 1 || r.Attempts > 10 {
		wrong("attempts", "a number from 1 to 10", r.Attempts)
	}
	if r.Backoff < 0 || r.Backoff > time.Minute {
		wrong("backoff", "a duration from 0s to 1m", r.Backoff)
	}
	if r.MaxBackoff < r.Backoff || r.MaxBackoff > 5*time.Minute {
		wrong("max_backoff", fmt.Sprintf("a duration from backoff (%v) to 5m", r.Backoff), r.MaxBackoff)
	}
	if !(r.Jitter >= 0 && r.Jitter <= 1) {
		wrong("jitter", "a number from 0 to 1", r.Jitter)
	}
	return errors.Join(problems...)
}

// worth reports whether sending r again could help and does no harm. p and err are how the attempt ended; with no
// error, the answer's status counts.
func (l *Lease) worth(r *Request, p progress, err error) bool {
	policy := l.pool.retry
	switch {
	case errors.Is(err, ErrCancelled), errors.Is(err, ErrTimeout), errors.Is(err, ErrRequestBody):
		return false
	case err != nil && p == notSent:
		return policy == nil || slices.Contains(policy.On, onConnect)
	case policy == nil, r.Stream != nil:
		return false
	case err == nil:
		status := l.resp.framing.status
		return slices.Contains(policy.On, Condition(status)) && (r.Replayable || status == 429 || status == 503)
	case errors.Is(err, ErrFirstByte):
		return r.Replayable && slices.Contains(policy.On, 504)
	}
	return r.Replayable && slices.Contains(policy.On, 502)
}

// again gets the lease ready to send r once more, waiting where that is due, and reports whether it did. If not, the
// attempt that was made stands: its answer is still open. A non-nil error ends the exchange instead.
func (l *Lease) again(r *Request, p progress, err error) (bool, error) {
	if !l.worth(r, p, err) {
		return false, nil
	}
	policy := l.pool.retry
	if policy == nil { // one try at each other target that takes it, since nothing was sent
		t, permit, _, ok := l.choose()
		if ok {
			l.move(t, permit)
		}
		return ok, nil
	}
	if l.resp.Retries+1 >= policy.Attempts {
		return false, nil
	}
	t, permit, _, ok := l.choose()
	if ok {
		if !l.pool.budget.take() {
			t.breaker.record(permit, Neutral, "")
			return false, nil
		}
		l.move(t, permit)
		return true, nil
	}
	wait, ok := l.backoff(policy)
	if !ok || !l.pool.budget.take() {
		return false, nil
	}
	if !l.cancel.sleep(wait) {
		return false, ErrCancelled
	}
	l.tried = l.tried[:0]
	if t, permit, _, ok = l.choose(); ok {
		l.move(t, permit)
	}
	return ok, nil
}

// move gives the attempt's target back and takes t.
func (l *Lease) move(t *target, p permit) {
	l.resp.dismiss()
	l.leave(Neutral)
	l.take(t, p)
}

// backoff is how long to wait before the same targets are asked again; false when that is longer than is worth it.
func (l *Lease) backoff(policy *Retry) (time.Duration, bool) {
	wait := min(policy.Backoff<<min(l.resp.Retries, 16), policy.MaxBackoff)
	wait = time.Duration(float64(wait) * (1 + policy.Jitter*(2*rand.Float64()-1)))
	if l.resp.conn != nil {
		after := retryAfter(l.resp.Header.Peek("Retry-After"), time.Now())
		if after > policy.MaxBackoff {
			return 0, false
		}
		wait = max(wait, after)
	}
	if !l.deadline.IsZero() && time.Until(l.deadline) <= wait {
		return 0, false
	}
	return wait, true
}

// retryAfter reads the field's seconds or date (RFC 9110, 10.2.3); zero when absent or malformed.
func retryAfter(v []byte, now time.Time) time.Duration {
	if len(v) == 0 {
		return 0
	}
	if n, ok := parseDecimal(v); ok {
		return time.Duration(min(n, 1<<30)) * time.Second
	}
	t, err := time.Parse(time.RFC1123, string(v))
	if err != nil {
		return 0
	}
	return max(t.Sub(now), 0)
}

// sleep waits, and reports whether it was let: false on cancellation.
func (c *Cancel) sleep(d time.Duration) bool {
	if d <= 0 {
		return !c.Cancelled()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.Done():
		return false
	}
}

// budget bounds retries to a share of requests. Each request puts a share of a retry in; a retry takes a whole one out.
type budget struct {
	share  int64        // thousandths of a retry that a request brings
	tokens atomic.Int64 // thousandths of a retry
}

const (
	retryCost     = 1000
	budgetReserve = 10 * retryCost
	budgetMax     = 100 * retryCost
)

func newBudget(p setting.Percent) *budget {
	b := &budget{share: int64(float64(p) * retryCost)}
	b.tokens.Store(budgetReserve)
	return b
}

func (b *budget) add() {
	if b.tokens.Load() < budgetMax {
		b.tokens.Add(b.share)
	}
}

func (b *budget) take() bool {
	for {
		n := b.tokens.Load()
		if n < retryCost {
			return false
		}
		if b.tokens.CompareAndSwap(n, n-retryCost) {
			return true
		}
	}
}
