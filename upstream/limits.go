package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// errInterrupted: a deadline could not be renewed, because the exchange is cancelled or the connection closed.
var errInterrupted = errors.New("interrupted")

// limits is what bounds one exchange's use of a connection.
type limits struct {
	timeout  Timeout
	cancel   *Cancel
	deadline time.Time     // of the whole exchange; zero is none
	quiet    time.Duration // during ReadWithin: how long it waits; 0 is as long as the stall timeout
	now      time.Time     // when the last wait ended; between two waits hardly any time goes by
}

// tick looks at the clock, after a wait.
func (l *limits) tick() { l.now = time.Now() }

// until is d from now, but no later than the exchange's end; d of zero is unbounded.
func (l *limits) until(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return l.deadline
	}
	t := now.Add(d)
	if !l.deadline.IsZero() && l.deadline.Before(t) {
		return l.deadline
	}
	return t
}

// slack is how much later than asked a timeout of d may come, so that a deadline need not be set anew for each use of a
// busy connection: setting one costs as much as a small write.
func slack(d time.Duration) time.Duration { return min(d/16, time.Second) }

// readWithin gives reads from c the time d, and reports false when the exchange is cancelled.
func (c *conn) readWithin(l *limits, d time.Duration) bool {
	by := l.until(l.now, d)
	if inForce(c.readBy, by, slack(d)) {
		return true // a cancellation has put the deadline into the past, which still holds
	}
	c.readBy = l.until(by, slack(d))
	return l.cancel.setReadDeadline(c.readBy)
}

// writeWithin gives writes to c the time d, and reports false when the exchange is cancelled.
func (c *conn) writeWithin(l *limits, d time.Duration) bool {
	by := l.until(l.now, d)
	if inForce(c.writeBy, by, slack(d)) {
		return true
	}
	c.writeBy = l.until(by, slack(d))
	return l.cancel.setWriteDeadline(c.writeBy)
}

// rested takes back an interruption that did not end the exchange. Nobody else may hold c.
func (c *conn) rested() {
	if c != nil {
		_ = c.SetDeadline(time.Time{})
		c.readBy, c.writeBy = time.Time{}, time.Time{}
	}
}

// inForce reports whether the deadline set serves for by.
func inForce(set, by time.Time, slack time.Duration) bool {
	return !set.Before(by) && !set.After(by.Add(slack)) && set.IsZero() == by.IsZero()
}

// explain turns what a connection's Read or Write returned into one of this package's errors. late is what running
// into a deadline means at this point.
func (l *limits) explain(err, late error) error {
	switch {
	case l.cancel.Cancelled():
		return ErrCancelled
	case errors.Is(err, ErrProtocol), errors.Is(err, ErrRequestBody):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		if l.over() {
			return ErrTimeout
		}
		return late
	case errors.Is(err, io.EOF):
		return ErrCut
	}
	return fmt.Errorf("%w: %w", ErrCut, reason(err))
}

// over reports whether the exchange's time is used up.
func (l *limits) over() bool { return !l.deadline.IsZero() && !time.Now().Before(l.deadline) }

// reason takes the addresses off a network error: the log names the target already.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// waitContext is a Cancel as a context, for dialling. It owns no goroutine; the dialler watches Done.
type waitContext struct {
	context.Context
	cancel *Cancel
	until  time.Time
}

func (w waitContext) Deadline() (time.Time, bool) { return w.until, !w.until.IsZero() }
func (w waitContext) Done() <-chan struct{}       { return w.cancel.Done() }

func (w waitContext) Err() error {
	if w.cancel.Cancelled() {
		return context.Canceled
	}
	return nil
}
